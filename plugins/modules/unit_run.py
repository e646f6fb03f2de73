#!/usr/bin/python
# Copyright: the janus.backup developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: unit_run
short_description: Start a systemd unit, show its journal while it runs, fail when it fails
description:
  - Starts a unit of C(Type=oneshot) and waits for its end; each line of its journal is shown as it
    comes.
  - Refuses when the unit is running already, for it would then report on a run that somebody else
    started.
version_added: 0.1.0
author: The janus.backup developers (@janus)
options:
  unit:
    description: Name of the unit.
    type: str
    required: true
  timeout:
    description: Seconds to wait for the unit's end. It is not stopped when they are over.
    type: int
    default: 86400
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: Tells in check mode that it would start the unit.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  platform:
    description: Where it runs.
    support: full
    platforms: posix
"""

EXAMPLES = r"""
- name: Back up now
  janus.backup.unit_run:
    unit: janus-backup-nightly.service
"""

RETURN = r"""
result:
  description: The unit's result as systemd tells it, C(success) for a good one.
  returned: when the unit ran
  type: str
status:
  description: The exit code of the unit's main process, or the signal that ended it.
  returned: when the unit ran
  type: int
invocation_id:
  description: The id that systemd gave to this run of the unit.
  returned: when the unit ran
  type: str
log:
  description: The lines of the unit's journal.
  returned: when the unit ran
  type: list
  elements: str
"""
