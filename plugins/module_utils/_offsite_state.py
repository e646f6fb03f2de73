# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of an off-site copy: one file of state and one of metrics for each target, and for
each repository on another host.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    write_atomically,
)

# State's key, metric's name behind janus_backup_offsite_, what it is.
_METRICS = (
    ("last_success", "last_success_timestamp_seconds", "When the copy was last complete."),
    ("age_seconds", "age_seconds", "How old the copy was at the last attempt."),
    ("last_attempt", "last_attempt_timestamp_seconds", "When a copy was last begun."),
    ("bytes_moved", "moved_bytes", "Bytes that the last complete copy moved."),
    ("objects_moved", "moved_objects", "Objects that the last complete copy moved."),
    ("objects", "objects", "Objects in the copy."),
    ("bytes", "bytes", "Bytes in the copy."),
    ("copied", "copied_timestamp_seconds", "When the copy that was proved was complete."),
    ("seconds", "seconds", "Seconds that the last complete copy took."),
)


def now() -> str:
    """Return this moment in UTC, as the state has it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(moment: str) -> float:
    """Given a moment of the state, return it in seconds since 1970."""
    return datetime.datetime.fromisoformat(moment).timestamp()


def path(target: dict[str, Any], suffix: str = "") -> Path:
    """Given a target, return where its state is."""
    return Path(target["state"]) / "offsite" / f"{target['name']}{suffix}.json"


def of_repository(job: dict[str, Any], repository: str) -> dict[str, Any] | None:
    """Given a job and one of its repositories on another host, return what its state is kept
    under, None if it is on this host.

    Raise BackupError if the job has no such repository.
    """
    declared = [each for each in job["repositories"] if each["path"] == repository]
    if not declared:
        raise BackupError(f"job {job['name']} has no repository {repository}")
    if not repository.startswith("ssh://"):
        return None
    return {
        "name": f"repository_{declared[0]['label']}",
        "type": "repository",
        "state": job["state"],
        "metrics": job.get("metrics"),
        "required": declared[0]["required"],
        "max_age_hours": declared[0]["max_age_hours"],
    }


def load(target: dict[str, Any], suffix: str = "") -> dict[str, Any]:
    """Given a target, return its state; that of one that was never tried before the first time."""
    try:
        state: dict[str, Any] = json.loads(path(target, suffix).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a state that is lost begins anew, and never claims a success
        return {"version": 1, "target": target["name"], "type": target["type"], "since": now()}
    return state


def hours_old(state: dict[str, Any]) -> float:
    """Given a state, return how old the copy is, or how long there has been none."""
    return (stamp(now()) - stamp(state.get("last_success") or state["since"])) / 3600


def save(target: dict[str, Any], state: dict[str, Any], suffix: str = "") -> None:
    """Given a target and its state, write it, and the metrics, so that no half of it is seen."""
    state["age_seconds"] = round(3600 * hours_old(state))
    place = path(target, suffix)
    private_directory(place.parent)
    write_atomically(place, json.dumps(state, indent=2) + "\n")
    if target["metrics"]:
        name = f"janus_backup_offsite_{target['name']}{suffix.replace('-', '_')}.prom"
        write_atomically(Path(target["metrics"]) / name, metrics(state, suffix), mode=0o644)


def metrics(state: dict[str, Any], suffix: str = "") -> str:
    """Given a state, return it in Prometheus' text format."""
    prefix = f"janus_backup_offsite{suffix.replace('-', '_')}"
    labels = f'{{target="{state["target"]}",type="{state["type"]}"}}'
    lines = [
        f"# HELP {prefix}_ok Whether the last attempt left the copy complete.",
        f"# TYPE {prefix}_ok gauge",
        f"{prefix}_ok{labels} {int(state.get('status') in ('copied', 'current', 'proven'))}",
    ]
    for key, name, help_text in _METRICS:
        if (value := state.get(key)) is not None:
            number = stamp(value) if isinstance(value, str) else value
            lines += [
                f"# HELP {prefix}_{name} {help_text}",
                f"# TYPE {prefix}_{name} gauge",
                f"{prefix}_{name}{labels} {number:.15g}",
            ]
    return "\n".join(lines) + "\n"
