#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the report of a drill and give its verdict."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_report
short_description: Write the report of a drill and give its verdict
description:
  - Writes one JSON report per drill, atomically, and returns its verdict. It does not fail on a bad
    verdict, so that the play can tear down first.
  - A service that the drill never came to is C(not run), never passed.
version_added: 0.1.0
author: The janus.backup developers (@janus)
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  path:
    description: File to write the report to.
    type: path
    required: true
  drill:
    description: Name of the drill.
    type: str
    required: true
  host:
    description: Name of the host on which the drill ran.
    type: str
    required: true
  started:
    description: When the drill started, UTC, ISO 8601.
    type: str
    required: true
  repository:
    description: The repository that was drilled.
    type: str
    required: true
  archive:
    description: What M(janus.backup.archive_extract) returned of the archive, if it came so far.
    type: dict
    default: {}
  extract_seconds:
    description: How long the extraction took.
    type: float
  source:
    description: Directory of the extracted archive, if it was extracted.
    type: path
  error:
    description: Why the drill itself, not one service, failed.
    type: str
  results:
    description:
      - For each service what the drill found, C(error), C(differences), C(objects) and C(seconds).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Report a drill that found everything equal
  janus.backup.drill_report:
    path: /var/lib/janus-backup/drills/janus-drill-1a2b3c.json
    drill: janus-drill-1a2b3c
    host: drill1
    started: "2026-11-23T03:00:00Z"
    repository: ssh://root@janus1/var/backups/janus.borg
    source: /var/lib/janus-backup/drill/archive/staging/nightly
    results:
      postgresql:
        error:
        differences: []
        objects: 120
        seconds: {build: 1.2, restore: 8.1, verify: 0.9}
"""

RETURN = r"""
verdict:
  description: proven, restored, failed or not run.
  returned: success
  type: str
sentences:
  description: What is wrong, one sentence each, naming service and object.
  returned: success
  type: list
  elements: str
report:
  description: The report as written.
  returned: success
  type: dict
"""

import json
import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _drill_report, _dump, _manifest
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    write_atomically,
)


def compose(parameters: dict[str, Any]) -> dict[str, Any]:
    """Given the module's parameters, return the report."""
    error, services, run, checksum = parameters["error"], {}, None, None
    if parameters["source"]:
        try:
            manifest = _manifest.read(Path(parameters["source"]))
            run, checksum = manifest["run"], manifest["checksum"]
            services = {
                name: _drill_report.of_service(record, parameters["results"].get(name))
                for name, record in manifest["services"].items()
            }
        except BackupError as unreadable:
            error = error or str(unreadable)
    return {
        "format": "janus.backup drill report",
        "format_version": _drill_report.FORMAT_VERSION,
        "drill": parameters["drill"],
        "host": parameters["host"],
        "started": parameters["started"],
        "finished": _dump.utc_now(),
        "repository": parameters["repository"],
        "archive": parameters["archive"],
        "run": run,
        "manifest_checksum": checksum,
        "extract_seconds": parameters["extract_seconds"],
        "services": services,
        "error": error,
        "verdict": _drill_report.overall(services, error),
        "sentences": _drill_report.sentences(services, error),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "drill": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
            "started": {"type": "str", "required": True},
            "repository": {"type": "str", "required": True},
            "archive": {"type": "dict", "default": {}},
            "extract_seconds": {"type": "float"},
            "source": {"type": "path"},
            "error": {"type": "str"},
            "results": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    report = compose(module.params)
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    if not module.check_mode:
        try:
            private_directory(path.parent)
            write_atomically(path, text)
        except OSError as error:
            module.fail_json(msg=f"cannot write {path}: {error}", exception=traceback.format_exc())
    module.exit_json(
        changed=True,
        verdict=report["verdict"],
        sentences=report["sentences"],
        report=report,
        diff={"before": "", "after": text},
    )


if __name__ == "__main__":
    main()
