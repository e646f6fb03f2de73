#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump definitions, plugins and configuration of RabbitMQ, without messages."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rabbitmq_dump
short_description: Dump definitions, plugins and configuration of RabbitMQ, without messages
description:
  - Dumps users with their password hashes, virtual hosts, permissions, policies, parameters,
    queues, exchanges and bindings over the management interface, the lists of enabled plugins and
    feature flags, and the broker's configuration files.
  - Messages are not dumped, nor are queues that belong to one connection.
  - Definitions are read until two readings are equal. Whatever is dumped is what was read, so that
    the checksums describe exactly what is in the dump while clients go on working.
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
- name: Dump RabbitMQ into the staging directory of a run
  janus.backup.rabbitmq_dump:
    name: rabbitmq
    container: janus-rabbitmq
    user: janus
    password_file: /etc/janus-backup/credentials/rabbitmq
    staging: /var/lib/janus-backup/staging/nightly
    job: nightly
"""

RETURN = r"""
consistency:
  description: How the checksums are known to describe the dump.
  returned: when a dump was made
  type: dict
  sample: {"kind": "bracketed", "reason": null}
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
from ansible_collections.janus.backup.plugins.module_utils._services import rabbitmq

OPTIONS = {"tls": {"type": "bool", "default": False}, "ca_file": {"type": "path"}}


def main() -> None:
    """Run the module."""
    run_dump(rabbitmq, OPTIONS)


if __name__ == "__main__":
    main()
