#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring users and configuration of a dump back to a Redis that runs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_settings
short_description: Bring users and configuration of a dump back to a Redis that runs
description:
  - A server that was started with the data of a dump does not have what the dumped server had been
    told while it ran, users without a file of users among them. This brings it back, as far as it
    can be set while a server runs, and touches no data.
version_added: 0.2.0
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
  options:
    description: Redis has none here.
    type: dict
"""

EXAMPLES = r"""
- name: Give Redis its users back
  janus.backup.redis_settings:
    name: redis
    container: janus-redis
    password_file: /etc/janus-backup/credentials/redis
    source: /var/lib/janus-backup/restore/restore-redis-20261123t020000/staging/nightly
"""

RETURN = r"""
differences:
  description: One sentence for each user or setting that was not as in the dump before.
  returned: always
  type: list
  elements: str
"""

from ansible_collections.janus.backup.plugins.module_utils._service_module import run_settings
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_restored as restored,
)


def main() -> None:
    """Run the module."""
    run_settings(restored, {})


if __name__ == "__main__":
    main()
