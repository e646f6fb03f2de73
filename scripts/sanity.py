#!/usr/bin/env python
# Copyright: (c) 2026, Janus backend team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run `ansible-test sanity` on the collection as it ships, given its tarball.

Further arguments go to ansible-test. It runs with a home of its own in build/home.
"""

from __future__ import annotations

import ast
import configparser
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

from ansible_test._internal.python_requirements import get_venv_packages

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build/ansible_collections/janus/backup"
HOME = ROOT / "build/home"

# ansible-test makes empty virtual environments for some tests and downloads get-pip for them from
# one fixed address. Python brings a pip along that can fetch the wanted one from any index.
STAND_IN = """\
import subprocess
import sys

subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
options = [item for item in sys.argv[1:] if item not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.run([sys.executable, "-m", "pip", "install", *options]).returncode)
"""


def offer_pip() -> None:
    """Put the stand-in where ansible-test looks for a get-pip downloaded before."""
    version = get_venv_packages(SimpleNamespace(version="3.11"))["pip"].replace(".", "_")
    path = HOME / f".ansible/test/cache/get_pip_{version}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(STAND_IN)


def keep_pip_settings() -> None:
    """Write down pip's settings as they are here: ansible-test drops PIP_* from the environment."""
    listing = [sys.executable, "-m", "pip", "config", "list"]
    settings = subprocess.run(listing, capture_output=True, check=True, text=True).stdout
    configuration = configparser.RawConfigParser()
    for setting in settings.splitlines():
        name, _, quoted = setting.partition("=")
        section, _, key = name.rpartition(".")
        section = "global" if section == ":env:" else section
        value = str(ast.literal_eval(quoted)).strip()
        configuration.read_dict({section: {key: value}})
    path = HOME / ".pip/pip.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    with path.open("w") as sink:
        configuration.write(sink)


def unpack(tarball: Path) -> None:
    """Unpack the built collection in a path and a checkout that ansible-test accepts."""
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    with tarfile.open(tarball) as archive:
        archive.extractall(COPY)  # built a moment ago; Python 3.11.2 knows no filter
    for generated in ("MANIFEST.json", "FILES.json"):
        (COPY / generated).unlink()
    shutil.copy(ROOT / "galaxy.yml", COPY)
    if (ROOT / "tests/sanity").is_dir():
        shutil.copytree(ROOT / "tests/sanity", COPY / "tests/sanity")
    # Otherwise ansible-test asks the checkout above, which ignores build/ and lists no file.
    subprocess.run(["git", "init", "--quiet", str(COPY)], check=True)


def main() -> int:
    """Give the exit code of ansible-test."""
    tarball, *arguments = sys.argv[1:]
    offer_pip()
    keep_pip_settings()
    unpack(Path(tarball))
    command = ["ansible-test", "sanity", "--local", "--requirements", "--python", "3.11"]
    environment = {**os.environ, "HOME": str(HOME)}
    return subprocess.run([*command, *arguments], cwd=COPY, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
