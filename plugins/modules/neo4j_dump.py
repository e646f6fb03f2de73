#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump Neo4j Community as a cold copy with data checksums."""

from __future__ import annotations

DOCUMENTATION = r"""
module: neo4j_dump
short_description: Dump Neo4j Community as a cold copy with data checksums
description:
  - Stops the server gracefully, copies the stores of all databases with their transaction logs,
    C(system) with the users included, and starts the server again at once.
  - Proves the copy consistent and reads its checksums afterwards, while the server runs again, from
    a server of its own on a copy of the copy, in a container without network.
  - How long the server was down is recorded and bounded. A run that is killed leaves a note by
    which the next clean-up starts the server.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - docker (with O(runtime=docker))
extends_documentation_fragment:
  - janus.backup.service
  - janus.backup.service.attributes
options:
  staging:
    description:
      - Staging directory of the run, which must exist.
      - The dump appears in it under O(name) once it is whole, not before.
    type: path
    required: true
  options:
    description: What is special about Neo4j.
    type: dict
    suboptions:
      max_downtime:
        description:
          - Seconds that the server may be down, from the order to stop until Bolt answers again.
          - A stop that takes longer is ended by a kill. The server is running again before the
            dump fails.
        type: int
        default: 300
      check:
        description: Whether to prove the copy with C(neo4j-admin database check).
        type: bool
        default: true
      portable:
        description:
          - Whether to add an archive of each database made by C(neo4j-admin database dump), which
            other versions can load. It is made from the copy.
        type: bool
        default: false
      memory:
        description:
          - Heap, and as much again as page cache, of the server that reads the copy, and heap of
            C(neo4j-admin).
        type: str
        default: 512m
      tls:
        description: Whether the Bolt connector wants TLS; its certificate is not verified.
        type: bool
        default: false
      unit:
        description: The systemd unit with O(runtime=host).
        type: str
        default: neo4j
"""

EXAMPLES = r"""
- name: Dump Neo4j into the staging directory of a run
  janus.backup.neo4j_dump:
    name: neo4j
    container: janus-neo4j
    user: neo4j
    password_file: /etc/janus-backup/credentials/neo4j
    staging: /var/lib/janus-backup/staging/nightly
    job: nightly
    options:
      max_downtime: 60
"""

RETURN = r"""
consistency:
  description: How the checksums are known to describe the dump, and how long the server was down.
  returned: when a dump was made
  type: dict
  sample: {"kind": "stopped", "reason": null, "downtime_seconds": 9.1}
artefacts:
  description: The files of the dump with size in bytes and SHA-256.
  returned: when a dump was made
  type: list
  elements: dict
objects:
  description: Number of objects that have a data checksum.
  returned: when a dump was made
  type: int
seconds:
  description: How long it took.
  returned: when a dump was made
  type: float
"""

from ansible_collections.janus.backup.plugins.module_utils._service_module import run_dump
from ansible_collections.janus.backup.plugins.module_utils._services import neo4j

OPTIONS = {
    "max_downtime": {"type": "int", "default": 300},
    "check": {"type": "bool", "default": True},
    "portable": {"type": "bool", "default": False},
    "memory": {"type": "str", "default": "512m"},
    "tls": {"type": "bool", "default": False},
    "unit": {"type": "str", "default": "neo4j"},
}


def main() -> None:
    """Run the module."""
    run_dump(neo4j, OPTIONS)


if __name__ == "__main__":
    main()
