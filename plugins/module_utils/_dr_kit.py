# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the disaster recovery kit has to hold of a node, and whether a kit is of before it changed.

A kit notes the fingerprints of the keys and of the configuration that it holds, and drill hosts
know them. The manifest of every run has the fingerprint that the configuration had then.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _borg_key
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

FORMAT = "janus.backup dr kit"
FORMAT_VERSION = 1
NAME = "kit.json"
# Below /etc/janus-backup: what was rendered from the declaration and holds no secret of its own.
_RENDERED = ("jobs/*.yml", "borgmatic.d/*.yaml", "borgmatic.d/partial/*.yaml")
# The options of borgmatic that the operator set, which may hold tokens.
_LEFT_OUT = "left out here: see janus_backup_borgmatic_options in the inventory"


def rendered(directory: Path) -> list[Path]:
    """Given /etc/janus-backup, return the files in it that a node's configuration is."""
    return sorted(path for pattern in _RENDERED for path in directory.glob(pattern))


def configuration(directory: Path) -> str:
    """Given /etc/janus-backup, return the SHA-256 of the node's configuration."""
    digest = hashlib.sha256()
    for path in rendered(directory):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(directory)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def plain(text: str, options: list[str]) -> str:
    """Given a file of borgmatic and the options that the operator set, return it without them."""
    import yaml

    if not options:
        return text
    config = yaml.safe_load(text)
    shown = {key: _LEFT_OUT if key in options else value for key, value in config.items()}
    return yaml.safe_dump(shown, sort_keys=False)


def read(path: Path) -> dict[str, Any] | None:
    """Given the file in which a kit noted itself, return what it noted, None without a kit.

    Raise BackupError if it is no such file.
    """
    try:
        noted: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if (noted["format"], noted["format_version"]) != (FORMAT, FORMAT_VERSION):
            raise BackupError(f"{path} is of a format that this version does not know")
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{path} is not what a kit notes of itself: {error}") from error
    return noted


def warnings(noted: dict[str, Any] | None, key: str | None, run: dict[str, Any]) -> list[str]:
    """Given what the kit noted, the key of a repository and the run of an archive in it, return
    one sentence for each thing that was changed since the kit was made.

    A run from before the kit says nothing about it.
    """
    if noted is None:
        return ["there is no disaster recovery kit: janus.backup.dr_kit makes one"]
    node, made = noted["nodes"].get(run["node"]), noted["made"]
    if node is None:
        return [f"node {run['node']} is not in the disaster recovery kit of {made}"]
    found = []
    if key is not None and _borg_key.fingerprint(key) not in node["keys"].values():
        found.append(f"the repository's key is not in the disaster recovery kit of {made}")
    then = run.get("configuration", node["configuration"])
    if run["started"] > made and then != node["configuration"]:
        found.append(
            f"the configuration of node {run['node']} was changed after the disaster recovery kit"
            f" of {made} was made"
        )
    return found
