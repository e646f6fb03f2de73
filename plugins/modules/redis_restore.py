#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore Redis from a dump into an empty server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_restore
short_description: Restore Redis from a dump into an empty server
description:
  - Stops the server, puts the data where it reads it at its next start, starts it, and brings the
    users and the settings that differ back.
  - A server with an append only file never reads an RDB. It gets the append only file of the dump
    or, when the dump has none, one that has the RDB as its base.
  - A configuration file or file of users in the data volume is put back when it is missing.
  - Checks size and SHA-256 of every file of the dump before it touches the server.
  - Changes nothing when the server's data checksums already equal those of the dump.
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
    description: Whether a server that holds data may be emptied for it.
    type: bool
    default: false
  wait:
    description: Seconds to wait for the server to have loaded its data.
    type: int
    default: 120
  options:
    description: What is special about Redis.
    type: dict
    suboptions:
      unit:
        description: Unit of systemd that runs the server with O(runtime=host).
        type: str
        default: redis-server
"""

EXAMPLES = r"""
- name: Restore Redis into a container that was made a moment ago
  janus.backup.redis_restore:
    name: redis
    container: drill-redis
    password_file: /var/lib/janus-backup/drill/archive/redis/credential
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
from ansible_collections.janus.backup.plugins.module_utils._services import redis

OPTIONS = {"unit": {"type": "str", "default": "redis-server"}}


def main() -> None:
    """Run the module."""
    run_restore(redis, OPTIONS)


if __name__ == "__main__":
    main()
