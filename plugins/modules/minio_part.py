#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a bucket, a prefix or an object of MinIO from a proven twin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: minio_part
short_description: Restore a bucket, a prefix or an object of MinIO from a proven twin
description:
  - Puts every version that the twin has, in its order, and compares.
  - In its place, what is there is copied into a bucket of its own first, from which it comes back
    if anything goes wrong. Buckets with object lock come back only beside the present one.
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
      - V(bucket), with its settings; the path is its name.
      - V(prefix), all keys that begin so; the path is the bucket, a slash, and the beginning.
      - V(object); the path is the bucket, a slash, and the key.
    type: str
    required: true
    choices: [bucket, prefix, object]
"""

EXAMPLES = r"""
- name: Have the reports of yesterday beside those of today
  janus.backup.minio_part:
    name: minio
    container: janus-minio
    user: janus
    twin: restore-minio-20261123t020000-janus-minio
    password_file: /etc/janus-backup/credentials/minio
    twin_password_file: /etc/janus-backup/credentials/minio
    job: restore-minio-20261123t020000
    kind: prefix
    path: documents/reports/
    as_name: documents/reports-yesterday/
"""

RETURN = r"""
restored:
  description: Bucket, prefix or object that was restored.
  returned: when restored
  type: str
aside:
  description: Bucket with what was there before, null if nothing was.
  returned: when restored
  type: str
objects:
  description: Number of objects that were compared.
  returned: when restored
  type: int
"""

from ansible_collections.janus.backup.plugins.module_utils._part_module import run_part
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_parts as parts,
)


def main() -> None:
    """Run the module."""
    run_part(parts)


if __name__ == "__main__":
    main()
