# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove what drills that were killed left on this host: program of the drill unit's ExecStopPost=.

    python -m ansible_collections.janus.backup.plugins.module_utils._drill_cleanup STATE

Only what carries the label of a drill is removed, and the directory of the extracted archive.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ansible_collections.janus.backup.plugins.module_utils import _container, _rebuild
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import remove_tree


def main() -> int:
    """Clean up after all drills of the state directory in argv. Return the exit code."""
    state = Path(sys.argv[1])
    try:
        _container.remove_labelled(f"{_container.LABEL}=drill")
        for drill in _rebuild.drills():
            _rebuild.tear_down(drill)
        remove_tree(state / "drill")
        remove_tree(Path("/run/janus-backup/drill"))
    except (BackupError, OSError) as error:
        sys.stderr.write(f"cleaning up after a drill: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
