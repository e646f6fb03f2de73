# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pings to Healthchecks. Whoever may ping is known by the URL, so it is a secret: it comes from a
file and is in nothing that is said.
"""

from __future__ import annotations

import sys
import time

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
    import requests

    cause: object = ""
    for attempt in range(_ATTEMPTS):
        try:
            url = f"{read_secret(url_file).rstrip('/')}/{signal}"
            answer = requests.post(url, data=body.encode(), timeout=_SECONDS)
            if answer.ok:
                return True
            cause = f"{answer.status_code} {answer.reason}"
        except BackupError as error:
            cause = error
            break
        except ValueError:  # which requests' own errors about a URL are
            cause = "its URL is none"
            break
        except requests.RequestException as error:  # what it says holds the URL
            cause = type(error).__name__
        if attempt < _ATTEMPTS - 1:
            time.sleep(_PAUSE)
    sys.stderr.write(f"the ping {signal!r} did not reach the check of the drill: {cause}\n")
    return False
