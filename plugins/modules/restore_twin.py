#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the twin of a container, to be restored into."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_twin
short_description: Build the twin of a container, to be restored into
description:
  - Starts a container with the image and the configuration of another one, with data of its own, on
    a network that leads nowhere. The other one is not touched.
  - C(janus-backup-restore@.service) removes it at the end of the restore, however that ends.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - docker
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  container:
    description: Name of the container.
    type: str
    required: true
  run:
    description: Name of the restore, from M(janus.backup.restore_plan).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Build a second PostgreSQL beside the first
  janus.backup.restore_twin:
    container: janus-postgresql
    run: restore-postgresql-20261123t020000
"""

RETURN = r"""
container:
  description: Name of the twin.
  returned: success
  type: str
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _container, _twin
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def exists(name: str) -> bool:
    """Given a container's name, tell whether there is such a container."""
    try:
        _container.inspect(name, running=False)
    except BackupError:
        return False
    return True


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "container": {"type": "str", "required": True},
            "run": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    container, run = module.params["container"], module.params["run"]
    wanted = _twin.twin_name(container, run)
    try:
        result: dict[str, Any] = {"changed": not exists(wanted), "container": wanted}
        result["diff"] = {"before": "", "after": f"{wanted}\n" if result["changed"] else ""}
        if result["changed"] and not module.check_mode:
            _twin.build(container, run)
        module.exit_json(**result)
    except BackupError as error:
        module.fail_json(msg=f"{run}: {error}", exception=traceback.format_exc())


if __name__ == "__main__":
    main()
