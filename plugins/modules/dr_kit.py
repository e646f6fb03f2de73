#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the disaster recovery kit of what was gathered for it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dr_kit
short_description: Make the disaster recovery kit of what was gathered for it
description:
  - Runs on the controller. To a folder with the inventory, the runbook and what
    M(janus.backup.dr_kit_info) read of each node it adds whatever else recovers them without a
    network, sums all up in C(SHA256SUMS), and gives the folder its name as the very last.
  - A kit that was there before is replaced in one step.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - fpdf2
  - segno
  - gpg (with O(passphrase))
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  path:
    description: Folder of the kit.
    type: path
    required: true
  gathered:
    description:
      - Folder beside it with C(runbook.md), C(inventory), and C(.nodes/<node>.json) as
        M(janus.backup.dr_kit_info) returned it. It becomes the kit.
    type: path
    required: true
  collection:
    description: This collection, a checkout or an installed copy.
    type: path
    required: true
  wheelhouse:
    description: Folder with the wheels of C(requirements/node.txt).
    type: path
    required: true
  version:
    description: Version of this collection.
    type: str
    required: true
  inventories:
    description: Inventories in the order in which they are read, relative to the kit.
    type: list
    elements: str
    required: true
  passphrase:
    description: Write the kit as an encrypted archive too, C(<path>.tar.gpg), with this passphrase.
    type: str
"""

EXAMPLES = r"""
- name: Make the kit
  janus.backup.dr_kit:
    path: /srv/dr-kit
    gathered: /srv/dr-kit.new
    collection: /usr/share/ansible/collections/ansible_collections/janus/backup
    wheelhouse: /srv/wheelhouse
    version: 0.1.0
    inventories: [inventory/1]
"""

RETURN = r"""
kit:
  description: What the kit notes of itself, C(kit.json).
  returned: when the kit was made
  type: dict
archive:
  description: The encrypted archive.
  returned: when one was made
  type: str
"""

import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.janus.backup.plugins.module_utils import (
    _borg_key,
    _dr_kit,
    _dr_kit_folder,
    _dr_kit_print,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    remove_tree,
    write_atomically,
)

SETTINGS = """# Where a recovery from this folder finds what the inventory has elsewhere
---
janus_backup_wheelhouse: "{{ lookup('ansible.builtin.env', 'PWD') }}/wheelhouse"
janus_backup_keys: "{{ lookup('ansible.builtin.env', 'PWD') }}/keys"
"""
FORMS = {"key": "", "paper": ".paper", "html": ".html"}


def unfold(kit: Path, node: str, holds: dict[str, Any]) -> dict[str, Any]:
    """Given the kit and what was read of a node, write it there. Return what is to be noted."""
    keys = private_directory(kit / "keys" / node)
    for label, key in holds["keys"].items():
        for form, suffix in FORMS.items():
            write_atomically(keys / f"{label}{suffix}", key[form])
        _dr_kit_print.qr(key["key"], keys / f"{label}.png")
    place = private_directory(kit / "nodes" / node)
    for path, text in holds["rendered"].items():
        private_directory((place / path.lstrip("/")).parent)
        write_atomically(place / path.lstrip("/"), text)
    write_atomically(place / "images.json", json.dumps(holds["images"], indent=2) + "\n")
    listed = "".join(f"{name} {version}\n" for name, version in holds["packages"].items())
    write_atomically(place / "packages.txt", listed)
    return {
        "configuration": holds["configuration"],
        "keys": {label: _borg_key.fingerprint(key["key"]) for label, key in holds["keys"].items()},
        "archives": holds["archives"],
        "images": {name: image["id"] for name, image in holds["images"].items()},
    }


def make(parameters: dict[str, Any]) -> dict[str, Any]:
    """Given the module's parameters, make the kit, all but its name. Return what it notes of
    itself. Raise BackupError if something that it has to hold is missing.
    """
    kit, collection = Path(parameters["gathered"]), Path(parameters["collection"])
    noted: dict[str, Any] = {
        "format": _dr_kit.FORMAT,
        "format_version": _dr_kit.FORMAT_VERSION,
        "version": parameters["version"],
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "nodes": {
            path.stem: unfold(kit, path.stem, json.loads(path.read_text(encoding="utf-8")))
            for path in sorted((kit / ".nodes").glob("*.json"))
        },
    }
    remove_tree(kit / ".nodes")
    pins = collection / "requirements/node.txt"
    _dr_kit_folder.wheels(Path(parameters["wheelhouse"]), pins, kit / "wheelhouse")
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    _dr_kit_folder.tarball(collection, kit / "collection", galaxy)
    write_atomically(kit / "ansible.cfg", configuration(kit, parameters["inventories"]))
    write_atomically(kit / "kit.yml", SETTINGS)
    title = f"Disaster recovery of Janus, kit of {noted['made']}"
    runbook = (kit / "runbook.md").read_text(encoding="utf-8")
    _dr_kit_print.pdf(runbook, kit / "runbook.pdf", title)
    write_atomically(kit / _dr_kit.NAME, json.dumps(noted, indent=2) + "\n")
    _dr_kit_folder.add_sums(kit)
    return noted


def configuration(kit: Path, inventories: list[str]) -> str:
    """Given the kit and its inventories, return Ansible's settings for those who work in it."""
    lines = ["[defaults]", f"inventory = {','.join(inventories)}", "collections_path = collections"]
    if _dr_kit_folder.vaulted(kit / "inventory"):
        lines.append("vault_password_file = .vault-password")
    lines += ["gathering = explicit", "localhost_warning = False", "nocows = True"]
    return "\n".join([*lines, "callback_result_format = yaml", ""])


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "gathered": {"type": "path", "required": True},
            "collection": {"type": "path", "required": True},
            "wheelhouse": {"type": "path", "required": True},
            "version": {"type": "str", "required": True},
            "inventories": {"type": "list", "elements": "str", "required": True},
            "passphrase": {"type": "str", "no_log": True},
        },
        supports_check_mode=True,
    )
    path, gathered = Path(module.params["path"]), Path(module.params["gathered"])
    result: dict[str, Any] = {"changed": True, "diff": {"before": "", "after": f"{path}\n"}}
    for library in ("fpdf", "segno"):
        try:
            __import__(library)
        except ImportError:
            name = {"fpdf": "fpdf2"}.get(library, library)
            module.fail_json(msg=missing_required_lib(name), exception=traceback.format_exc())
    if module.check_mode:
        module.exit_json(**result)
    try:
        result["kit"] = make(module.params)
        if module.params["passphrase"]:
            archive = path.with_name(f"{path.name}.tar.gpg")
            _dr_kit_folder.encrypt(gathered, archive, module.params["passphrase"])
            result["archive"] = str(archive)
        _dr_kit_folder.publish(gathered, path)
    except (BackupError, OSError, ValueError, KeyError) as error:
        module.fail_json(msg=f"no kit was made: {error}", exception=traceback.format_exc())
    module.exit_json(**result)


if __name__ == "__main__":
    main()
