# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data checksums: a flat mapping from an object's name to what must come back equal.

    {'database "app" table "public"."package"': {"rows": 63412, "digest": "8237…"}}

Every service speaks this form, so that comparing needs to know nothing about any of them.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

Checksums = dict[str, dict[str, Any]]
# Made once: json.dumps() would make one each time, and there may be millions of small values.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> str:
    """Given plain data, return the one JSON text that stands for it."""
    return _ENCODER.encode(value)


def digest(value: Any) -> str:
    """Given plain data, return the SHA-256 of its canonical JSON in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def differences(expected: Checksums, found: Checksums) -> list[str]:
    """Given the checksums taken at backup and those found, return one sentence for each object
    that is missing, unexpected or different; an empty list means equal.

    An object with `until`, in seconds since 1970, expires by itself and is not compared after that.
    """
    now = time.time()
    lapsed = {name for name, value in expected.items() if value.get("until", now + 1) <= now}
    sentences = [f"{name}: missing" for name in expected.keys() - found.keys() - lapsed]
    sentences += [f"{name}: not in the backup" for name in found.keys() - expected.keys()]
    for name in (expected.keys() & found.keys()) - lapsed:
        want, have = expected[name], found[name]
        changed = [
            key for key in sorted(want.keys() | have.keys()) if want.get(key) != have.get(key)
        ]
        if changed:
            parts = [f"{key} {want.get(key)} at backup, {have.get(key)} now" for key in changed]
            sentences.append(f"{name}: {'; '.join(parts)}")
    return sorted(sentences)
