#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell number, size and checksums of files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: files_info
short_description: Tell number, size and checksums of files
description:
  - Reads of files what a backup of them would record, and changes nothing.
  - With O(compare_with) it tells every file that differs from what an archive recorded.
version_added: 0.1.0
author: The janus.backup developers (@janus)
extends_documentation_fragment:
  - janus.backup.service
  - janus.backup.service.attributes
  - janus.backup.service.checks
options:
  checksums:
    description: Whether to compute the checksums, which reads every file.
    type: bool
    default: false
  compare_with:
    description: Directory of an extracted archive whose checksums to compare with.
    type: path
  options:
    description: What is special about files.
    type: dict
    required: true
    suboptions:
      paths:
        description: Absolute paths of files, and of directories with all that is below them.
        type: list
        elements: str
        required: true
      exclude:
        description: Patterns of whole paths of what is left out.
        type: list
        elements: str
        default: []
      root:
        description: Directory below which the paths are.
        type: path
        default: /
"""

EXAMPLES = r"""
- name: Compare the configuration with an archive
  janus.backup.files_info:
    name: files
    runtime: host
    compare_with: /var/lib/janus-backup/drill/archive
    options:
      paths: [/etc/janus]
  register: files
  failed_when: files.differences | length > 0
"""

RETURN = r"""
facts:
  description: The system, the number of files, and the space that a dump may need, in bytes.
  returned: success
  type: dict
  sample:
    version: Linux 6.1.0-18-amd64
    files: 34
    bytes: 120000
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
from ansible_collections.janus.backup.plugins.module_utils._services import files

OPTIONS = {
    "paths": {"type": "list", "elements": "str", "required": True},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "root": {"type": "path", "default": "/"},
}


def main() -> None:
    """Run the module."""
    run_info(files, OPTIONS)


if __name__ == "__main__":
    main()
