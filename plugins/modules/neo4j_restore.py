#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore Neo4j from a cold copy into an empty server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: neo4j_restore
short_description: Restore Neo4j from a cold copy into an empty server
description:
  - Copies the stores of all databases beside those of the server, stops it, puts them in their
    place, and starts it again.
  - Checks size and SHA-256 of every file of the dump before it touches the server.
  - Changes nothing when the server's data checksums already equal those of the dump.
  - Users and passwords are those of the dump afterwards.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - docker (with O(runtime=docker))
extends_documentation_fragment:
  - janus.backup.service
  - janus.backup.service.attributes
options:
  source:
    description: Directory of the extracted archive, the one that holds C(manifest.json).
    type: path
    required: true
  replace:
    description: Whether a server that holds data may be overwritten.
    type: bool
    default: false
  wait:
    description: Seconds to wait for the server to accept connections.
    type: int
    default: 120
  options:
    description: What is special about Neo4j.
    type: dict
    suboptions:
      max_downtime:
        description:
          - Seconds that the server may be down, from the order to stop until Bolt answers again.
          - A stop that takes longer is ended by a kill. The server is running again before the
            restore fails.
        type: int
        default: 300
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
- name: Restore Neo4j into a container that was made a moment ago
  janus.backup.neo4j_restore:
    name: neo4j
    container: drill-neo4j
    user: neo4j
    password_file: /var/lib/janus-backup/drill/archive/neo4j/credential
    source: /var/lib/janus-backup/drill/archive
    job: drill
"""

RETURN = r"""
msg:
  description: Why the server was restored, or that it was equal already.
  returned: always
  type: str
seconds:
  description: How long the restore took.
  returned: when restored
  type: float
tool_seconds:
  description: How long the service's own tools took of that.
  returned: when restored
  type: float
"""

from ansible_collections.janus.backup.plugins.module_utils._service_module import run_restore
from ansible_collections.janus.backup.plugins.module_utils._services import neo4j

OPTIONS = {
    "max_downtime": {"type": "int", "default": 300},
    "tls": {"type": "bool", "default": False},
    "unit": {"type": "str", "default": "neo4j"},
}


def main() -> None:
    """Run the module."""
    run_restore(neo4j, OPTIONS)


if __name__ == "__main__":
    main()
