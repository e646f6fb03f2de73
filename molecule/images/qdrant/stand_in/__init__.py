# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the Qdrant server: its REST interface around its storage engine, qdrant-edge."""

from __future__ import annotations

from importlib import metadata

# The release whose documented REST interface the endpoints follow.
API_VERSION = "1.19.0"
ENGINE_VERSION = metadata.version("qdrant-edge-py")
TITLE = f"qdrant stand-in (not the Qdrant server), storage engine qdrant-edge {ENGINE_VERSION}"
