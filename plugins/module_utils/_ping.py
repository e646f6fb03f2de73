# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pings to Healthchecks. Whoever may ping is known by the URL, so it is a secret: it comes from a
file and is in nothing that is said.
"""

from __future__ import annotations

import http.client
import sys
import time
import urllib.error
import urllib.request

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import read_secret

_ATTEMPTS = 3
_SECONDS = 10
_PAUSE = 2.0


def send(url_file: str | None, signal: str, body: str = "") -> bool:
    """Given the file of a check's URL, or none, and a signal (start, fail, an exit code), ping.

    Return whether it came through. A network that is down is said on stderr and fails nothing.
    """
    if not url_file:
        return False
    cause: object = ""
    for attempt in range(_ATTEMPTS):
        try:
            request = urllib.request.Request(
                f"{read_secret(url_file).rstrip('/')}/{signal}", data=body.encode(), method="POST"
            )
            with urllib.request.urlopen(request, timeout=_SECONDS):
                return True
        except urllib.error.HTTPError as error:
            cause = f"{error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            cause = getattr(error, "reason", None) or type(error).__name__
        except (BackupError, ValueError) as error:
            cause = error if isinstance(error, BackupError) else "its URL is none"
            break
        if attempt < _ATTEMPTS - 1:
            time.sleep(_PAUSE)
    sys.stderr.write(f"the ping {signal!r} did not reach the check of the drill: {cause}\n")
    return False
