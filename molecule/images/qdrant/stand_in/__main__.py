# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the stand-in: python3 -m stand_in."""

from __future__ import annotations

import uvicorn

from . import TITLE, application, settings


def main() -> None:
    """Serve until told to stop."""
    chosen = settings.from_environment()
    print(f"{TITLE}\nlistening on {chosen.host}:{chosen.port}", flush=True)
    uvicorn.run(
        application.build(chosen),
        host=chosen.host,
        port=chosen.port,
        ssl_certfile=chosen.certificate,
        ssl_keyfile=chosen.private_key,
        # The application names itself.
        server_header=False,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=20,
    )


if __name__ == "__main__":
    main()
