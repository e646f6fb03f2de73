#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell version, collections and data checksums of a Qdrant server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_info
short_description: Tell version, collections and data checksums of a Qdrant server
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
    description: Whether to compute the data checksums, which reads every point.
    type: bool
    default: false
  compare_with:
    description: Directory of an extracted archive whose checksums to compare with.
    type: path
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
- name: Compare a server with an archive
  janus.backup.qdrant_info:
    name: qdrant
    container: janus-qdrant
    password_file: /etc/janus-backup/credentials/qdrant
    compare_with: /var/lib/janus-backup/drill/archive
  register: qdrant
  failed_when: qdrant.differences | length > 0
"""

RETURN = r"""
facts:
  description: Version, points of each collection, and a guess of the bytes that a dump may need.
  returned: success
  type: dict
  sample: {"version": "1.15.4", "collections": {"packages": 20000}, "bytes": 120000000}
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
from ansible_collections.janus.backup.plugins.module_utils._services import qdrant

OPTIONS = {
    "tls": {"type": "bool", "default": False},
    "ca_file": {"type": "path"},
    "timeout": {"type": "int", "default": 3600},
}


def main() -> None:
    """Run the module."""
    run_info(qdrant, OPTIONS)


if __name__ == "__main__":
    main()
