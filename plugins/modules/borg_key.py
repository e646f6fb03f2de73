#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the exported key of a repository in a file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: borg_key
short_description: Keep the exported key of a repository in a file
description:
  - Exports the key as C(borg key export) does, still encrypted with the passphrase, into
    a file that only its owner can read.
  - A file that holds the present key is left alone. A key that is another one has to open the
    repository first; if it does not, the module fails and what was exported earlier stays, for
    C(borg key import) to put it back.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - borg
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  repository:
    description: Path or C(ssh://) URL of the repository.
    type: str
    required: true
  path:
    description: File to keep the key in. Its directory is made if there is none.
    type: path
    required: true
  passphrase_file:
    description: File with the repository's passphrase, readable by root only.
    type: path
    required: true
  base_directory:
    description: Directory for Borg's own files.
    type: path
    required: true
  rsh:
    description: Command by which Borg reaches an C(ssh://) repository.
    type: str
"""

EXAMPLES = r"""
- name: Keep the key of the repository
  janus.backup.borg_key:
    repository: /var/backups/janus.borg
    path: /etc/janus-backup/keys/local
    passphrase_file: /etc/janus-backup/passphrase
    base_directory: /var/lib/janus-backup/borg
"""

RETURN = r"""
fingerprint:
  description: SHA-256 of the exported key.
  returned: success
  type: str
"""

import traceback
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _borg_key
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "repository": {"type": "str", "required": True},
            "path": {"type": "path", "required": True},
            "passphrase_file": {"type": "path", "required": True, "no_log": False},
            "base_directory": {"type": "path", "required": True},
            "rsh": {"type": "str"},
        },
        supports_check_mode=True,
    )
    access = {key: module.params[key] for key in ("passphrase_file", "base_directory", "rsh")}
    path = Path(module.params["path"])
    try:
        kept = _borg_key.keep(
            access, module.params["repository"], path, write=not module.check_mode
        )
    except (BackupError, OSError) as error:
        module.fail_json(msg=str(error), exception=traceback.format_exc())
    diff = {"before": "", "after": f"{path}: {kept['fingerprint']}\n" if kept["changed"] else ""}
    module.exit_json(**kept, diff=diff)


if __name__ == "__main__":
    main()
