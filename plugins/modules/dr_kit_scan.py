#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse a folder in which a secret can be read."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dr_kit_scan
short_description: Refuse a folder in which a secret can be read
description:
  - Looks in every file of a folder for secrets in plain, and fails with the files and the settings
    that they are the values of; never with the secrets. What C(ansible-vault) encrypted is not
    plain.
  - Secrets of fewer than four characters are not looked for.
version_added: 0.1.0
author: The janus.backup developers (@janus)
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  path:
    description: The folder.
    type: path
    required: true
  secrets:
    description: The secrets, each by the name of its setting.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse an inventory with a plain passphrase
  janus.backup.dr_kit_scan:
    path: /srv/dr-kit.new
    secrets:
      janus_backup_passphrase: "{{ janus_backup_passphrase }}"
"""

RETURN = r"""
sentences:
  description: One sentence for each file in which a secret can be read.
  returned: always
  type: list
  elements: str
"""

import traceback
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _dr_kit_folder


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "secrets": {"type": "dict", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    secrets = {name: str(secret) for name, secret in module.params["secrets"].items()}
    try:
        found = _dr_kit_folder.plain_secrets(Path(module.params["path"]), secrets)
    except OSError as error:
        module.fail_json(msg=f"cannot look for secrets: {error}", exception=traceback.format_exc())
    diff = {"before": "", "after": "".join(f"{sentence}\n" for sentence in found)}
    result = {"changed": False, "sentences": found, "diff": diff}
    if found:
        module.fail_json(msg=f"no kit was made: {'; '.join(found)}", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
