#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the manifest of a run, the last file of its staging directory."""

from __future__ import annotations

DOCUMENTATION = r"""
module: manifest
short_description: Write the manifest of a run
description:
  - Gathers the records that the dumps of a run left in its staging directory, together with the
    failures of those that did not succeed, into C(manifest.json), atomically and with a checksum of
    itself.
  - Fails when no service was dumped, so that an empty archive is never made.
version_added: 0.1.0
author: The janus.backup developers (@janus)
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  staging:
    description: Staging directory of the run.
    type: path
    required: true
  job:
    description: Name of the job.
    type: str
    required: true
  node:
    description: Name of the node.
    type: str
    required: true
  started:
    description: When the run started, UTC, ISO 8601.
    type: str
    required: true
  services:
    description: Names of all services of the job.
    type: list
    elements: str
    required: true
  declared:
    description:
      - The services as they are declared. What a drill has to know of each and its dump does not
        tell, C(after), C(checks) and C(rebuild), goes into the manifest.
    type: list
    elements: dict
    default: []
  failures:
    description: For each service whose dump failed, the sentence that says why.
    type: dict
    default: {}
  configuration:
    description: Directory of the node's rendered configuration, whose fingerprint goes along.
    type: path
  collection_version:
    description: Version of this collection.
    type: str
    default: unknown
"""

EXAMPLES = r"""
- name: Write the manifest
  janus.backup.manifest:
    staging: /var/lib/janus-backup/staging/nightly
    job: nightly
    node: janus1
    started: "2026-11-23T02:00:00Z"
    services: [postgresql, redis]
    failures:
      redis: "container janus-redis is not running: exited"
"""

RETURN = r"""
run:
  description: Id, job, node, times and status (complete or partial) of the run.
  returned: when the manifest was written
  type: dict
checksum:
  description: The manifest's checksum of itself.
  returned: when the manifest was written
  type: str
"""

import traceback
import uuid
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _dr_kit, _dump, _manifest, _tools
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "staging": {"type": "path", "required": True},
            "job": {"type": "str", "required": True},
            "node": {"type": "str", "required": True},
            "started": {"type": "str", "required": True},
            "services": {"type": "list", "elements": "str", "required": True},
            "declared": {"type": "list", "elements": "dict", "default": []},
            "failures": {"type": "dict", "default": {}},
            "configuration": {"type": "path"},
            "collection_version": {"type": "str", "default": "unknown"},
        },
        supports_check_mode=True,
    )
    staging = Path(module.params["staging"])
    if (staging / _manifest.NAME).exists():
        module.exit_json(changed=False, msg="the manifest of this run is written already")
    result = {"changed": True, "diff": {"before": "", "after": f"{staging / _manifest.NAME}\n"}}
    if not module.check_mode:
        run = {
            "id": uuid.uuid4().hex,
            "job": module.params["job"],
            "node": module.params["node"],
            "started": module.params["started"],
            "finished": _dump.utc_now(),
        }
        if module.params["configuration"]:
            run["configuration"] = _dr_kit.configuration(Path(module.params["configuration"]))
        try:
            manifest = _manifest.write(
                staging,
                run,
                _tools.versions(module.params["collection_version"]),
                module.params["failures"],
                module.params["services"],
                module.params["declared"],
            )
        except BackupError as error:
            module.fail_json(msg=str(error), exception=traceback.format_exc())
        result |= {"run": manifest["run"], "checksum": manifest["checksum"]}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
