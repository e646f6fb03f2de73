#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell version, buckets and data checksums of MinIO or any S3 server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: minio_info
short_description: Tell version, buckets and data checksums of MinIO or any S3 server
description:
  - Reads from a server what a backup of it would record, and changes nothing.
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
    description: Whether to compute the data checksums, which reads every version of every object.
    type: bool
    default: false
  compare_with:
    description: Directory of an extracted archive whose checksums to compare with.
    type: path
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
- name: Compare a server with an archive
  janus.backup.minio_info:
    name: minio
    container: janus-minio
    user: janus
    password_file: /etc/janus-backup/credentials/minio
    compare_with: /var/lib/janus-backup/drill/archive
  register: minio
  failed_when: minio.differences | length > 0
"""

RETURN = r"""
facts:
  description:
    - Version, whether it is a MinIO, number of buckets, drives as the server sees them, and the
      space in bytes that a dump may need in staging.
  returned: success
  type: dict
  sample:
    version: "2025-09-07T16:13:09Z"
    minio: true
    buckets: 3
    drives: ["/data"]
    bytes: 4000
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
    run_info(minio, OPTIONS)


if __name__ == "__main__":
    main()
