# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that the modules of every service share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options by which a module finds a service and its helper containers."""

    DOCUMENTATION = r"""
options:
  name:
    description: Name of the service in the declaration; the directory of its dump has this name.
    type: str
    required: true
  runtime:
    description:
      - Where the service runs.
      - With V(docker) its tools run in a helper container of its own image, beside it.
      - With V(host) its tools run on the host.
    type: str
    choices: [docker, host]
    default: docker
  container:
    description: Name of the service's container. Required with O(runtime=docker).
    type: str
  host:
    description: Address of the service with O(runtime=host).
    type: str
    default: 127.0.0.1
  port:
    description: Port of the service, if it is not the usual one.
    type: int
  user:
    description: User as whom to connect.
    type: str
  password_file:
    description: File with the user's password, readable by its owner only.
    type: path
  job:
    description:
      - Name of the backup job, or of the drill, on whose behalf this happens.
      - Helper containers carry it in the label C(janus.backup.job), so that they can be found and
        removed after a crash.
    type: str
    default: manual
  state_directory:
    description: Directory in which a quiesced service is noted until it is resumed.
    type: path
    default: /var/lib/janus-backup
  destinations:
    description:
      - Where the job's backups go, as paths and URLs.
      - A service that could hold one of them refuses to be backed up into itself.
    type: list
    elements: str
    default: []
"""

    CHECKS = r"""
options:
  checks:
    description:
      - Whether to ask the service the smoke query of its type and, with O(compare_with), the checks
        that were declared for it when the archive was made.
      - Queries only read. What is told of them holds no password of the service.
    type: bool
    default: false
"""

    ATTRIBUTES = r"""
attributes:
  check_mode:
    description: Can run in check mode and tell what it would do, without changing anything.
    support: full
  diff_mode:
    description: Tells in diff mode what it changes or, for an info module, what is different.
    support: full
  platform:
    description: Where it runs.
    support: full
    platforms: posix
"""
