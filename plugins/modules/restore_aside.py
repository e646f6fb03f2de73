#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide what becomes of the data that a restore kept aside."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_aside
short_description: Decide what becomes of the data that a restore kept aside
description:
  - Removes it for good, or marks the restore as not proven after all, so that
    C(janus-backup-restore-end.service) puts the old data back in its place and removes what was
    restored. Parts of a service are removed by that unit as well.
  - Refuses when a later restore of the same service was not undone before.
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
  state:
    description:
      - With V(absent) what was kept aside is removed.
      - With V(back) the restore is marked.
    type: str
    required: true
    choices: [absent, back]
  state_directory:
    description: Directory of the node's state.
    type: path
    default: /var/lib/janus-backup
"""

EXAMPLES = r"""
- name: The restored data is good, the old one is no longer needed
  janus.backup.restore_aside:
    run: restore-postgresql-20261123t020000
    state: absent
"""

RETURN = r"""
removed:
  description: Names of the volumes and directories that were removed.
  returned: with O(state=absent)
  type: list
  elements: str
"""

import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _exchange, _journal, _twin
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def wanted(journal: dict[str, Any], state: str) -> bool:
    """Given a journal and what is wanted of its old data, tell whether anything is to be done.

    Raise BackupError if it cannot be done.
    """
    if journal["phase"] != _journal.PROVEN:
        if state == "absent" or not journal["open"]:
            raise BackupError(f"it kept nothing aside: it ended as {journal['phase']}")
        return False
    if journal.get("discarded"):
        if state == "back":
            raise BackupError("its old data was removed for good")
        return False
    if journal.get("undo"):
        return True
    if state == "back" and not all(_exchange.exchanged(pair) for pair in journal["pairs"]):
        raise BackupError("what it restored is no longer in place")
    return True


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "run": {"type": "str", "required": True},
            "state": {"type": "str", "required": True, "choices": ["absent", "back"]},
            "state_directory": {"type": "path", "default": "/var/lib/janus-backup"},
        },
        supports_check_mode=True,
    )
    run, state = module.params["run"], Path(module.params["state_directory"])
    try:
        journal = _journal.read(state, run)
        result: dict[str, Any] = {"changed": wanted(journal, module.params["state"])}
        aside = "".join(f"{pair['fresh']}\n" for pair in journal.get("pairs", []))
        result["diff"] = {"before": aside, "after": "" if result["changed"] else aside}
        if module.params["state"] == "absent":
            result["removed"] = []
        if result["changed"] and not module.check_mode:
            if module.params["state"] == "back":
                _journal.enter(state, run, "check", open=True)
            elif journal.get("undo"):
                _journal.enter(state, run, _journal.DISCARDING, open=True)
            else:
                result["removed"] = _twin.remove_data(journal["service"]["container"], run)
                _journal.write(state, {**journal, "discarded": True})
        module.exit_json(**result)
    except BackupError as error:
        module.fail_json(msg=f"{run}: {error}", exception=traceback.format_exc())


if __name__ == "__main__":
    main()
