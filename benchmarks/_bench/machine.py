# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result has to say of the machine that it was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

from . import PROJECT


def load() -> float:
    """Return the load of the last minute."""
    return round(os.getloadavg()[0], 2)


def describe() -> dict[str, str | int]:
    """Return processor, cores, memory and kernel."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(pages / 1e9),
        "kernel": platform.release(),
        "docker": said("docker", "version", "--format", "{{.Server.Version}}"),
    }


def versions(tools: dict[str, str]) -> dict[str, str]:
    """Return the versions of the collection and its parts, and of the peers that are there."""
    galaxy = yaml.safe_load((PROJECT / "galaxy.yml").read_text(encoding="utf-8"))
    found = {"janus.backup": str(galaxy["version"])}
    for package in ("ansible-core", "borgmatic"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    for name, path in tools.items():
        flag = "version" if name in ("restic", "rclone") else "--version"
        found[name] = next(iter(said(path, flag).splitlines()), "")
    return found


def busy(stat: Path = Path("/proc/stat")) -> float:
    """Return for how many seconds all processors together have been busy since the machine booted
    (the first line of proc(5)'s /proc/stat, without idle and iowait).
    """
    line = stat.read_text(encoding="ascii").splitlines()[0]
    user, nice, system, _idle, _iowait, irq, softirq, *_rest = map(int, line.split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def commit() -> str:
    """Return the commit that is measured, with a mark if there is more than that."""
    git = ("git", "-C", str(PROJECT))
    # What the groups before this one have written is no change of what is measured.
    changed = said(*git, "status", "--porcelain", "--", ".", ":!benchmarks/results", ":!docs")
    described = said(*git, "describe", "--always")
    return f"{described}{'-dirty' if changed else ''}" if described else "unknown"


def said(*command: str) -> str:
    """Return what a command printed, stripped; nothing if it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
