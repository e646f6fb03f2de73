# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an S3 server holds: its buckets and their settings, and every version of every
object.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote_plus, urlencode
from xml.etree import ElementTree

from ansible_collections.janus.backup.plugins.module_utils._checksum import (
    Checksums,
    canonical,
    digest,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_access as access,
)

# In the order in which a restore sets them before and after it puts objects.
BEFORE = ("policy", "tagging", "encryption", "cors")
AFTER = ("object-lock", "lifecycle")
ADMIN = "/minio/admin/v3"


def is_minio(api: access.Api) -> bool:
    """Given a server, return whether it has MinIO's interface for administration."""
    try:
        return bool(information(api))
    except access.S3Error as error:
        if error.code in ("AccessDenied", "XMinioAdminInvalidAccessKey"):
            raise BackupError(
                f"the access key for {api.place} is not enough: it has to be an administrator's"
            ) from error
        return False


def information(api: access.Api) -> dict[str, Any]:
    """Given a MinIO, return what it tells of its servers, drives and use of space."""
    told: dict[str, Any] = json.loads(api.ask("GET", f"{ADMIN}/info"))
    return told


def buckets(api: access.Api) -> list[str]:
    """Given a server, return the names of its buckets."""
    return sorted(entry["Name"] for entry in _entries(api.ask("GET", "/"), "Bucket"))


def folders(api: access.Api, bucket: str, prefix: str = "") -> list[str]:
    """Given a bucket and how keys begin, return the first 1000 beginnings up to the next slash."""
    query = {"list-type": "2", "delimiter": "/", "prefix": prefix, "encoding-type": "url"}
    found = _entries(api.ask("GET", f"/{bucket}", query), "CommonPrefixes")
    return [unquote_plus(entry["Prefix"]) for entry in found]


def keys(api: access.Api, bucket: str, prefix: str) -> list[str]:
    """Given a bucket and how keys begin, return the first 1000 of them."""
    query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
    found = _entries(api.ask("GET", f"/{bucket}", query), "Contents")
    return [unquote_plus(entry["Key"]) for entry in found]


def versions(api: access.Api, bucket: str, minio: bool) -> Iterator[dict[str, Any]]:
    """Given a bucket, yield each version of each object and each delete marker, the newest of a
    key first: {bucket, key, version, etag, size, modified, marker, tags, metadata}.

    The last two are None where a listing does not tell them, as only MinIO's does.
    """
    query = {"versions": "", "encoding-type": "url", "max-keys": "1000"}
    while True:
        root, told = _page(api, bucket, query, minio)
        for element in root:
            kind = _tag(element)
            if kind in ("Version", "DeleteMarker"):
                yield _version(bucket, element, kind == "DeleteMarker", told)
        page = {_tag(element): element.text or "" for element in root}
        if page.get("IsTruncated") != "true":
            return
        query["key-marker"] = unquote_plus(page["NextKeyMarker"])
        query.pop("version-id-marker", None)
        if page.get("NextVersionIdMarker"):
            query["version-id-marker"] = page["NextVersionIdMarker"]


def _page(
    api: access.Api, bucket: str, query: dict[str, str], minio: bool
) -> tuple[ElementTree.Element, bool]:
    """Return a page of a listing, and whether it tells metadata and tags."""
    if minio:
        answer = api.ask("GET", f"/{bucket}", query | {"metadata": "true"})
        try:
            return ElementTree.fromstring(answer), True
        except ElementTree.ParseError:
            pass  # the name of somebody's metadata is none of an XML element
    return ElementTree.fromstring(api.ask("GET", f"/{bucket}", query)), False


def _version(bucket: str, element: ElementTree.Element, marker: bool, told: bool) -> dict[str, Any]:
    fields = {_tag(child): child for child in element}
    text = {name: child.text or "" for name, child in fields.items()}
    return {
        "bucket": bucket,
        "key": unquote_plus(text["Key"]),
        "version": text.get("VersionId") or "null",
        "etag": text.get("ETag", "").strip('"'),
        "size": int(text.get("Size") or 0),
        "modified": text["LastModified"],
        "marker": marker,
        "tags": text.get("UserTags", "") if told else None,
        "metadata": {_tag(item).lower(): item.text or "" for item in fields.get("UserMetadata", [])}
        if told
        else None,
    }


def present(api: access.Api, bucket: str, key: str) -> dict[str, Any] | None:
    """Given a key, return its present version as `versions` does, None if there is none."""
    try:
        with api.answer("HEAD", f"/{bucket}/{key}") as answer:
            modified = parsedate_to_datetime(answer.getheader("last-modified") or "")
            return {
                "bucket": bucket,
                "key": key,
                "version": answer.getheader("x-amz-version-id") or "null",
                "etag": (answer.getheader("etag") or "").strip('"'),
                "size": int(answer.getheader("content-length") or 0),
                "modified": modified.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "marker": False,
                "tags": None,
                "metadata": None,
            }
    except access.S3Error as error:
        if error.status not in (404, 405):
            raise
        return None


def tags(api: access.Api, path: str, query: dict[str, str]) -> str:
    """Given the path of an object and which version, return its tags as a header carries them."""
    found = _entries(api.ask("GET", path, {"tagging": "", **query}), "Tag")
    return urlencode([(tag["Key"], tag["Value"]) for tag in found])


def settings(api: access.Api, minio: bool) -> dict[str, dict[str, str]]:
    """Given a server, return of each bucket the settings that are not the default, as the server
    tells them; but `versioning` is its status only, `quota` a number of bytes.
    """
    return {bucket: settings_of(api, bucket, minio) for bucket in buckets(api)}


def settings_of(api: access.Api, bucket: str, minio: bool) -> dict[str, str]:
    """Given a bucket, return its settings as `settings` does."""
    found = {}
    for name in (*BEFORE, *AFTER):
        try:
            found[name] = api.ask("GET", f"/{bucket}", {name: ""}).decode()
        except access.S3Error as error:
            if error.status not in (404, 501):
                raise
    status = _entries(api.ask("GET", f"/{bucket}", {"versioning": ""}), None)
    if status and status[0].get("Status"):
        found["versioning"] = status[0]["Status"]
    if minio:
        told = json.loads(api.ask("GET", f"{ADMIN}/get-bucket-quota", {"bucket": bucket}))
        if size := told.get("size") or told.get("quota"):
            found["quota"] = str(size)
    return found


def set_setting(api: access.Api, bucket: str, name: str, value: str) -> None:
    """Given a bucket and a setting as `settings` has it, make it so."""
    if name == "quota":
        quota = json.dumps({"quota": int(value), "size": int(value), "quotatype": "hard"})
        api.ask("PUT", f"{ADMIN}/set-bucket-quota", {"bucket": bucket}, body=quota.encode())
        return
    if name == "versioning":
        value = f"<VersioningConfiguration><Status>{value}</Status></VersioningConfiguration>"
    body = value.encode()
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    api.ask("PUT", f"/{bucket}", {name: ""}, {"content-md5": md5}, body)


def of_bucket(bucket: str, values: dict[str, str]) -> Checksums:
    """Given a bucket's settings, return its checksum: the digest of each setting by its name."""
    return {
        f"bucket {canonical(bucket)}": {
            name: value if name in ("versioning", "quota") else digest(_plain(value))[:32]
            for name, value in values.items()
        }
    }


def _plain(value: str) -> Any:
    """Return JSON or XML as plain data, in which neither spelling nor name spaces matter."""
    if value.lstrip().startswith("<"):
        return _tree(ElementTree.fromstring(value))
    return ordered(json.loads(value))


def _tree(element: ElementTree.Element) -> Any:
    return [_tag(element), (element.text or "").strip(), [_tree(child) for child in element]]


def ordered(value: Any) -> Any:
    """Return plain data with every list of texts in order: such lists are sets here."""
    if isinstance(value, dict):
        return {key: ordered(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((ordered(item) for item in value), key=canonical)
    return value


def _entries(xml: bytes, kind: str | None) -> list[dict[str, str]]:
    """Return the elements of a kind, or the outermost one, as {child: text}."""
    root = ElementTree.fromstring(xml)
    elements = [root] if kind is None else [each for each in root.iter() if _tag(each) == kind]
    return [{_tag(child): child.text or "" for child in element} for element in elements]


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
