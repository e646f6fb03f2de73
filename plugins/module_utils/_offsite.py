# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
r"""Copy a repository off-site: program of janus-backup-offsite@<name>.service.

    python -m ansible_collections.janus.backup.plugins.module_utils._offsite TARGETFILE \
        [--accept-loss | --refuse]

Ends with 0 when the copy is complete, with 75 when nothing is wrong but it has to be done later
(no network, no disk, not in the window), and with 1 otherwise, or when the copy has become too old.
What came of it is in <state>/offsite/<name>.json. With --accept-loss it copies even if that loses
what is off-site, and compares contents, not only sizes and times; with --refuse it only tells
whether the target may be used at all.
"""

from __future__ import annotations

import argparse
import datetime
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import (
    _offsite_copy,
    _offsite_place,
    _offsite_refusals,
    _offsite_state,
    _rclone,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_LATER = 75


def seconds_left(window: str | None, now: datetime.datetime) -> float | None:
    """Given a window HH:MM-HH:MM and a moment, return the seconds until it closes, None without
    one, 0 outside of it.
    """
    if not window:
        return None
    opens, closes = (datetime.time.fromisoformat(part) for part in window.split("-"))
    moment = now.time()
    inside = opens <= moment < closes if opens < closes else not closes <= moment < opens
    if not inside:
        return 0
    end = datetime.datetime.combine(now.date(), closes, now.tzinfo)
    return ((end - now).total_seconds() - 1) % 86400 + 1


def copy(target: dict[str, Any], state: dict[str, Any], accept_loss: bool) -> dict[str, Any]:
    """Given a target and what is known of its copy, make the copy. Return what is known then.

    Raise LaterError or RcloneError if the next window has to do it, BackupError if it must not be
    done.
    """
    begun = _now()
    _left(target)
    if sentence := _offsite_refusals.reason(target):
        raise BackupError(f"refusing {target['name']}: {sentence}")
    repository = Path(target["repository"])
    identity = _offsite_copy.repository_id(repository)
    with _offsite_place.reached(target) as place:
        local = target["type"] in ("disk", "path")
        if local and (sentence := _offsite_refusals.same_disk(target, Path(place))):
            raise BackupError(f"refusing {target['name']}: {sentence}")
        known = _known(target, state, place, identity, accept_loss)
        fingerprint = _offsite_copy.fingerprint(target)
        same = known.get("complete") and state.get("fingerprint") == fingerprint
        if same and not accept_loss:
            return {**state, "status": "current", "sentence": "nothing new", "last_success": _now()}
        started = time.monotonic()
        with _offsite_copy.sound(target) as holder:
            sizes = {name: size for name, (size, _time) in _offsite_copy.files(repository).items()}
            _brake(target, place, sizes, accept_loss)
            mark = {
                "format": "janus.backup copy",
                "format_version": 1,
                "node": target["node"],
                "target": target["name"],
                "repository_id": identity,
                "complete": False,
                "started": _now(),
                # A bucket asked for that moment shows the copy that is whole.
                "last_complete": begun if known.get("complete") else known.get("last_complete"),
                "token": secrets.token_hex(16),
            }
            _offsite_place.mark(target, place, mark)
            if sentence := _offsite_refusals.same_server(target, mark["token"]):
                raise BackupError(f"refusing {target['name']}: {sentence}")
            moved = _offsite_copy.synchronise(target, place, holder, _left(target), accept_loss)
            finished = {**mark, "complete": True, "finished": _now(), "sizes": sizes}
            _offsite_place.mark(target, place, finished)
    return {
        **state,
        "status": "copied",
        "sentence": f"{moved['bytes'] / 1e6:.1f} MB moved, {moved['transfers']} objects",
        "last_success": finished["finished"],
        "repository_id": identity,
        "fingerprint": fingerprint,
        "bytes_moved": moved["bytes"],
        "objects_moved": moved["transfers"],
        "objects_removed": moved["deletes"],
        "objects": len(sizes),
        "bytes": sum(sizes.values()),
        "seconds": round(time.monotonic() - started, 3),
    }


def _left(target: dict[str, Any]) -> float | None:
    """Return the seconds until the target's window closes, None if it has none. Raise LaterError if
    it is closed.
    """
    left = seconds_left(target["window"], datetime.datetime.now().astimezone())
    if left == 0:
        raise _offsite_place.LaterError(f"not in the window {target['window']}", "waiting")
    return left


def _now() -> str:
    return _offsite_state.now()


def _known(
    target: dict[str, Any], state: dict[str, Any], place: str, identity: str, accept_loss: bool
) -> dict[str, Any]:
    """Return what the copy says of itself. Raise BackupError if it is somebody else's or gone."""
    known = _offsite_place.marker(target, place)
    if known is None:
        if state.get("last_success") and not accept_loss:
            raise BackupError(
                f"the copy in {target['name']} is gone, though one was complete at "
                f"{state['last_success']}: look what became of it, then use --accept-loss"
            )
        if _rclone.listing(Path(target["rclone_config"]), place):
            raise BackupError(f"{target['name']} holds something that is no copy of ours")
        return {}
    if known["repository_id"] != identity and not accept_loss:
        raise BackupError(
            f"{target['name']} holds the copy of another repository, of {known['node']}: "
            "two repositories must not share a target"
        )
    return known


def _brake(target: dict[str, Any], place: str, sizes: dict[str, int], accept_loss: bool) -> None:
    there = _rclone.listing(Path(target["rclone_config"]), f"{place}/repository")
    sentence = _offsite_copy.loss(sizes, there, target["max_shrink"], target["max_removed"])
    if sentence and not accept_loss:
        raise BackupError(sentence)


def _attempt(target: dict[str, Any], accept_loss: bool) -> int:
    state = _offsite_state.load(target)
    state["last_attempt"] = _now()
    code = 0
    try:
        state = copy(target, state, accept_loss)
    except _offsite_place.LaterError as error:
        state |= {"status": error.status, "sentence": str(error)}
        code = _LATER
    except _rclone.RcloneError as error:
        later = error.kind in ("unreachable", "time")
        state |= {"status": "interrupted" if later else error.kind, "sentence": str(error)}
        code = _LATER if later else 1
    except (BackupError, OSError) as error:
        state |= {"status": "failed", "sentence": str(error)}
        code = 1
    age = _offsite_state.hours_old(state)
    sentence = f"{target['name']}: {state['status']}: {state['sentence']}"
    if age > target["max_age_hours"]:
        code = 1
        sentence += f"; the copy is {age:.0f} hours old, {target['max_age_hours']} are allowed"
    _offsite_state.save(target, state)
    sys.stderr.write(f"{sentence}\n")
    return code


def main() -> int:
    """Copy to the target named on the command line. Return the exit code."""
    parser = argparse.ArgumentParser(description="Copy a repository off-site.")
    parser.add_argument("target_file")
    parser.add_argument(
        "--accept-loss", action="store_true", help="copy even if that loses what is off-site"
    )
    parser.add_argument("--refuse", action="store_true", help="only tell whether it may be used")
    arguments = parser.parse_args()
    try:
        target = _offsite_place.read(arguments.target_file)
        if arguments.refuse:
            sentence = _offsite_refusals.reason(target)
            if sentence:
                raise BackupError(f"refusing {target['name']}: {sentence}")
            return 0
        return _attempt(target, arguments.accept_loss)
    except (BackupError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
