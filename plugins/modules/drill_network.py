#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the isolated network of a drill, or remove all that a drill made."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_network
short_description: Make the isolated network of a drill, or remove all that a drill made
description:
  - A drill's containers live on a network of their own that leads nowhere.
  - Removing it removes every container, volume and network that carries the drill's label, and
    nothing else.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - docker
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  drill:
    description: Name of the drill and of its network.
    type: str
    required: true
  state:
    description:
      - V(present) makes the network, V(absent) removes all that carries the drill's label.
    type: str
    choices: [present, absent]
    default: present
  not_beside:
    description:
      - Names of the containers that the archive describes.
      - With O(state=present) the host is refused when it has one of them, running or not, since it
        carries the production stack then.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Make the network of a drill
  janus.backup.drill_network:
    drill: janus-drill-1a2b3c
    not_beside: [janus-postgresql, janus-redis]

- name: Remove all that the drill made
  janus.backup.drill_network:
    drill: janus-drill-1a2b3c
    state: absent
"""

RETURN = r"""
removed:
  description: Names of the containers, volumes and networks that were removed.
  returned: with O(state=absent)
  type: list
  elements: str
"""

import traceback

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _rebuild
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "drill": {"type": "str", "required": True},
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
            "not_beside": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    drill = module.params["drill"]
    try:
        made = _rebuild.made(drill)
        if module.params["state"] == "present":
            if carried := _rebuild.carried(module.params["not_beside"]):
                raise BackupError(
                    f"refusing to drill here: this host has container {', '.join(carried)} of the "
                    "archive, so it carries the production stack"
                )
            result = {"changed": drill not in made, "diff": {"before": "", "after": f"{drill}\n"}}
            if result["changed"] and not module.check_mode:
                _rebuild.create_network(drill)
        else:
            before = "".join(f"{name}\n" for name in made)
            result = {"changed": bool(made), "diff": {"before": before, "after": ""}}
            result["removed"] = made if module.check_mode else _rebuild.tear_down(drill)
        module.exit_json(**result)
    except BackupError as error:
        module.fail_json(msg=str(error), exception=traceback.format_exc())


if __name__ == "__main__":
    main()
