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
  - Writes one JSON report, atomically, and returns its verdict. It does not fail on a bad verdict,
    so that the play can tear down first.
  - A service that the drill never came to is C(not run), never passed.
  - The drill's unit then adds the report to the history in C(/var/lib/janus-backup/drills).
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
    description: When the drill started, in seconds since 1970.
    type: float
    required: true
  wanted:
    description: What was asked for, C(archive), C(source) and C(services).
    type: dict
    required: true
  source:
    description: Name and repository of the source that was drilled, if it came so far.
    type: dict
    default: {}
  archive:
    description: What M(janus.backup.archive_extract) returned of the archive, if it came so far.
    type: dict
    default: {}
  seconds:
    description: How long the drill's own steps took, C(fetch) and C(extract).
    type: dict
    default: {}
  path_extracted:
    description: Directory of the extracted archive, if it was extracted.
    type: path
  error:
    description: Why the drill itself, not one service, failed.
    type: str
  results:
    description:
      - For each service what the drill found, C(error), C(blocked), C(differences), C(objects),
        C(checks) and C(seconds).
    type: dict
    default: {}
  rto:
    description: Longest time in which everything is to be restored and compared, such as C(4h).
    type: str
    default: ''
  rpo:
    description: Greatest age of the newest complete archive, such as C(26h).
    type: str
    default: ''
  targets_fail:
    description: Whether a missed target makes the drill fail. It is a warning otherwise.
    type: bool
    default: false
  warnings:
    description: What the operator should know and what is no fault of the archive.
    type: list
    elements: str
    default: []
  collection_version:
    description: Version of this collection.
    type: str
    default: unknown
"""

EXAMPLES = r"""
- name: Report a drill that found everything equal
  janus.backup.drill_report:
    path: /var/lib/janus-backup/drill/janus-drill-1a2b3c/report.json
    drill: janus-drill-1a2b3c
    host: drill1
    started: 1795402800.5
    wanted: {archive: latest, source: null, services: []}
    source: {name: node, repository: ssh://root@janus1/var/backups/janus.borg}
    path_extracted: /var/lib/janus-backup/drill/janus-drill-1a2b3c/archive/staging/nightly
    results:
      postgresql:
        error:
        differences: []
        objects: 120
        checks: [{name: smoke, target: null, error: null}]
        seconds: {build: 1.2, restore: 8.1, verify: 0.9}
    rto: 4h
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
warnings:
  description: O(warnings), and the targets that were missed.
  returned: when some were
  type: list
  elements: str
report:
  description: The report as written.
  returned: success
  type: dict
"""

import json
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import (
    _drill_report,
    _manifest,
    _tools,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    write_atomically,
)


def compose(parameters: dict[str, Any], now: float) -> dict[str, Any]:
    """Given the module's parameters and the present moment, return the report.

    Raise BackupError if a target is none.
    """
    error, services, run, checksum = parameters["error"], {}, None, None
    chosen = parameters["wanted"]["services"]
    if parameters["path_extracted"]:
        try:
            manifest = _manifest.read(Path(parameters["path_extracted"]))
            run, checksum = manifest["run"], manifest["checksum"]
            services = {
                name: _drill_report.of_service(record, parameters["results"].get(name))
                for name, record in manifest["services"].items()
                if not chosen or name in chosen
            }
        except BackupError as unreadable:
            error = error or str(unreadable)
    targets = measure(parameters, services, now)
    missed = [targets[key]["missed"] for key in ("rto", "rpo") if targets[key]["missed"]]
    if missed and parameters["targets_fail"] and not error:
        error = "; ".join(missed)
    report = _drill_report.begun(
        parameters["drill"], parameters["host"], parameters["started"], parameters["wanted"], now
    )
    return {
        **report,
        "source": parameters["source"],
        "archive": parameters["archive"],
        "run": run,
        "manifest_checksum": checksum,
        "seconds": {**parameters["seconds"], **report["seconds"]},
        **targets,
        "tools": _tools.versions(parameters["collection_version"]),
        "services": services,
        "error": error,
        "warnings": [*parameters["warnings"], *missed],
        "verdict": _drill_report.overall(services, error),
        "sentences": _drill_report.sentences(services, error),
    }


def measure(
    parameters: dict[str, Any], services: dict[str, dict[str, Any]], now: float
) -> dict[str, Any]:
    """Given the module's parameters and the evidence, return what was measured and the targets."""
    restored = (_drill_report.PROVEN, _drill_report.RESTORED)
    back = services and all(service["verdict"] in restored for service in services.values())
    taken = now - parameters["started"] if back else None
    archive = parameters["archive"]
    newest = archive.get("newest")
    return {
        "rto": _drill_report.target(
            "the time to restore", taken, _drill_report.seconds_of(parameters["rto"])
        ),
        "rpo": _drill_report.target(
            "the age of the newest complete archive",
            parameters["started"] - since(newest) if newest else None,
            _drill_report.seconds_of(parameters["rpo"]),
        ),
        "data_age_seconds": round(parameters["started"] - since(archive), 3) if archive else None,
    }


def since(archive: dict[str, Any]) -> float:
    """Given an archive, return when it was begun, in seconds since 1970."""
    return datetime.fromisoformat(archive["start"]).replace(tzinfo=UTC).timestamp()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "drill": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
            "started": {"type": "float", "required": True},
            "wanted": {"type": "dict", "required": True},
            "source": {"type": "dict", "default": {}},
            "archive": {"type": "dict", "default": {}},
            "seconds": {"type": "dict", "default": {}},
            "path_extracted": {"type": "path"},
            "error": {"type": "str"},
            "results": {"type": "dict", "default": {}},
            "rto": {"type": "str", "default": ""},
            "rpo": {"type": "str", "default": ""},
            "targets_fail": {"type": "bool", "default": False},
            "warnings": {"type": "list", "elements": "str", "default": []},
            "collection_version": {"type": "str", "default": "unknown"},
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    try:
        report = compose(module.params, time.time())
        text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        if not module.check_mode:
            private_directory(path.parent)
            write_atomically(path, text)
    except (BackupError, OSError) as error:
        module.fail_json(msg=f"cannot report: {error}", exception=traceback.format_exc())
    for sentence in report["warnings"]:
        module.warn(sentence)
    module.exit_json(
        changed=True,
        verdict=report["verdict"],
        sentences=report["sentences"],
        report=report,
        diff={"before": "", "after": text},
    )


if __name__ == "__main__":
    main()
