#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore one database, schema or table of PostgreSQL from a proven twin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_part
short_description: Restore one database, schema or table of PostgreSQL from a proven twin
description:
  - Copies the part from the twin under a new name, compares it there, and, unless O(as_name) says
    where it shall stay, lets it change names with the present one in one transaction.
  - What is copied to stay beside has no foreign keys to what was not copied.
version_added: 0.2.0
author: The janus.backup developers (@janus)
requirements:
  - psycopg2
  - docker
extends_documentation_fragment:
  - janus.backup.part
  - janus.backup.service.attributes
options:
  kind:
    description:
      - V(database), whose path is C(<database>).
      - V(schema), whose path is C(<database>/<schema>). It takes no place of one on which something
        outside it depends.
      - V(table), whose path is C(<database>/<schema>.<table>), only beside, in the new schema
        O(as_name).
    type: str
    required: true
    choices: [database, schema, table]
"""

EXAMPLES = r"""
- name: See what was in a table yesterday
  janus.backup.postgresql_part:
    name: postgresql
    container: janus-postgresql
    twin: restore-postgresql-20261123t020000-janus-postgresql
    user: janus
    password_file: /etc/janus-backup/credentials/postgresql
    twin_password_file: /etc/janus-backup/credentials/postgresql
    job: restore-postgresql-20261123t020000
    kind: table
    path: app/public.orders
    as_name: yesterday
"""

RETURN = r"""
restored:
  description: Name of what was restored.
  returned: when restored
  type: str
aside:
  description: Name that what was there before has now.
  returned: when restored
  type: str
objects:
  description: Number of objects that were compared.
  returned: when restored
  type: int
"""

from ansible_collections.janus.backup.plugins.module_utils._part_module import run_part
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _postgresql_parts as parts,
)


def main() -> None:
    """Run the module."""
    run_part(parts)


if __name__ == "__main__":
    main()
