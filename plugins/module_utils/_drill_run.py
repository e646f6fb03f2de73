# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one drill from its first moment to its last: program of janus-backup-drill@.service.

    python -m ansible_collections.janus.backup.plugins.module_utils._drill_run DRILLFILE INSTANCE

It names the drill, holds its lock, has the playbook `drill` do the work, and ends with the exit
code that stands for the verdict: see docs/drill.md. If it is killed, `_drill_cleanup` finishes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import (
    _drill_config,
    _drill_finish,
    _drill_place,
    _ping,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import write_atomically

PLAYBOOK = "janus.backup.drill"


def run(drill_file: str, settings: dict[str, Any], wanted: dict[str, Any]) -> int:
    """Given the file of the settings, the settings in it, and what is wanted, drill.

    Return the exit code. Raise BackupError if it could not be recorded or left something behind.
    """
    state = Path(settings["state"])
    drill, lock = _drill_place.begin(state)
    variables = {
        "drill_name": drill,
        "drill_directory": str(_drill_place.directory(state, drill)),
        "drill_wanted": wanted,
        "drill_started": time.time(),
    }
    path = _drill_place.directory(state, drill) / _drill_place.WANTED
    write_atomically(path, json.dumps(variables))
    _ping.send(settings["healthchecks_file"], "start")
    playbook = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            PLAYBOOK,
            f"--extra-vars=@{drill_file}",
            f"--extra-vars=@{path}",
        ],
        check=False,
        pass_fds=[lock],  # the drill lives as long as its playbook does
    )
    code = _drill_finish.finish(settings, drill, playbook.returncode)
    os.close(lock)
    return code


def main() -> int:
    """Run the drill that the command line names. Return the exit code."""
    try:
        drill_file, instance = sys.argv[1:]
        settings = _drill_config.read(drill_file)
        return run(drill_file, settings, _drill_config.request(instance))
    except (BackupError, OSError, ValueError) as error:
        sys.stderr.write(f"the drill failed: {error}\n")
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
