# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small files inside a container, read and written through Docker, wherever they are: in the image,
the container's own layer or a mount.
"""

from __future__ import annotations

import io
import posixpath
import tarfile
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def read(name: str, path: str) -> bytes | None:
    """Given a container and an absolute path in it, return the file's content, or None without one.

    Symbolic links are followed. Raise BackupError if Docker refuses.
    """
    import docker

    for _hop in range(8):
        try:
            stream, _status = _container.client().api.get_archive(name, path)
            packed = io.BytesIO(b"".join(stream))
        except docker.errors.NotFound:
            return None
        except docker.errors.APIError as error:
            raise _refused("read", path, name, error) from error
        with tarfile.open(fileobj=packed) as archive:
            member = archive.next()
            if member is not None and member.isfile():
                content = archive.extractfile(member)
                return content.read() if content else None
            if member is None or not member.issym():
                return None
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname))
    return None


def write(name: str, path: str, content: bytes) -> None:
    """Given a container, an absolute path in it and a content, put that file there, readable by
    every user in the container. Raise BackupError if Docker refuses, as for a read-only mount.
    """
    import docker

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo(path.lstrip("/"))
        member.size, member.mode = len(content), 0o644
        archive.addfile(member, io.BytesIO(content))
    try:
        _container.client().api.put_archive(name, "/", packed.getvalue())
    except docker.errors.APIError as error:
        raise _refused("write", path, name, error) from error


def of_host(name: str, path: str) -> bool:
    """Given a container and a path in it, return whether that is mounted from the host."""
    return any(
        mount["Type"] == "bind"
        and (
            path == mount["Destination"] or path.startswith(mount["Destination"].rstrip("/") + "/")
        )
        for mount in _container.inspect(name, running=False)["Mounts"]
    )


def _refused(verb: str, path: str, name: str, error: Any) -> BackupError:
    return BackupError(f"cannot {verb} {path} in container {name}: {error.explanation}")
