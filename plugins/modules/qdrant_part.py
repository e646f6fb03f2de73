#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore one collection of Qdrant from a proven twin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_part
short_description: Restore one collection of Qdrant from a proven twin
description:
  - Takes a snapshot of the collection in the twin, uploads it under a new name, compares it there,
    and, unless O(as_name) says where it shall stay, lets the alias lead to it.
version_added: 0.2.0
author: The janus.backup developers (@janus)
requirements:
  - docker
extends_documentation_fragment:
  - janus.backup.part
  - janus.backup.service.attributes
options:
  kind:
    description:
      - V(collection), whose path is its name, with O(as_name), or the alias that shall lead to it.
    type: str
    required: true
    choices: [collection]
"""

EXAMPLES = r"""
- name: Have the documents of yesterday beside those of today
  janus.backup.qdrant_part:
    name: qdrant
    container: janus-qdrant
    twin: restore-qdrant-20261123t020000-janus-qdrant
    password_file: /etc/janus-backup/credentials/qdrant
    twin_password_file: /etc/janus-backup/credentials/qdrant
    job: restore-qdrant-20261123t020000
    kind: collection
    path: documents
    as_name: documents-yesterday
"""

RETURN = r"""
restored:
  description: Collection or alias that was restored.
  returned: when restored
  type: str
aside:
  description: Collection that the alias led to before.
  returned: when restored
  type: str
objects:
  description: Number of objects that were compared.
  returned: when restored
  type: int
"""

from ansible_collections.janus.backup.plugins.module_utils._part_module import run_part
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _qdrant_parts as parts,
)


def main() -> None:
    """Run the module."""
    run_part(parts)


if __name__ == "__main__":
    main()
