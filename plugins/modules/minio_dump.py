#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump MinIO, or any S3 server, with data checksums."""

from __future__ import annotations

DOCUMENTATION = r"""
module: minio_dump
short_description: Dump MinIO, or any S3 server, with data checksums
description:
  - Lists every version of every object, reads those that are new or changed since the last run for
    their SHA-256, and notes settings of buckets, users, groups, policies and access keys.
  - With V(filesystem) as O(options.method) the drives are held still as trees of hard links, which
    the archive takes from where they are. They are removed at the end of the run, however it ends.
  - With V(s3) as O(options.method) a mirror under O(state_directory) is brought up to date.
  - Lists everything once more afterwards, and begins again when something has changed meanwhile.
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
- name: Dump MinIO for the archive of a run
  janus.backup.minio_dump:
    name: minio
    container: janus-minio
    user: janus
    password_file: /etc/janus-backup/credentials/minio
    staging: /var/lib/janus-backup/staging/nightly
    job: nightly
    destinations:
      - /var/backups/janus.borg

- name: Dump another S3 server by its interface
  janus.backup.minio_dump:
    name: objects
    runtime: host
    host: s3.example.org
    port: 443
    user: backup
    password_file: /etc/janus-backup/credentials/objects
    staging: /var/lib/janus-backup/staging/nightly
    job: nightly
    options:
      method: s3
      tls: true
"""

RETURN = r"""
consistency:
  description:
    - How the checksums are known to describe the dump, and how many versions of objects were read.
  returned: when a dump was made
  type: dict
  sample: {"kind": "bracketed", "reason": null, "objects_read": 12}
artefacts:
  description: The files of the dump in staging with size in bytes and SHA-256.
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
    run_dump(minio, OPTIONS)


if __name__ == "__main__":
    main()
