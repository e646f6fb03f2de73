# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker Engine of the machine that the tests run on."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .command import BUILD, TestbedError, attempt, run_long, say, wait_until

PACKAGE_OF = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "iptables": "iptables",
    "debootstrap": "debootstrap",
    "ssh-keygen": "openssh-client",
}


def ensure() -> None:
    """Return once an engine answers; install it, start it, or do nothing."""
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
    install()
    if not answers():
        start()


def answers() -> bool:
    """Tell whether an engine answers the docker client."""
    return attempt("docker", "version", "--format", "{{.Server.Version}}").returncode == 0


def install() -> None:
    """Install what is missing with apt-get, as root on a Debian machine."""
    missing = sorted({package for name, package in PACKAGE_OF.items() if not shutil.which(name)})
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise TestbedError(f"please install {', '.join(missing)} (as root on Debian I would)")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run_long("apt-get update", ["apt-get", "update"], quiet)
    run_long(
        "install packages",
        ["apt-get", "install", "--yes", "--no-install-recommends", *missing],
        quiet,
    )


def start() -> None:
    """Start dockerd: by systemd where that runs, else in the background, its log in build/log."""
    log = BUILD / "log" / "dockerd.log"
    if Path("/run/systemd/system").is_dir():
        attempt("systemctl", "start", "docker.service")
    else:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            subprocess.Popen(
                ["dockerd"],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # it outlives this process, and Ctrl-C is not for it
            )
    wait_until(f"dockerd, see {log}", answers)
    say("dockerd: started")
