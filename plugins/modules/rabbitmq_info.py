#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell version, number of definitions and checksums of a RabbitMQ broker."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rabbitmq_info
short_description: Tell version, number of definitions and checksums of a RabbitMQ broker
description:
  - Reads from a broker what a backup of it would record, and changes nothing.
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
    description: Whether to compute the checksums of all definitions.
    type: bool
    default: false
  compare_with:
    description: Directory of an extracted archive whose checksums to compare with.
    type: path
  options:
    description: What is special about RabbitMQ.
    type: dict
    suboptions:
      tls:
        description: Whether the management interface speaks TLS.
        type: bool
        default: false
      ca_file:
        description:
          - File with the certificates to trust instead of the system's, in PEM format.
          - The name in the certificate is checked with O(runtime=host) only, since a container is
            reached by its address.
        type: path
"""

EXAMPLES = r"""
- name: Compare a broker with an archive
  janus.backup.rabbitmq_info:
    name: rabbitmq
    container: janus-rabbitmq
    user: janus
    password_file: /etc/janus-backup/credentials/rabbitmq
    compare_with: /var/lib/janus-backup/drill/archive
  register: rabbitmq
  failed_when: rabbitmq.differences | length > 0
"""

RETURN = r"""
facts:
  description: Version, node, how many definitions of each kind, and the space that a dump may need.
  returned: success
  type: dict
  sample: {"version": "3.10.8", "node": "rabbit@broker", "objects": {"queues": 3}, "bytes": 1004000}
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
from ansible_collections.janus.backup.plugins.module_utils._services import rabbitmq

OPTIONS = {"tls": {"type": "bool", "default": False}, "ca_file": {"type": "path"}}


def main() -> None:
    """Run the module."""
    run_info(rabbitmq, OPTIONS)


if __name__ == "__main__":
    main()
