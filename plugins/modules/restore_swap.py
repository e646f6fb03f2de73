#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a container the data of its proven twin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_swap
short_description: Give a container the data of its proven twin
description:
  - Stops the twin and the container, lets the directories behind their mounts change places, each
    pair in one step of the kernel, and starts the container again.
  - The container's old data is in the twin's volumes from then on. Until the journal says C(done),
    C(janus-backup-restore@.service) and the next boot bring it back.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - docker
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  run:
    description: Name of the restore.
    type: str
    required: true
  state_directory:
    description: Directory of the node's state.
    type: path
    default: /var/lib/janus-backup
"""

EXAMPLES = r"""
- name: Let the container have what was restored and proven
  janus.backup.restore_swap:
    run: restore-postgresql-20261123t020000
"""

RETURN = r"""
aside:
  description: Directories that hold the old data now.
  returned: when swapped
  type: list
  elements: str
"""

import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _journal, _swap
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "run": {"type": "str", "required": True},
            "state_directory": {"type": "path", "default": "/var/lib/janus-backup"},
        },
        supports_check_mode=True,
    )
    run, state = module.params["run"], Path(module.params["state_directory"])
    try:
        container = _journal.read(state, run)["service"]["container"]
        diff = {"before": f"{container}: present data\n", "after": f"{container}: data of {run}\n"}
        result: dict[str, Any] = {"changed": True, "diff": diff}
        if not module.check_mode:
            result["aside"] = [pair["fresh"] for pair in _swap.swap(state, run)]
        module.exit_json(**result)
    except (BackupError, OSError) as error:
        module.fail_json(msg=f"{run}: {error}", exception=traceback.format_exc())


if __name__ == "__main__":
    main()
