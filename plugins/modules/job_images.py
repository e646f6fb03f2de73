#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the images of a job's containers as files beside its dumps."""

from __future__ import annotations

DOCUMENTATION = r"""
module: job_images
short_description: Keep the images of a job's containers as files beside its dumps
description:
  - Saves the image of each container, and each further image, once, under the image's id, and
    deletes those that are not wanted any more, so that an archive can be restored on a host that
    reaches no registry.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - docker
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  path:
    description: Directory that holds the images of this job and nothing else.
    type: path
    required: true
  containers:
    description: Containers whose images to keep. One that does not exist is passed over.
    type: list
    elements: str
    required: true
  images:
    description: References of further images to keep. One that is not there is passed over.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Keep the images of two containers
  janus.backup.job_images:
    path: /var/lib/janus-backup/images/nightly
    containers:
      - janus-postgresql
      - janus-redis
"""

RETURN = r"""
saved:
  description: Files of images that were missing.
  returned: success
  type: list
  elements: str
removed:
  description: Files of images that no container uses any more.
  returned: success
  type: list
  elements: str
"""

import traceback
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _images
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "containers": {"type": "list", "elements": "str", "required": True},
            "images": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    directory = Path(module.params["path"])
    try:
        files = _images.wanted(module.params["containers"], module.params["images"])
        saved, removed = _images.differences(directory, files)
        if (saved or removed) and not module.check_mode:
            _images.keep(directory, files)
    except BackupError as error:
        module.fail_json(msg=str(error), exception=traceback.format_exc())
    before = "".join(f"{name}\n" for name in removed)
    after = "".join(f"{name}\n" for name in saved)
    module.exit_json(
        changed=bool(saved or removed),
        saved=saved,
        removed=removed,
        diff={"before": before, "after": after},
    )


if __name__ == "__main__":
    main()
