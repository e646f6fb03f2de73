# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that the modules <service>_part share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options by which a part goes from a restored twin to a service."""

    DOCUMENTATION = r"""
options:
  name:
    description: Name of the service in the declaration.
    type: str
    required: true
  container:
    description: Name of the service's container.
    type: str
    required: true
  user:
    description: User as whom to connect, to both.
    type: str
  password_file:
    description: File with the user's password, readable by its owner only.
    type: path
  twin:
    description: The container that was restored and proven, from M(janus.backup.restore_twin).
    type: str
    required: true
  twin_password_file:
    description: File with the user's password there.
    type: path
  job:
    description: Name of the restore, whose journal tells how to undo this.
    type: str
    required: true
  path:
    description: Which part; see O(kind).
    type: str
    required: true
  as_name:
    description:
      - Where to put it beside what is there.
      - In its place when empty; what was there is kept aside.
    type: str
    default: ''
  options:
    description: The service's own options, as for its dump.
    type: dict
    default: {}
  state_directory:
    description: Directory of the node's state.
    type: path
    default: /var/lib/janus-backup
"""
