#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a bucket immutable, and users who cannot change that."""

from __future__ import annotations

DOCUMENTATION = r"""
module: offsite_bucket
short_description: Make a bucket that whoever holds the keys of a node cannot destroy
description:
  - Makes a versioned bucket with object lock and a default retention, a lifecycle by which the
    server expires old versions, and users with policies that allow neither to delete a version, nor
    to change retention, lifecycle, versioning or the bucket.
  - Works with the administrator's keys of a MinIO server. Run it where these keys may be, never on
    the node; they are not written anywhere.
version_added: 0.1.0
author: The janus.backup developers (@janus)
requirements:
  - cryptography, for users
extends_documentation_fragment:
  - janus.backup.service.attributes
options:
  endpoint:
    description: URL of the server.
    type: str
    required: true
  region:
    description: Region of the bucket.
    type: str
    default: us-east-1
  ca_file:
    description: Certificates to trust instead of the system's.
    type: path
  access_key:
    description: Access key of an administrator.
    type: str
    required: true
  secret_key:
    description: Secret key of the administrator.
    type: str
    required: true
  bucket:
    description: Name of the bucket. One that exists without object lock is refused.
    type: str
    required: true
  mode:
    description: With V(compliance), not even the administrator can delete a version too early.
    type: str
    choices: [governance, compliance]
    default: governance
  days:
    description:
      - For how many days every version is locked from when it was written, and kept after it was
        replaced or deleted.
    type: int
    default: 30
  users:
    description: Users of the bucket. Leave it empty on a server that is not MinIO.
    type: list
    elements: dict
    default: []
    suboptions:
      access_key:
        description: Access key of the user.
        type: str
        required: true
      secret_key:
        description: Secret key of the user. Another one than before replaces it.
        type: str
        required: true
      access:
        description: Whether the user may write new versions or only read.
        type: str
        choices: [write, read]
        default: write
"""

EXAMPLES = r"""
- name: Bucket for the off-site copy
  janus.backup.offsite_bucket:
    endpoint: https://vault.example.org:9000
    access_key: "{{ vault_minio_admin_access_key }}"
    secret_key: "{{ vault_minio_admin_secret_key }}"
    bucket: janus1
    days: 60
    users:
      - access_key: janus1
        secret_key: "{{ vault_offsite_secret_key }}"
  delegate_to: localhost
  no_log: true
"""

RETURN = r"""
steps:
  description: What was done, or would be done in check mode, one sentence each.
  returned: success
  type: list
  elements: str
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _offsite_bucket, _s3
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "endpoint": {"type": "str", "required": True},
            "region": {"type": "str", "default": "us-east-1"},
            "ca_file": {"type": "path"},
            "access_key": {"type": "str", "required": True, "no_log": False},
            "secret_key": {"type": "str", "required": True, "no_log": True},
            "bucket": {"type": "str", "required": True},
            "mode": {
                "type": "str",
                "choices": ["governance", "compliance"],
                "default": "governance",
            },
            "days": {"type": "int", "default": 30},
            "users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "access_key": {"type": "str", "required": True, "no_log": False},
                    "secret_key": {"type": "str", "required": True, "no_log": True},
                    "access": {"type": "str", "choices": ["write", "read"], "default": "write"},
                },
            },
        },
        supports_check_mode=True,
    )
    given = module.params
    keys = ("endpoint", "access_key", "secret_key", "region", "ca_file")
    admin = _s3.Access(**{key: given[key] for key in keys})
    try:
        steps = _offsite_bucket.steps(
            admin, given["bucket"], given["mode"], given["days"], given["users"]
        )
        if not module.check_mode:
            for _sentence, act in steps:
                act()
        sentences = [sentence for sentence, _act in steps]
        result: dict[str, Any] = {"changed": bool(steps), "steps": sentences}
        result["diff"] = {"before": "", "after": "".join(f"{each}\n" for each in sentences)}
        module.exit_json(**result)
    except BackupError as error:
        module.fail_json(msg=str(error), exception=traceback.format_exc())


if __name__ == "__main__":
    main()
