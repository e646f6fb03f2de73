#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore Qdrant from a dump into an empty server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_restore
short_description: Restore Qdrant from a dump into an empty server
description:
  - Uploads the snapshot of every collection of the dump and sets the aliases.
  - Checks size and SHA-256 of every file of the dump before it touches the server.
  - Changes nothing when the server's data checksums already equal those of the dump.
  - Qdrant promises only that a server of the same minor version reads a snapshot.
  - O(password_file) holds the API key, which must be allowed to write; O(user) is not used.
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
    description: Whether the collections that the server has may be deleted and replaced.
    type: bool
    default: false
  wait:
    description: Seconds to wait for the REST interface to answer.
    type: int
    default: 120
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
- name: Restore Qdrant into a container that was made a moment ago
  janus.backup.qdrant_restore:
    name: qdrant
    container: drill-qdrant
    password_file: /var/lib/janus-backup/drill/archive/qdrant/credential
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
tool_seconds:
  description: How long the service's own tools took of that.
  returned: when restored
  type: float
"""

from ansible_collections.janus.backup.plugins.module_utils._service_module import run_restore
from ansible_collections.janus.backup.plugins.module_utils._services import qdrant

OPTIONS = {
    "tls": {"type": "bool", "default": False},
    "ca_file": {"type": "path"},
    "timeout": {"type": "int", "default": 3600},
}


def main() -> None:
    """Run the module."""
    run_restore(qdrant, OPTIONS)


if __name__ == "__main__":
    main()
