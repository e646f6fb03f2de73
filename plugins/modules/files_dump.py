#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump files of the node with a checksum of each."""

from __future__ import annotations

DOCUMENTATION = r"""
module: files_dump
short_description: Dump files of the node with a checksum of each
description:
  - Writes files, directories, symbolic links and named pipes into one tar, with owners, modes,
    times, ACLs, capabilities and the users' extended attributes. Links are not followed.
    Sockets and devices are left out.
  - Reads the checksums from the tar, then the files once more. While they differ, all of it is
    done again, up to five times; the dump is then V(fuzzy).
  - Meant for configuration and compose files. All of it is copied into staging.
version_added: 0.1.0
author: The janus.backup developers (@janus)
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
        description:
          - Patterns as in a shell, of whole paths, of what is left out with all that is below it.
          - A C(*) matches slashes too.
        type: list
        elements: str
        default: []
"""

EXAMPLES = r"""
- name: Dump the configuration into the staging directory of a run
  janus.backup.files_dump:
    name: files
    runtime: host
    staging: /var/lib/janus-backup/staging/nightly
    job: nightly
    options:
      paths: [/etc/janus, /opt/janus/compose.yaml]
      exclude: ["*/.git", "*.log"]
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
from ansible_collections.janus.backup.plugins.module_utils._services import files

OPTIONS = {
    "paths": {"type": "list", "elements": "str", "required": True},
    "exclude": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    """Run the module."""
    run_dump(files, OPTIONS)


if __name__ == "__main__":
    main()
