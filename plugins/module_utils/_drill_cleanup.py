# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finish drills that were killed: program of the drill unit's ExecStopPost=.

    python -m ansible_collections.janus.backup.plugins.module_utils._drill_cleanup DRILLFILE

Each gets its report, and what it left on this host is removed. Only what carries the name of a
drill that does not live any more is touched.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ansible_collections.janus.backup.plugins.module_utils import (
    _drill_config,
    _drill_finish,
    _drill_place,
    _rebuild,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def main() -> int:
    """Finish all dead drills of the host whose settings are named on the command line. Return the
    exit code.
    """
    try:
        settings = _drill_config.read(sys.argv[1])
        with _drill_place.alone():
            for drill in sorted(_drill_place.known(Path(settings["state"])) | _rebuild.drills()):
                if not _drill_place.lives(drill):
                    _drill_finish.finish(settings, drill)
    except (BackupError, OSError, ValueError) as error:
        sys.stderr.write(f"cleaning up after a drill: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
