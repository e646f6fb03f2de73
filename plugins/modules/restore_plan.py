#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what a restore on this node would do."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_plan
short_description: Tell what a restore on this node would do
description:
  - Chooses an archive, reads its manifest without extracting anything else, looks at the service's
    container and at the space on this node, and tells what would be restored, what it would
    replace, how long it may take, and every reason not to begin.
  - Changes nothing.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - borg 1.4
  - docker
  - PyYAML
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  job:
    description: The job whose archives are looked at, one of C(/etc/janus-backup/jobs).
    type: str
    default: nightly
  service:
    description: Name of the service.
    type: str
    required: true
  archive:
    description: Which archive, as for M(janus.backup.archive_extract).
    type: str
    default: latest
  repository:
    description: Label of the repository. The job's first one when empty.
    type: str
    default: ''
  known_version:
    description:
      - The version that the service told. Left out when it does not answer.
      - Only looked at when its container has another image than at backup.
    type: str
"""

EXAMPLES = r"""
- name: Tell what restoring PostgreSQL would do
  janus.backup.restore_plan:
    service: postgresql
    archive: "2026-11-23"
"""

RETURN = r"""
plan:
  description:
    - What would be done. Among others C(run), the name that the restore would have, C(archive),
      C(bytes), C(replaces), C(estimate) with C(seconds) and C(basis), C(warnings), and C(refusals),
      which is empty when nothing is in the way.
  returned: success
  type: dict
"""

import traceback

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _job, _restore_plan
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "job": {"type": "str", "default": "nightly"},
            "service": {"type": "str", "required": True},
            "archive": {"type": "str", "default": "latest"},
            "repository": {"type": "str", "default": ""},
            "known_version": {"type": "str"},
        },
        supports_check_mode=True,
    )
    wanted = {key: module.params[key] for key in ("service", "archive", "repository")}
    wanted["known"] = module.params["known_version"]
    try:
        job = _job.read(f"/etc/janus-backup/jobs/{module.params['job']}.yml")
        plan = _restore_plan.plan(job, wanted)
    except BackupError as error:
        module.fail_json(msg=str(error), exception=traceback.format_exc())
    lines = [f"{key}: {plan[key]}\n" for key in ("run", "archive", "bytes", "replaces")]
    module.exit_json(changed=False, plan=plan, diff={"before": "", "after": "".join(lines)})


if __name__ == "__main__":
    main()
