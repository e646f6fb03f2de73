#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the manifest of an extracted archive and prove its artefacts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: manifest_info
short_description: Read the manifest of an extracted archive and prove its artefacts
description:
  - Fails when the manifest is missing, was edited or is of a newer format.
  - Reads every artefact of every service and compares its size and SHA-256.
  - What it returns holds no secrets; environments of containers stay in the file.
version_added: 0.1.0
author: The janus.backup developers (@janus)
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  path:
    description: Directory of the extracted archive, the one that holds C(manifest.json).
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Prove an extracted archive
  janus.backup.manifest_info:
    path: /var/lib/janus-backup/drill/archive/staging/nightly
  register: archive
  failed_when: archive.services.values() | map(attribute='damage') | flatten | length > 0
"""

RETURN = r"""
run:
  description: Id, job, node, times and status of the run that made the archive.
  returned: success
  type: dict
checksum:
  description: The manifest's checksum of itself.
  returned: success
  type: str
services:
  description:
    - For each service its type, runtime, container, status, error, user, size in bytes,
      C(consistency), the services that it comes C(after), C(rebuilt_in), where a drill can rebuild
      it (C(container), C(root) or nothing), and C(damage), one sentence for each artefact that is
      missing or different.
  returned: success
  type: dict
"""

import traceback
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _manifest
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "required": True}},
        supports_check_mode=True,
    )
    source = Path(module.params["path"])
    try:
        manifest = _manifest.read(source)
    except BackupError as error:
        module.fail_json(msg=str(error), exception=traceback.format_exc())
    services = {
        name: {
            "type": record.get("type"),
            "runtime": record.get("runtime"),
            "container": record.get("container", {}).get("name"),
            "rebuilt_in": _manifest.rebuilt_in(record),
            "status": record["status"],
            "error": record.get("error"),
            "user": record.get("user"),
            "options": record.get("options", {}),
            "consistency": record.get("consistency", {}).get("kind"),
            "after": record.get("after", []),
            "bytes": _manifest.size(record),
            "damage": _manifest.damaged(source, record),
        }
        for name, record in manifest["services"].items()
    }
    damage = [sentence for service in services.values() for sentence in service["damage"]]
    module.exit_json(
        changed=False,
        run=manifest["run"],
        checksum=manifest["checksum"],
        services=services,
        diff={"before": "", "after": "".join(f"{sentence}\n" for sentence in damage)},
    )


if __name__ == "__main__":
    main()
