# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request can fail with, in the words and status codes of the Qdrant server."""

from __future__ import annotations


class ApiError(Exception):
    """A request that cannot be served, and the status code that says so."""

    status = 500


class BadRequestError(ApiError):
    """The request is malformed, or contradicts what is stored."""

    status = 400


class NotFoundError(ApiError):
    """The thing named does not exist."""

    status = 404


class ConflictError(ApiError):
    """The thing named exists already."""

    status = 409
