#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read of a node what the disaster recovery kit has to hold."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dr_kit_info
short_description: Read of a node what the disaster recovery kit has to hold
description:
  - Reads the jobs on the node, and of what they name the keys, the newest archives and the images
    of the containers, besides the rendered configuration without secrets and the packages of the
    distribution. Changes nothing.
  - What it returns holds the repositories' keys. Use C(no_log).
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - borg
  - dpkg-query
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  left_out:
    description: Options in borgmatic's files that may hold secrets, whose values are not told.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Read what the kit has to hold
  janus.backup.dr_kit_info:
  register: node_holds
  no_log: true
"""

RETURN = r"""
configuration:
  description: SHA-256 of the rendered configuration.
  returned: success
  type: str
rendered:
  description: The rendered configuration, the text of each file by its path on the node.
  returned: success
  type: dict
keys:
  description: For each label of a repository its exported key as C(key), C(paper) and C(html).
  returned: success
  type: dict
archives:
  description: For each repository the archive that the last run of a job made.
  returned: success
  type: dict
images:
  description: For each container C(reference), C(id) and C(repo_digests) of its image.
  returned: success
  type: dict
packages:
  description: Installed packages of the distribution and their versions.
  returned: success
  type: dict
"""

import json
import subprocess
import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import (
    _borg_key,
    _container,
    _dr_kit,
    _job,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

ETC = Path("/etc/janus-backup")
STATUS = Path("/var/lib/janus-backup/status")
UNITS = Path("/etc/systemd/system")
FORMS = {"key": "", "paper": "--paper", "html": "--qr-html"}


def rendered(left_out: list[str]) -> dict[str, str]:
    """Given the options to leave out, return the text of each rendered file by its path."""
    units = sorted(UNITS.glob("janus-backup-*"))
    return {
        str(path): _dr_kit.plain(
            path.read_text(encoding="utf-8"), left_out if path.suffix == ".yaml" else []
        )
        for path in [*_dr_kit.rendered(ETC), *units]
    }


def archives() -> dict[str, str]:
    """Return the archive that the last run left in each repository."""
    found = {}
    for path in sorted(STATUS.glob("*.json"), key=lambda path: path.stat().st_mtime):
        noted = json.loads(path.read_text(encoding="utf-8"))["repositories"]
        found.update({repository: each["archive"] for repository, each in noted.items()})
    return found


def keys(jobs: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Given the jobs, return the key of each repository, in each form, by its label.

    Raise BackupError if a repository cannot be reached, or if there is none.
    """
    found = {
        each["label"]: {
            name: _borg_key.export(_job.borg_access(job), each["path"], form)
            for name, form in FORMS.items()
        }
        for job in jobs[:1]  # they all write to the same ones
        for each in job["repositories"]
    }
    if not found:
        raise BackupError(f"there is no job in {ETC}/jobs: janus.backup.site comes first")
    return found


def images(jobs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Given the jobs, return the image of each container. Raise BackupError if one is missing."""
    names = {service["container"] for job in jobs for service in job["services"]}
    return {
        name: _container.specification(_container.inspect(name, running=False))["image"]
        for name in sorted(filter(None, names))
    }


def packages() -> dict[str, str]:
    """Return the installed packages of the distribution with their versions."""
    command = ["dpkg-query", "--show", "--showformat", "${binary:Package} ${Version}\n"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(line.split(" ", 1) for line in told.splitlines())


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "left_out": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        jobs = [_job.read(str(path)) for path in sorted(ETC.glob("jobs/*.yml"))]
        result = {
            "configuration": _dr_kit.configuration(ETC),
            "rendered": rendered(module.params["left_out"]),
            "keys": keys(jobs),
            "archives": archives(),
            "images": images(jobs),
            "packages": packages(),
        }
    except (BackupError, OSError, ValueError, subprocess.CalledProcessError) as error:
        module.fail_json(
            msg=f"cannot gather for the kit: {error}", exception=traceback.format_exc()
        )
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
