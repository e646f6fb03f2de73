# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception that our own code raises: its text is the sentence an operator reads."""

from __future__ import annotations


class BackupError(Exception):
    """Something that must not go on: verb, object and cause in one sentence."""
