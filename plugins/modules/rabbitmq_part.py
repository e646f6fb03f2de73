#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a virtual host or definitions of RabbitMQ from a proven twin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rabbitmq_part
short_description: Restore a virtual host or definitions of RabbitMQ from a proven twin
description:
  - Brings a virtual host, or all definitions of one type, to what the twin has, entry by entry,
    and compares.
  - Messages are not lost. A queue that would have to be deleted while it holds messages is a
    failure before anything is changed.
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
      - V(vhost), whose path is its name, with all that is in it; with O(as_name) under another
        name.
      - V(definitions), whose path is a type (V(users), V(permissions), V(topic_permissions),
        V(parameters), V(global_parameters), V(policies), V(queues), V(exchanges), V(bindings)),
        and perhaps, after a slash, the virtual host.
    type: str
    required: true
    choices: [vhost, definitions]
"""

EXAMPLES = r"""
- name: Have the virtual host of yesterday beside that of today
  janus.backup.rabbitmq_part:
    name: rabbitmq
    container: janus-rabbitmq
    user: janus
    twin: restore-rabbitmq-20261123t020000-janus-rabbitmq
    password_file: /etc/janus-backup/credentials/rabbitmq
    twin_password_file: /etc/janus-backup/credentials/rabbitmq
    job: restore-rabbitmq-20261123t020000
    kind: vhost
    path: packages
    as_name: packages-yesterday
"""

RETURN = r"""
restored:
  description: Virtual host or definitions that were restored.
  returned: when restored
  type: str
aside:
  description: Always null. What was there before is in the journal of the restore, for its undoing.
  returned: when restored
  type: str
objects:
  description: Number of objects that were compared.
  returned: when restored
  type: int
"""

from ansible_collections.janus.backup.plugins.module_utils._part_module import run_part
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _rabbitmq_parts as parts,
)


def main() -> None:
    """Run the module."""
    run_part(parts)


if __name__ == "__main__":
    main()
