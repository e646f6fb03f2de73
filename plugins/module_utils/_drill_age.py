# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alert when the last proven drill is too old or never was, or when the history was tampered with:
program of janus-backup-drill-age.service.

    python -m ansible_collections.janus.backup.plugins.module_utils._drill_age DRILLFILE
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import (
    _drill_config,
    _drill_finish,
    _drill_history,
    _drill_metrics,
    _drill_report,
    _ping,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def alarms(settings: dict[str, Any], now: float) -> list[str]:
    """Given the settings and the present moment, return one sentence for each cause of alarm."""
    directory = _drill_finish.history(settings)
    signers = settings["allowed_signers_file"]
    found = _drill_history.verify(directory, Path(signers) if signers else None)
    reports = _drill_history.read(directory)
    _drill_metrics.write(settings, reports)
    proven, limit = _drill_metrics.last_proven(reports), settings["max_age"]
    seconds = _drill_report.seconds_of(limit)
    if seconds is not None and not proven:
        found.append("no drill of all services was ever proven")
    elif seconds is not None and now - proven > seconds:
        moment = datetime.fromtimestamp(proven, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found.append(f"the last proven drill was at {moment}, longer ago than {limit}")
    return found


def main() -> int:
    """Look at the history of the host whose settings are named on the command line. Return 1, and
    ping a failure, if there is a cause of alarm.
    """
    try:
        settings = _drill_config.read(sys.argv[1])
        found = alarms(settings, time.time())
    except (BackupError, OSError, ValueError) as error:
        sys.stderr.write(f"cannot tell how old the last proven drill is: {error}\n")
        return 1
    if found:
        sys.stderr.write("".join(f"{sentence}\n" for sentence in found))
        _ping.send(settings["healthchecks_file"], "fail", "; ".join(found))
    return int(bool(found))


if __name__ == "__main__":
    raise SystemExit(main())
