#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore files from a dump, where they were or below another directory."""

from __future__ import annotations

DOCUMENTATION = r"""
module: files_restore
short_description: Restore files from a dump, where they were or below another directory
description:
  - Unpacks the tar beside, then moves each file into its place, so that none is ever half there.
  - Owners are those of the dump by id, as containers know them, not by name.
  - Checks size and SHA-256 of the tar before it touches anything.
  - Changes nothing when the files already equal those of the dump.
version_added: 0.1.0
author: The janus.backup developers (@janus)
extends_documentation_fragment:
  - janus.backup.service
  - janus.backup.service.attributes
options:
  source:
    description: Directory of the extracted archive, the one that holds C(manifest.json).
    type: path
    required: true
  replace:
    description:
      - Whether files that differ may be overwritten, and files that are not in the dump removed.
    type: bool
    default: false
  wait:
    description: Without a meaning for files.
    type: int
    default: 120
  options:
    description: What is special about files.
    type: dict
    required: true
    suboptions:
      paths:
        description: Absolute paths of what was dumped.
        type: list
        elements: str
        required: true
      exclude:
        description: Patterns of what is none of the dump's business, as when it was dumped.
        type: list
        elements: str
        default: []
      root:
        description: Directory below which to put the files. It need not exist.
        type: path
        default: /
"""

EXAMPLES = r"""
- name: Have a look at the configuration of an archive
  janus.backup.files_restore:
    name: files
    runtime: host
    source: /var/lib/janus-backup/drill/archive
    options:
      paths: [/etc/janus]
      root: /root/look
"""

RETURN = r"""
msg:
  description: Why the files were restored, or that they were equal already.
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
from ansible_collections.janus.backup.plugins.module_utils._services import files

OPTIONS = {
    "paths": {"type": "list", "elements": "str", "required": True},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "root": {"type": "path", "default": "/"},
}


def main() -> None:
    """Run the module."""
    run_restore(files, OPTIONS)


if __name__ == "__main__":
    main()
