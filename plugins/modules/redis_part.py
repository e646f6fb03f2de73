#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore one database or some keys of Redis from a proven twin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_part
short_description: Restore one database or some keys of Redis from a proven twin
description:
  - Copies the keys from the twin into an empty database, compares them there, and, unless
    O(as_name) says that they shall stay, lets them change places with the present ones in one
    transaction. The present ones are in another, formerly empty database then.
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
      - V(database), whose path is its number. C(SWAPDB) puts it in its place.
      - V(keys), whose path is C(<number>/<pattern>), the pattern as of C(SCAN), for at most 100,000
        keys.
    type: str
    required: true
    choices: [database, keys]
"""

EXAMPLES = r"""
- name: Give users the sessions back that they had
  janus.backup.redis_part:
    name: redis
    container: janus-redis
    twin: restore-redis-20261123t020000-janus-redis
    password_file: /etc/janus-backup/credentials/redis
    twin_password_file: /etc/janus-backup/credentials/redis
    job: restore-redis-20261123t020000
    kind: keys
    path: 0/session:*
"""

RETURN = r"""
restored:
  description: What was restored.
  returned: when restored
  type: str
aside:
  description: Where what was there before is now.
  returned: when restored
  type: str
objects:
  description: Number of keys that were compared.
  returned: when restored
  type: int
"""

from ansible_collections.janus.backup.plugins.module_utils._part_module import run_part
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_parts as parts,
)


def main() -> None:
    """Run the module."""
    run_part(parts)


if __name__ == "__main__":
    main()
