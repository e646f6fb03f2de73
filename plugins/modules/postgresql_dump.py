#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump PostgreSQL with data checksums from the same snapshot."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_dump
short_description: Dump PostgreSQL with data checksums from the same snapshot
description:
  - Dumps every database of a server in directory format, and its roles, tablespaces and settings.
  - One C(REPEATABLE READ READ ONLY) transaction per database exports its snapshot. C(pg_dump) reads
    from it, and rows and digests of every table are computed inside it at the same time, so that
    the checksums describe exactly what is in the dump while clients go on writing.
  - The dump is not compressed, so that BorgBackup can deduplicate it.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - psycopg2
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
    description: What is special about PostgreSQL.
    type: dict
    suboptions:
      databases:
        description: Databases to dump. All that are not templates when empty.
        type: list
        elements: str
        default: []
      jobs:
        description: Number of tables that C(pg_dump) reads at once.
        type: int
        default: 2
      lock_timeout:
        description:
          - Seconds to wait for a table that a client has locked exclusively before giving up.
        type: int
        default: 60
"""

EXAMPLES = r"""
- name: Dump PostgreSQL into the staging directory of a run
  janus.backup.postgresql_dump:
    name: postgresql
    container: janus-postgresql
    user: janus
    password_file: /etc/janus-backup/credentials/postgresql
    staging: /var/lib/janus-backup/staging/nightly
    job: nightly
"""

RETURN = r"""
consistency:
  description: How the checksums are known to describe the dump.
  returned: when a dump was made
  type: dict
  sample: {"kind": "snapshot", "reason": null, "skew_seconds": 0.012}
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
from ansible_collections.janus.backup.plugins.module_utils._services import postgresql

OPTIONS = {
    "databases": {"type": "list", "elements": "str", "default": []},
    "jobs": {"type": "int", "default": 2},
    "lock_timeout": {"type": "int", "default": 60},
}


def main() -> None:
    """Run the module."""
    run_dump(postgresql, OPTIONS)


if __name__ == "__main__":
    main()
