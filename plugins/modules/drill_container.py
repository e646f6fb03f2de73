#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the container of an archived service again, on the isolated network of a drill."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_container
short_description: Build the container of an archived service on the isolated network of a drill
description:
  - Builds a container from the specification that the archive's manifest recorded, be it that of
    the container that the service ran in or what was declared to rebuild it in, with image,
    command, environment and read-only configuration of the original, but with a name, volumes and
    a network of the drill's own and without published ports.
  - The image comes from the host or, when it is kept there, from the archive, else a registry.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - docker
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  name:
    description: Name of the service in the archive.
    type: str
    required: true
  drill:
    description:
      - Name of the drill.
      - Names of all that is made begin with it; all carries it in the label C(janus.backup.drill).
      - The drill's network has this name and must exist.
    type: str
    required: true
  source:
    description: Directory of the extracted archive, the one that holds C(manifest.json).
    type: path
    required: true
  images:
    description: Directory of the images in the extracted archive. It need not exist.
    type: path
    required: true
  replacement_images:
    description: Images to build with, by the references of archived ones that cannot be had.
    type: dict
    default: {}
  limits:
    description: What the container may use.
    type: dict
    default: {}
    suboptions:
      memory:
        description: Limit of its memory, in Docker's notation. None when empty.
        type: str
        default: ''
      cpus:
        description: Number of processors that it may keep busy. All when 0.
        type: float
        default: 0.0
      pids:
        description: Number of its processes and threads. No limit when 0.
        type: int
        default: 0
"""

EXAMPLES = r"""
- name: Build PostgreSQL again
  janus.backup.drill_container:
    name: postgresql
    drill: janus-drill-1a2b3c
    source: /var/lib/janus-backup/drill/janus-drill-1a2b3c/archive/staging/nightly
    images: /var/lib/janus-backup/drill/janus-drill-1a2b3c/archive/images/nightly
    limits: {memory: 2g, cpus: 2, pids: 4096}
"""

RETURN = r"""
container:
  description: Name of the container that was built.
  returned: success
  type: str
replaced_image:
  description: Reference of the archived image, when another one had to take its place.
  returned: when it was replaced
  type: str
seconds:
  description: How long it took to have it made, and started where its restore does not do that.
  returned: when built
  type: float
"""

import time
import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _container, _manifest, _rebuild
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
            "name": {"type": "str", "required": True},
            "drill": {"type": "str", "required": True},
            "source": {"type": "path", "required": True},
            "images": {"type": "path", "required": True},
            "replacement_images": {"type": "dict", "default": {}},
            "limits": {
                "type": "dict",
                "default": {},
                "options": {
                    "memory": {"type": "str", "default": ""},
                    "cpus": {"type": "float", "default": 0.0},
                    "pids": {"type": "int", "default": 0},
                },
            },
        },
        supports_check_mode=True,
    )
    name, drill = module.params["name"], module.params["drill"]
    source = Path(module.params["source"])
    try:
        record = _manifest.record(source, name)
        spec = _manifest.container(record)
        if spec is None:
            raise BackupError("it did not run in a container, so there is none to build again")
        wanted = f"{drill}-{spec['name']}"
        result: dict[str, Any] = {"changed": not exists(wanted), "container": wanted}
        result["diff"] = {"before": "", "after": f"{wanted}\n" if result["changed"] else ""}
        if result["changed"] and not module.check_mode:
            started = time.monotonic()
            images, limits = Path(module.params["images"]), module.params["limits"]
            replacements = module.params["replacement_images"]
            _rebuild.build(record, source / name, images, drill, drill, limits, replacements)
            image = _container.inspect(wanted, running=False)["Image"]
            if image != (spec["image"]["id"] or image):
                result["replaced_image"] = spec["image"]["reference"]
            result["seconds"] = round(time.monotonic() - started, 3)
        module.exit_json(**result)
    except BackupError as error:
        module.fail_json(msg=f"{name}: {error}", exception=traceback.format_exc())


if __name__ == "__main__":
    main()
