#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the container of an archived service again as it was in production."""

from __future__ import annotations

DOCUMENTATION = r"""
module: production_container
short_description: Build the container of an archived service again as it was in production
description:
  - Builds a container from the specification that the archive's manifest recorded, with its name,
    hostname, published ports, networks and aliases, named volumes, labels, limits and restart
    policy. Bind-mounted configuration is put back at its place on the host.
  - The image comes from the host or, when it is kept there, from the archive, else a registry.
  - Refuses when anything is in the way - a container or a volume with data of that name, another
    file at the place of the configuration, a port that something else has - unless O(replace).
  - Starts the container with empty volumes, or leaves that to the module that restores the data
    where that one does it.
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
  source:
    description: Directory of the extracted archive, the one that holds C(manifest.json).
    type: path
    required: true
  images:
    description: Directory of the images in the extracted archive. It need not exist.
    type: path
    required: true
  label:
    description: Value of the label C(janus.backup.built) of all that is made.
    type: str
    required: true
  container:
    description: Name of the container, if it is to be another one than the recorded one.
    type: str
  volumes:
    description: Other names for volumes, by the recorded ones.
    type: dict
    default: {}
  publish:
    description:
      - Whether the container takes the place of the production one. If not, it has none of its
        published ports, network aliases, addresses and restart policy, and can run beside it.
    type: bool
    default: true
  replace:
    description:
      - Whether what is in the way may go. Containers are removed, volumes and directories emptied;
        files are renamed, with C(.before-recovery) at their end.
    type: bool
    default: false
  journal:
    description:
      - File that tells what is being built, written before anything is made. If it is there
        already, that build was interrupted; what it made is removed first.
      - Delete it when the service has been proven, or what came of it is to stay.
    type: path
"""

EXAMPLES = r"""
- name: Build PostgreSQL again where it was
  janus.backup.production_container:
    name: postgresql
    source: /var/lib/janus-backup/recovery/nightly/archive/staging/nightly
    images: /var/lib/janus-backup/recovery/nightly/archive/images/nightly
    label: recovery
    journal: /var/lib/janus-backup/recovery/building/postgresql.json

- name: Build it beside the running one, with a volume of its own
  janus.backup.production_container:
    name: postgresql
    source: /var/lib/janus-backup/restore/archive/staging/nightly
    images: /var/lib/janus-backup/restore/archive/images/nightly
    label: restore
    container: janus-postgresql-new
    volumes:
      janus-postgresql: janus-postgresql-new
    publish: false
"""

RETURN = r"""
container:
  description: Name of the container.
  returned: success
  type: str
cleared:
  description: What was in the way and is gone, one sentence each.
  returned: success
  type: list
  elements: str
undone:
  description: What an interrupted build had made and is gone, by name.
  returned: when built
  type: list
  elements: str
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

from ansible_collections.janus.backup.plugins.module_utils import (
    _in_the_way,
    _manifest,
    _production,
    _production_spec,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def obstacles(
    spec: dict[str, Any], target: dict[str, Any], source: Path, parameters: dict[str, Any]
) -> list[_in_the_way.Obstacle]:
    """Given what is to be built, return what has to be cleared first. Raise BackupError, naming
    all of it, if something is in the way that may or can not be cleared.
    """
    found = _in_the_way.find(spec, target, source)
    stubborn = [one for one in found if not (parameters["replace"] and one.clear)]
    if stubborn:
        raise BackupError(f"in the way: {'; '.join(one.sentence for one in stubborn)}")
    return found


def build(
    record: dict[str, Any], target: dict[str, Any], source: Path, parameters: dict[str, Any]
) -> dict[str, Any]:
    """Given a service's record, a target and the extracted dump, build its container and return
    what the module returns of it.
    """
    spec, label = record["container"], parameters["label"]
    journal = Path(parameters["journal"]) if parameters["journal"] else None
    started = time.monotonic()
    undone = _in_the_way.undo(journal, label) if journal else []
    cleared = obstacles(spec, target, source, parameters)
    for obstacle in cleared:
        if obstacle.clear:
            obstacle.clear()
    if journal:
        _in_the_way.note(journal, spec, target)
    _production.build(record, target, source, Path(parameters["images"]), label)
    return {
        "cleared": [obstacle.sentence for obstacle in cleared],
        "undone": undone,
        "seconds": round(time.monotonic() - started, 3),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "source": {"type": "path", "required": True},
            "images": {"type": "path", "required": True},
            "label": {"type": "str", "required": True},
            "container": {"type": "str"},
            "volumes": {"type": "dict", "default": {}},
            "publish": {"type": "bool", "default": True},
            "replace": {"type": "bool", "default": False},
            "journal": {"type": "path"},
        },
        supports_check_mode=True,
    )
    parameters = module.params
    name, source = parameters["name"], Path(parameters["source"])
    try:
        record = _manifest.record(source, name)
        if "container" not in record:
            raise BackupError("it did not run in a container, so there is none to build again")
        spec = record["container"]
        spec["production"] = _production_spec.of(spec)
        target = {
            "container": parameters["container"] or spec["name"],
            "volumes": parameters["volumes"],
            "publish": parameters["publish"],
        }
        result: dict[str, Any] = {"changed": True, "container": target["container"]}
        result["diff"] = {"before": "", "after": f"container {target['container']}\n"}
        if not module.check_mode:
            result |= build(record, target, source / name, parameters)
        elif not (parameters["journal"] and Path(parameters["journal"]).exists()):
            # Of an interrupted build it is only known what is in the way once it is undone.
            found = obstacles(spec, target, source / name, parameters)
            result["cleared"] = [obstacle.sentence for obstacle in found]
        module.exit_json(**result)
    except BackupError as error:
        module.fail_json(msg=f"{name}: {error}", exception=traceback.format_exc())


if __name__ == "__main__":
    main()
