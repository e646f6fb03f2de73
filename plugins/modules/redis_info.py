#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell version, databases and data checksums of a Redis server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_info
short_description: Tell version, databases and data checksums of a Redis server
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
    description: Whether to compute the data checksums, which reads every key.
    type: bool
    default: false
  compare_with:
    description: Directory of an extracted archive whose checksums to compare with.
    type: path
  options:
    description: What is special about Redis, of which nothing matters here.
    type: dict
"""

EXAMPLES = r"""
- name: Compare a server with an archive
  janus.backup.redis_info:
    name: redis
    container: janus-redis
    password_file: /etc/janus-backup/credentials/redis
    compare_with: /var/lib/janus-backup/drill/archive
  register: redis
  failed_when: redis.differences | length > 0
"""

RETURN = r"""
facts:
  description:
    - Version, databases with the number of their keys, whether there is an append only file, and
      the memory that Redis uses and the space that a dump may need, in bytes.
  returned: success
  type: dict
  sample:
    version: "7.0.15"
    databases: {"db0": 7}
    appendonly: true
    memory: 1000000
    bytes: 1200000
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
from ansible_collections.janus.backup.plugins.module_utils._services import redis

OPTIONS: dict[str, dict[str, str]] = {}


def main() -> None:
    """Run the module."""
    run_info(redis, OPTIONS)


if __name__ == "__main__":
    main()
