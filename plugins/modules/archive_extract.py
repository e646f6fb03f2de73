#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose an archive of a repository and extract it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: archive_extract
short_description: Choose an archive of a repository and extract it
description:
  - Chooses an archive and extracts it into an empty directory.
  - The repository is only read. Its lock is shared, so that nothing is compacted away meanwhile; a
    local repository that cannot be written, as on a disk that is mounted read-only, has no lock and
    is read without one.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - borg 1.4
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  repository:
    description: The repository, a path or an C(ssh://) location.
    type: str
    required: true
  archive:
    description:
      - V(latest), V(random), V(oldest), a time in ISO 8601, or the name of an archive.
      - A time stands for the newest archive that was begun by then. It is UTC unless it has an
        offset; a date stands for its end.
      - All but a name choose among complete archives only, never among partial ones.
    type: str
    default: latest
  prefix:
    description: What the names of the wanted archives begin with, usually C(<node>-<job>).
    type: str
    required: true
  services:
    description: Names of the services to extract, with the manifest. The whole archive when empty.
    type: list
    elements: str
    default: []
  path:
    description: Directory to extract into. It must be empty or absent.
    type: path
    required: true
  passphrase_file:
    description: File with the repository's passphrase, readable by its owner only.
    type: path
    required: true
  base_directory:
    description:
      - Borg's own directory for caches and security data.
      - A drill must not share it with backups of the same repository.
    type: path
    required: true
  rsh:
    description: Command by which Borg reaches an C(ssh://) repository.
    type: str
"""

EXAMPLES = r"""
- name: Extract the latest archive
  janus.backup.archive_extract:
    repository: ssh://root@janus1/var/backups/janus.borg
    prefix: janus1-nightly
    path: /var/lib/janus-backup/drill/archive
    passphrase_file: /etc/janus-backup/passphrase
    base_directory: /var/lib/janus-backup/drill/borg
    rsh: ssh -i /etc/janus-backup/ssh/drill
"""

RETURN = r"""
archive:
  description:
    - Name, id and start (UTC) of the archive.
    - C(newest) is name and start of the repository's newest complete archive.
  returned: success
  type: dict
path:
  description: Directory in the extracted tree that holds C(manifest.json).
  returned: when extracted
  type: str
images:
  description: Directory in the extracted tree that holds images, whether or not there are any.
  returned: when extracted
  type: str
seconds:
  description: How long the extraction took.
  returned: when extracted
  type: float
"""

import time
import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _archive
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    read_secret,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "repository": {"type": "str", "required": True},
            "archive": {"type": "str", "default": "latest"},
            "prefix": {"type": "str", "required": True},
            "services": {"type": "list", "elements": "str", "default": []},
            "path": {"type": "path", "required": True},
            "passphrase_file": {"type": "path", "required": True, "no_log": False},
            "base_directory": {"type": "path", "required": True},
            "rsh": {"type": "str"},
        },
        supports_check_mode=True,
    )
    repository, wanted = module.params["repository"], module.params["archive"]
    try:
        read_secret(module.params["passphrase_file"])
        access = _archive.access(module.params)
        private_directory(Path(module.params["base_directory"]))
        archive = _archive.choose(access, repository, wanted, module.params["prefix"])
        result: dict[str, Any] = {"changed": True, "archive": archive}
        result["diff"] = {"before": "", "after": f"{archive['name']}\n"}
        if not module.check_mode:
            started = time.monotonic()
            path = Path(module.params["path"])
            services = module.params["services"]
            source = _archive.extract(access, repository, archive["name"], path, services)
            result["seconds"] = round(time.monotonic() - started, 3)
            result["path"] = str(source)
            result["images"] = str(source.parent.parent / "images" / source.name)
        module.exit_json(**result)
    except BackupError as error:
        module.fail_json(msg=str(error), exception=traceback.format_exc())


if __name__ == "__main__":
    main()
