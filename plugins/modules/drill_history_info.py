#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the history of drills and verify that no report was edited or removed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_history_info
short_description: Read the history of drills and verify that no report was edited or removed
description:
  - Each report names the hash of the one before it, and may be signed. This reads a directory of
    reports, on a drill host or a copy of it, and tells what does not hold together.
  - Does not fail on a broken history, but tells it in RV(problems).
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - ssh-keygen (with O(allowed_signers))
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  path:
    description: Directory of the reports. It need not exist.
    type: path
    required: true
  allowed_signers:
    description:
      - Who may have signed, in the form of the ALLOWED SIGNERS file of C(ssh-keygen).
      - Signatures are not looked at when empty.
    type: str
    default: ''
"""

EXAMPLES = r"""
- name: Verify the history of a drill host
  janus.backup.drill_history_info:
    path: /var/lib/janus-backup/drills
    allowed_signers: "{{ janus_backup_drill_allowed_signers }}"
  register: history
  failed_when: history.problems | length > 0
"""

RETURN = r"""
problems:
  description: One sentence for each report that is missing, edited, or not signed as it should be.
  returned: success
  type: list
  elements: str
reports:
  description:
    - The reports, the oldest first, each with C(file), C(sha256), C(signed) and, if it can be read,
      C(drill), C(invocation), C(finished) and C(verdict).
  returned: success
  type: list
  elements: dict
"""

import json
import tempfile
import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _drill_history
from ansible_collections.janus.backup.plugins.module_utils._files import sha256

SHOWN = ("drill", "invocation", "finished", "verdict")


def describe(path: Path) -> dict[str, Any]:
    """Given a report, return what there is to tell of it."""
    found = {"file": path.name, "sha256": sha256(path), "signed": Path(f"{path}.sig").is_file()}
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        return {**found, **{key: report.get(key) for key in SHOWN}}
    except (ValueError, AttributeError):
        return found


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "allowed_signers": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    directory, signers = Path(module.params["path"]), module.params["allowed_signers"]
    try:
        with tempfile.NamedTemporaryFile("w", dir=module.tmpdir, encoding="utf-8") as allowed:
            allowed.write(f"{signers}\n")
            allowed.flush()
            problems = _drill_history.verify(directory, Path(allowed.name) if signers else None)
        reports = [describe(path) for path in _drill_history.reports(directory)]
    except OSError as error:
        module.fail_json(msg=f"cannot read {directory}: {error}", exception=traceback.format_exc())
    diff = {"before": "", "after": "".join(f"{problem}\n" for problem in problems)}
    module.exit_json(changed=False, problems=problems, reports=reports, diff=diff)


if __name__ == "__main__":
    main()
