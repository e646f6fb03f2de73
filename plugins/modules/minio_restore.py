#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore MinIO, or any S3 server, from a dump."""

from __future__ import annotations

DOCUMENTATION = r"""
module: minio_restore
short_description: Restore MinIO, or any S3 server, from a dump
description:
  - A dump of the method V(filesystem) is copied onto the drives and put in place while the server
    is stopped.
  - A dump of the method V(s3) is put into the server by its interface, users first, then buckets
    with their settings, then the versions of every object in their order, with new ids and times.
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
    description: Whether a server that has buckets may be emptied for it.
    type: bool
    default: false
  wait:
    description: Seconds to wait for the server to answer after a start.
    type: int
    default: 120
  options:
    description: What is special about MinIO.
    type: dict
    suboptions:
      method:
        description:
          - How it is backed up.
          - V(filesystem) archives the drives of a MinIO on one server from where they are, with all
            versions, metadata, users and policies.
          - V(s3) keeps a mirror of any S3 server under O(state_directory), which takes as much
            space again, and archives that.
        type: str
        choices: [filesystem, s3]
        default: filesystem
      region:
        description: The region that requests are signed for.
        type: str
        default: us-east-1
      timeout:
        description: Seconds to wait for the server at each step of an answer.
        type: int
        default: 600
      tls:
        description: Whether to speak TLS.
        type: bool
        default: false
      ca_file:
        description:
          - File with the certificates to trust instead of the system's.
          - The name in the server's certificate counts only with O(runtime=host).
        type: path
      unit:
        description: Unit of systemd that runs the server with O(runtime=host).
        type: str
        default: minio
"""

EXAMPLES = r"""
- name: Restore MinIO into a container that was made a moment ago
  janus.backup.minio_restore:
    name: minio
    container: drill-minio
    user: janus
    password_file: /var/lib/janus-backup/drill/archive/minio/credential
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
"""

from ansible_collections.janus.backup.plugins.module_utils._service_module import run_restore
from ansible_collections.janus.backup.plugins.module_utils._services import minio

OPTIONS = {
    "method": {"type": "str", "default": "filesystem", "choices": ["filesystem", "s3"]},
    "region": {"type": "str", "default": "us-east-1"},
    "timeout": {"type": "int", "default": 600},
    "tls": {"type": "bool", "default": False},
    "ca_file": {"type": "path"},
    "unit": {"type": "str", "default": "minio"},
}


def main() -> None:
    """Run the module."""
    run_restore(minio, OPTIONS)


if __name__ == "__main__":
    main()
