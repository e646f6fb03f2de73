#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell version, databases, size and data checksums of a Neo4j server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: neo4j_info
short_description: Tell version, databases, size and data checksums of a Neo4j server
description:
  - Reads from a server what a backup of it would record, and changes nothing.
  - With O(compare_with) it tells every object that differs from what an archive recorded.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - docker (with O(runtime=docker))
extends_documentation_fragment:
  - janus.backup.service
  - janus.backup.service.attributes
  - janus.backup.service.checks
options:
  checksums:
    description: Whether to compute the data checksums, which reads every node and relationship.
    type: bool
    default: false
  compare_with:
    description: Directory of an extracted archive whose checksums to compare with.
    type: path
  options:
    description: What is special about Neo4j.
    type: dict
    suboptions:
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
- name: Compare a server with an archive
  janus.backup.neo4j_info:
    name: neo4j
    container: janus-neo4j
    user: neo4j
    password_file: /etc/janus-backup/credentials/neo4j
    compare_with: /var/lib/janus-backup/drill/archive
  register: neo4j
  failed_when: neo4j.differences | length > 0
"""

RETURN = r"""
facts:
  description:
    - Version, user databases, the directories of stores and transaction logs, whether the edition
      has a procedure for a checkpoint, and the space that a dump may need, in bytes.
  returned: success
  type: dict
  sample: {"version": "5.26.30", "databases": ["neo4j"], "data": "/data", "bytes": 1082294272}
checksums:
  description: The data checksum of each object.
  returned: with O(checksums) or O(compare_with)
  type: dict
differences:
  description: One sentence for each object that is missing, unexpected or different.
  returned: with O(compare_with)
  type: list
  elements: str
checks:
  description: For each check its name, its target, and why it failed, null when it passed.
  returned: with O(checks)
  type: list
  elements: dict
seconds:
  description: How long computing the checksums and asking the checks took.
  returned: with O(checksums), O(compare_with) or O(checks)
  type: float
"""

from ansible_collections.janus.backup.plugins.module_utils._service_module import run_info
from ansible_collections.janus.backup.plugins.module_utils._services import neo4j

OPTIONS = {
    "tls": {"type": "bool", "default": False},
    "unit": {"type": "str", "default": "neo4j"},
}


def main() -> None:
    """Run the module."""
    run_info(neo4j, OPTIONS)


if __name__ == "__main__":
    main()
