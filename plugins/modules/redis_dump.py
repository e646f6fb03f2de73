#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump Redis with data checksums read from the dump itself."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_dump
short_description: Dump Redis with data checksums read from the dump itself
description:
  - Pauses the writes of clients for some milliseconds, in which it reads users and configuration,
    notes how long the append only file is, and has Redis fork with C(BGSAVE).
  - Copies the RDB and, where there is one, the append only file as long as it was at the fork, and
    has C(redis-check-rdb) and C(redis-check-aof) prove them.
  - Loads the RDB into a second server in the helper container and reads the checksums from there,
    so that they describe exactly what is in the dump while clients go on writing. That takes as
    much memory again as Redis uses.
  - Until the files are copied the settings C(save), C(auto-aof-rewrite-percentage) and
    C(rdbcompression) are changed, so that no other save comes in between and the RDB is not
    compressed, for BorgBackup to deduplicate it. They are set back however the run ends.
  - Needs Redis 7.0 or later. A cluster and connections by TLS are not supported.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
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
    description: What is special about Redis.
    type: dict
    suboptions:
      checksums:
        description:
          - With V(copy) they are read from the dump, loaded by a second server.
          - With V(live) they are read from the service itself, which takes no further memory, but
            proves nothing when clients write in the meantime. The dump is then V(fuzzy).
        type: str
        choices: [copy, live]
        default: copy
      unit:
        description: Used by M(janus.backup.redis_restore), not here.
        type: str
        default: redis-server
"""

EXAMPLES = r"""
- name: Dump Redis into the staging directory of a run
  janus.backup.redis_dump:
    name: redis
    container: janus-redis
    password_file: /etc/janus-backup/credentials/redis
    staging: /var/lib/janus-backup/staging/nightly
    job: nightly
"""

RETURN = r"""
consistency:
  description: How the checksums are known to describe the dump, and how long writes were paused.
  returned: when a dump was made
  type: dict
  sample: {"kind": "snapshot", "reason": null, "paused_seconds": 0.004}
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
from ansible_collections.janus.backup.plugins.module_utils._services import redis

OPTIONS = {
    "checksums": {"type": "str", "choices": ["copy", "live"], "default": "copy"},
    "unit": {"type": "str", "default": "redis-server"},
}


def main() -> None:
    """Run the module."""
    run_dump(redis, OPTIONS)


if __name__ == "__main__":
    main()
