#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore RabbitMQ from a dump into an empty broker."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rabbitmq_restore
short_description: Restore RabbitMQ from a dump into an empty broker
description:
  - Restores configuration files, enabled plugins and feature flags, then the dump's own user with
    RabbitMQ's commands, which need no user of the broker, and as that user all other definitions.
    Users, virtual hosts and global parameters that the dump does not know, such as C(guest), are
    removed.
  - Checks size and SHA-256 of every file of the dump before it touches the broker.
  - Changes nothing when the broker's checksums already equal those of the dump.
  - A configuration file that differs is put back into a container, which is then restarted, unless
    the file is mounted from the host. With O(runtime=host) configuration files are left alone.
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
    description: Whether virtual hosts, with the messages in them, may be deleted and replaced.
    type: bool
    default: false
  wait:
    description: Seconds to wait for the management interface to answer.
    type: int
    default: 120
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
- name: Restore RabbitMQ into a container that was made a moment ago
  janus.backup.rabbitmq_restore:
    name: rabbitmq
    container: drill-rabbitmq
    user: janus
    password_file: /var/lib/janus-backup/drill/archive/rabbitmq/credential
    source: /var/lib/janus-backup/drill/archive
    job: drill
"""

RETURN = r"""
msg:
  description: Why the broker was restored, or that it was equal already.
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
from ansible_collections.janus.backup.plugins.module_utils._services import rabbitmq

OPTIONS = {"tls": {"type": "bool", "default": False}, "ca_file": {"type": "path"}}


def main() -> None:
    """Run the module."""
    run_restore(rabbitmq, OPTIONS)


if __name__ == "__main__":
    main()
