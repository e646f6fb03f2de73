#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Note in the journal of a restore what it is about to do."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_journal
short_description: Note in the journal of a restore what it is about to do
description:
  - Writes C(/var/lib/janus-backup/restore/<run>.json) atomically, before the phase that it tells of
    begins. After a crash, what is to be undone follows from it.
  - With O(plan) it begins the journal.
version_added: 0.1.0
author: The janus.backup developers (@janus)
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  run:
    description: Name of the restore, from M(janus.backup.restore_plan).
    type: str
    required: true
  phase:
    description:
      - The phase that begins.
      - V(done) means that what was restored is proven in its place; nothing undoes it from then on.
    type: str
    required: true
    choices: [asked, extract, build, restore, compare, swap, check, copy, done, failed]
  plan:
    description: The plan, with O(phase=asked).
    type: dict
  facts:
    description: What else to note, such as the reason of a failure.
    type: dict
    default: {}
  state_directory:
    description: Directory of the node's state.
    type: path
    default: /var/lib/janus-backup
"""

EXAMPLES = r"""
- name: Note that the archive is about to be extracted
  janus.backup.restore_journal:
    run: restore-postgresql-20261123t020000
    phase: extract
"""

RETURN = r"""
seconds:
  description: How long each finished phase took.
  returned: when another phase than V(asked) was noted
  type: dict
"""

import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _journal
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

PHASES = ["asked", "extract", "build", "restore", "compare", "swap", "check", "copy", "done"]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "run": {"type": "str", "required": True},
            "phase": {"type": "str", "required": True, "choices": [*PHASES, "failed"]},
            "plan": {"type": "dict"},
            "facts": {"type": "dict", "default": {}},
            "state_directory": {"type": "path", "default": "/var/lib/janus-backup"},
        },
        required_if=[("phase", "asked", ["plan"])],
        supports_check_mode=True,
    )
    run, phase, facts = (module.params[key] for key in ("run", "phase", "facts"))
    state = Path(module.params["state_directory"])
    result: dict[str, Any] = {"changed": True, "diff": {"before": "", "after": f"{phase}\n"}}
    try:
        if not module.check_mode and phase == "asked":
            _journal.begin(state, run, module.params["plan"] | facts)
        elif not module.check_mode:
            result["seconds"] = _journal.seconds(_journal.enter(state, run, phase, **facts))
        module.exit_json(**result)
    except (BackupError, OSError) as error:
        module.fail_json(msg=f"{run}: {error}", exception=traceback.format_exc())


if __name__ == "__main__":
    main()
