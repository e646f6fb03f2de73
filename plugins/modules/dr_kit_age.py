#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell whether the disaster recovery kit is older than the key or the configuration."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dr_kit_age
short_description: Tell whether the disaster recovery kit is older than the key or the configuration
description:
  - Compares what the last kit noted of itself on a drill host with the key that a repository has
    now, and with the configuration that the node had in the run of an archive.
  - Never fails, for it must not cost a drill its verdict. What it cannot tell is a warning too.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - borg
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  noted:
    description: File with what the kit noted, a copy of its C(kit.json). It need not exist.
    type: path
    required: true
  repository:
    description: Path or C(ssh://) URL of the repository.
    type: str
    required: true
  run:
    description: The run that made the archive, as RV(janus.backup.manifest_info#module:run) has it.
    type: dict
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
- name: Look whether the kit is as new as the key and the configuration
  janus.backup.dr_kit_age:
    noted: /var/lib/janus-backup/dr-kit.json
    repository: /mnt/disk/janus.borg
    run: "{{ drill_manifest.run }}"
    passphrase_file: /etc/janus-backup/passphrase
    base_directory: /var/lib/janus-backup/drill/borg
  register: drill_kit
"""

RETURN = r"""
sentences:
  description: What was changed since the kit was made, one sentence each; none for a new one.
  returned: always
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _borg_key, _dr_kit
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "noted": {"type": "path", "required": True},
            "repository": {"type": "str", "required": True},
            "run": {"type": "dict", "required": True},
            "passphrase_file": {"type": "path", "required": True, "no_log": False},
            "base_directory": {"type": "path", "required": True},
            "rsh": {"type": "str"},
        },
        supports_check_mode=True,
    )
    access = {key: module.params[key] for key in ("passphrase_file", "base_directory", "rsh")}
    try:
        noted = _dr_kit.read(Path(module.params["noted"]))
        key = _borg_key.export(access, module.params["repository"]) if noted else None
        found = _dr_kit.warnings(noted, key, module.params["run"])
    except (BackupError, OSError) as error:
        found = [f"cannot tell how old the disaster recovery kit is: {error}"]
    diff = {"before": "", "after": "".join(f"{sentence}\n" for sentence in found)}
    module.exit_json(changed=False, sentences=found, diff=diff)


if __name__ == "__main__":
    main()
