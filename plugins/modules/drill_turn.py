#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a service of a drill wait for those that it depends on, or tell how it came out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_turn
short_description: Let a service of a drill wait for those that it depends on
description:
  - Services of a drill are rebuilt side by side. One that comes after others waits here until each
    of them has told how it came out.
  - Does not fail when one of them did not succeed, but tells it in RV(blocked), so that the service
    can be reported as not run.
version_added: 0.1.0
author: The janus.backup developers (@janus)
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  path:
    description: Directory in which the services of the drill tell how they came out.
    type: path
    required: true
  name:
    description: Name of the service.
    type: str
    required: true
  after:
    description: Names of the services to wait for.
    type: list
    elements: str
    default: []
  outcome:
    description: How the service itself came out; others that wait for it go on only with V(good).
    type: str
    choices: [good, bad]
  timeout:
    description: Seconds to wait before the service counts as blocked.
    type: int
    default: 86400
"""

EXAMPLES = r"""
- name: Wait for the database
  janus.backup.drill_turn:
    path: /var/lib/janus-backup/drill/janus-drill-1a2b3c/outcomes
    name: application
    after: [postgresql]
  register: turn

- name: Tell that the service is there
  janus.backup.drill_turn:
    path: /var/lib/janus-backup/drill/janus-drill-1a2b3c/outcomes
    name: application
    outcome: good
"""

RETURN = r"""
blocked:
  description: Why the service is not to be run, empty when it may.
  returned: success
  type: str
"""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    write_atomically,
)


def blocked(directory: Path, after: list[str], seconds: float) -> str:
    """Given where services tell how they came out, wait for those named. Return why a service that
    comes after them is not to be run, or nothing.
    """
    deadline = time.monotonic() + seconds
    for name in after:
        path = directory / name
        while not path.is_file():
            if time.monotonic() > deadline:
                return f"{name}, on which it depends, did not end within {seconds:g} s"
            time.sleep(0.1)
        if path.read_text(encoding="utf-8") != "good":
            return f"{name}, on which it depends, was not restored"
    return ""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "after": {"type": "list", "elements": "str", "default": []},
            "outcome": {"type": "str", "choices": ["good", "bad"]},
            "timeout": {"type": "int", "default": 86400},
        },
        supports_check_mode=True,
    )
    directory, outcome = Path(module.params["path"]), module.params["outcome"]
    result = {"changed": False, "blocked": ""}
    if not module.check_mode:
        result["blocked"] = blocked(directory, module.params["after"], module.params["timeout"])
    path = directory / module.params["name"]
    if outcome:
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        result["changed"] = before != outcome
        result["diff"] = {"before": before, "after": outcome}
        if result["changed"] and not module.check_mode:
            private_directory(directory)
            write_atomically(path, outcome)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
