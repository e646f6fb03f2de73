#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump every collection of Qdrant, and its aliases, by snapshots over REST."""

from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_dump
short_description: Dump every collection of Qdrant, and its aliases, by snapshots over REST
description:
  - Makes a snapshot of one collection after the other, streams it into a file while it is hashed,
    compares it with the checksum that the server tells, and deletes it from the server again. While
    it is made the server needs as much free space as the snapshot takes.
  - Snapshots that a killed run of the same job left on the server are deleted first.
  - All points are read before and after the snapshot. When they differ the snapshot is made again,
    up to three times in all, and then recorded as fuzzy.
  - O(password_file) holds the API key, which must be allowed to write; O(user) is not used.
  - A server in a cluster of several is refused, since its snapshots hold only its own shards.
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
    description: What is special about Qdrant.
    type: dict
    suboptions:
      tls:
        description: Whether the REST interface speaks TLS.
        type: bool
        default: false
      ca_file:
        description:
          - File with the certificates to trust instead of the system's, in PEM format.
          - The name in the certificate is checked with O(runtime=host) only, since a container is
            reached by its address.
        type: path
      timeout:
        description: Seconds to wait for one answer, such as to the request for a snapshot.
        type: int
        default: 3600
"""

EXAMPLES = r"""
- name: Dump Qdrant into the staging directory of a run
  janus.backup.qdrant_dump:
    name: qdrant
    container: janus-qdrant
    password_file: /etc/janus-backup/credentials/qdrant
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
from ansible_collections.janus.backup.plugins.module_utils._services import qdrant

OPTIONS = {
    "tls": {"type": "bool", "default": False},
    "ca_file": {"type": "path"},
    "timeout": {"type": "int", "default": 3600},
}


def main() -> None:
    """Run the module."""
    run_dump(qdrant, OPTIONS)


if __name__ == "__main__":
    main()
