#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore PostgreSQL from a dump into an empty server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_restore
short_description: Restore PostgreSQL from a dump into an empty server
description:
  - Restores roles, tablespaces and settings, then every database of the dump with its owner,
    encoding, collation, settings and data, and collects statistics.
  - Checks size and SHA-256 of every file of the dump before it touches the server.
  - Changes nothing when the server's data checksums already equal those of the dump.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - psycopg2
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
    description: Whether databases that hold data may be dropped and replaced.
    type: bool
    default: false
  wait:
    description: Seconds to wait for the server to accept connections.
    type: int
    default: 120
  options:
    description: What is special about PostgreSQL.
    type: dict
    suboptions:
      databases:
        description: The databases that the dump was limited to, for comparing.
        type: list
        elements: str
        default: []
      jobs:
        description: Number of tables that C(pg_restore) fills at once.
        type: int
        default: 2
"""

EXAMPLES = r"""
- name: Restore PostgreSQL into a container that was made a moment ago
  janus.backup.postgresql_restore:
    name: postgresql
    container: drill-postgresql
    user: janus
    password_file: /var/lib/janus-backup/drill/archive/postgresql/credential
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
from ansible_collections.janus.backup.plugins.module_utils._services import postgresql

OPTIONS = {
    "databases": {"type": "list", "elements": "str", "default": []},
    "jobs": {"type": "int", "default": 2},
}


def main() -> None:
    """Run the module."""
    run_restore(postgresql, OPTIONS)


if __name__ == "__main__":
    main()
