# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a configuration directory made of this machine's package world onto a host, over SSH.

Replaces its own files below /etc/janus and leaves others alone; the same packages give the same
files, times included. The host needs tar, and a file system with ACLs and extended attributes.
"""

from __future__ import annotations

import argparse
import io
import json
import shlex
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from typing import Any

from packages import Package, catalogue

HOME = "/etc/janus"
OWN = ("packages.d", "secrets", "odd", "shared", "current", "run")
MOMENT = 1_700_000_000  # of every file, plus its number
# The users of the containers' images, of whom the node need know nothing.
NEO4J, REDIS = 7474, 999
CAPABILITY = "\x01\x00\x00\x02\x00\x04" + "\x00" * 14  # cap_net_bind_service, permitted
ACL = "user::rw-,user:4711:r--,group::r--,mask::r--,other::---"
ODD = ("with space", "ünï", "line\nfeed", "back\\slash", "-dash", "*", "x" * 255)


class Folder:
    """A tar in memory, to be unpacked in the directory."""

    def __init__(self) -> None:
        """Begin with nothing in it."""
        self._content = io.BytesIO()
        self._tar = tarfile.TarFile(fileobj=self._content, mode="w", format=tarfile.PAX_FORMAT)
        self.number = 0

    def add(self, name: str, content: str = "", mode: int = 0o644, **more: Any) -> None:
        """Add a file, or what `type` says, with further fields of its tar header."""
        member = tarfile.TarInfo(name)
        data = content.encode()
        member.size, member.mode, member.mtime = len(data), mode, MOMENT + self.number
        for field, value in more.items():
            setattr(member, field, value)
        self._tar.addfile(member, io.BytesIO(data))
        self.number += 1

    def directory(self, name: str, mode: int = 0o755, **more: Any) -> None:
        """Add a directory."""
        self.add(name, mode=mode, type=tarfile.DIRTYPE, **more)

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self.add(name, mode=0o777, type=tarfile.SYMTYPE, linkname=target)

    def packed(self) -> bytes:
        """Return the tar."""
        self._tar.close()
        return self._content.getvalue()


def configuration(package: Package) -> Iterator[str]:
    """Yield the lines of a package's configuration file."""
    yield f"# {package.description.splitlines()[0] if package.description else package.name}"
    for field in ("name", "version", "architecture", "source", "section", "homepage"):
        yield f"{field} = {json.dumps(getattr(package, field), ensure_ascii=False)}"
    for dependency in package.dependencies:
        yield f"{dependency.kind} = {' | '.join(one.name for one in dependency.alternatives)}"


def fill(folder: Folder, limit: int) -> None:
    """Add all files to the folder."""
    folder.directory("packages.d")
    with catalogue(limit) as world:
        for package in world:
            name = f"packages.d/{package.name}_{package.architecture}.conf"
            folder.add(name, "\n".join([*configuration(package), ""]))
    folder.directory("secrets", 0o700)
    for name, owner in (("neo4j", NEO4J), ("redis", REDIS)):
        folder.add(f"secrets/{name}.env", f"PASSWORD={name}\n", 0o600, uid=owner, gid=owner)
    folder.directory("shared", 0o2775, gid=REDIS)
    folder.add("shared/by-acl", "4711 may\n", 0o640, pax_headers={"SCHILY.acl.access": ACL})
    folder.add("shared/noted", pax_headers={"SCHILY.xattr.user.note": "überprüft"})
    capable = {"SCHILY.xattr.security.capability": CAPABILITY}
    folder.add("shared/capable", "x", 0o755, pax_headers=capable)
    folder.add("run", "#!/bin/sh\n", 0o4755)
    folder.directory("odd")
    for name in ODD:
        folder.add(f"odd/{name}", name)
    folder.directory("odd/empty", 0o711)
    folder.add("odd/pipe", type=tarfile.FIFOTYPE)
    folder.add("odd/debug.log", "left out\n")
    folder.link("odd/dangling", "/nowhere/at all")
    folder.link("current", "packages.d")


def seed(ssh: str, limit: int) -> dict[str, Any]:
    """Seed the host and return what was made. Raise RuntimeError if it refuses."""
    began, folder = time.monotonic(), Folder()
    fill(folder, limit)
    unpack = "tar --extract --same-owner --numeric-owner --same-permissions --acls"
    unpack += " --xattrs --xattrs-include='*'"
    program = f"mkdir -p {HOME} && cd {HOME} && rm -rf {' '.join(OWN)} && {unpack}"
    done = subprocess.run(
        [*shlex.split(ssh), program], input=folder.packed(), capture_output=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode(errors="replace").strip())
    return {"files": folder.number, "seconds": round(time.monotonic() - began, 1)}


def main() -> int:
    """Parse the command line, seed, and print the result as one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ssh", required=True, help="command that runs another on the host")
    parser.add_argument("--packages", type=int, default=400, help="packages at most (%(default)s)")
    arguments = parser.parse_args()
    try:
        result = seed(arguments.ssh, arguments.packages)
    except RuntimeError as failure:
        parser.exit(1, f"files.py: {failure}\n")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
