#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell version, databases, sizes and data checksums of a PostgreSQL server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_info
short_description: Tell version, databases, sizes and data checksums of a PostgreSQL server
description:
  - Reads from a server what a backup of it would record, and changes nothing.
  - With O(compare_with) it tells every object that differs from what an archive recorded.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - psycopg2
  - docker (with O(runtime=docker))
extends_documentation_fragment:
  - janus.backup.service
  - janus.backup.service.attributes
  - janus.backup.service.checks
options:
  checksums:
    description: Whether to compute the data checksums, which reads every row.
    type: bool
    default: false
  compare_with:
    description: Directory of an extracted archive whose checksums to compare with.
    type: path
  options:
    description: What is special about PostgreSQL.
    type: dict
    suboptions:
      databases:
        description: Databases to look at. All that are not templates when empty.
        type: list
        elements: str
        default: []
"""

EXAMPLES = r"""
- name: Compare a server with an archive
  janus.backup.postgresql_info:
    name: postgresql
    container: janus-postgresql
    user: janus
    password_file: /etc/janus-backup/credentials/postgresql
    compare_with: /var/lib/janus-backup/drill/archive
  register: postgresql
  failed_when: postgresql.differences | length > 0
"""

RETURN = r"""
facts:
  description: Version, databases with their sizes, and the sum of these, in bytes.
  returned: success
  type: dict
  sample: {"version": "15.14", "databases": {"janus": 8000000}, "bytes": 8000000}
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
from ansible_collections.janus.backup.plugins.module_utils._services import postgresql

OPTIONS = {"databases": {"type": "list", "elements": "str", "default": []}}


def main() -> None:
    """Run the module."""
    run_info(postgresql, OPTIONS)


if __name__ == "__main__":
    main()
