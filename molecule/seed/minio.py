# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a MinIO with documentation of this machine's package world.

Deletes and makes anew its own buckets, leaves all others alone, and gives the same objects for the
same packages. Brings users, a group, policies and an access key. Needs an administrator.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import http.client
import io
import json
import os
import random
import sys
import time
import zipfile
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, unquote_plus, urlsplit
from xml.etree import ElementTree

from packages import Catalogue, Package, catalogue

DOCS, COPYRIGHT, RELEASES, ODD = "debian-docs", "debian-copyright", "debian-releases", "debian-odd"
BUCKETS = (DOCS, COPYRIGHT, RELEASES, ODD)
# Where Debian has the copyright file of each package that is installed.
INSTALLED = "/usr/share/doc/{}/copyright"
PART = 5 * 1024 * 1024
ODD_KEYS = (
    "with space/and  two.txt",
    "dépôt/Größe ☃ 文.txt",
    "a",
    "plus+percent%25&amp;=?#.txt",
    "quote'\"s/[a]{b}(c)*!.txt",
    "empty",
    "folder/",
    "long/" + "/".join(["n" * 200] * 4) + "/" + "e" * 150,
    "component/" + "c" * 240,
    "uuid/0f8fad5b-d9cb-469f-a165-70867728950e",
)
POLICIES = {
    "debian-ship": {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": ["arn:aws:s3:::debian-*/*"],
            }
        ],
    }
}
USERS = ("debian-reader", "debian-shipper")
ACCESS_KEY, ACCESS_SECRET = "debianbuildkey01", "geheim debianbuildkey01"


def password(user: str) -> str:
    """Return the secret key of a seeded user."""
    return f"geheim {user[::-1]}"


class Server:
    """The S3 interface of a server."""

    def __init__(self, url: str, secret: str) -> None:
        """Speak to a URL such as http://user@host:9000."""
        parts = urlsplit(url)
        self._host = f"{parts.hostname}:{parts.port or 9000}"
        self._key, self._secret = unquote(parts.username or "janus"), secret
        self._connection = http.client.HTTPConnection(self._host, timeout=60)

    def ask(
        self, method: str, path: str, query: str = "", body: bytes = b"", **headers: str
    ) -> tuple[bytes, Any]:
        """Send a request and return the answer's body and headers. Raise RuntimeError if refused.

        The query has to be sorted and quoted; in names of headers a hyphen is an underscore.
        """
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"host": self._host, "x-amz-date": moment, "x-amz-content-sha256": digest}
        names = ";".join(sorted(sent))
        lines = "".join(f"{name}:{sent[name]}\n" for name in sorted(sent))
        place = quote(path, safe="/~")
        scope = f"{moment[:8]}/us-east-1/s3/aws4_request"
        request = "\n".join([method, place, query, lines, names, digest])
        key = f"AWS4{self._secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        hashed = hashlib.sha256(request.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}"
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        sent["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._key}/{scope}, SignedHeaders={names}, "
            f"Signature={signature}"
        )
        encoded = {name: value.encode() for name, value in sent.items()}
        self._connection.request(method, f"{place}?{query}" if query else place, body, encoded)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {said[:300].decode()}")
        return said, answer.headers

    def put(self, bucket: str, key: str, content: bytes, **headers: str) -> None:
        """Put an object."""
        self.ask("PUT", f"/{bucket}/{key}", "", content, **headers)

    def put_in_parts(self, bucket: str, key: str, content: bytes) -> None:
        """Put an object in several parts, of which it then consists."""
        path = f"/{bucket}/{key}"
        begun = ElementTree.fromstring(self.ask("POST", path, "uploads=")[0])
        upload = quote(next(child.text or "" for child in begun if "UploadId" in child.tag))
        listed = ""
        for number, start in enumerate(range(0, len(content), PART), 1):
            query = f"partNumber={number}&uploadId={upload}"
            _said, headers = self.ask("PUT", path, query, content[start : start + PART])
            etag = headers["etag"]
            listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>"
        self.ask("POST", path, f"uploadId={upload}", body.encode())

    def configure(self, bucket: str, what: str, body: str) -> None:
        """Give a bucket one of its settings."""
        md5 = b64encode(hashlib.md5(body.encode(), usedforsecurity=False).digest()).decode()
        self.ask("PUT", f"/{bucket}", f"{what}=", body.encode(), content_md5=md5)


def remove(server: Server) -> None:
    """Remove what an earlier run has made."""
    present = server.ask("GET", "/")[0].decode()
    for bucket in BUCKETS:
        if f"<Name>{bucket}</Name>" not in present:
            continue
        server.ask("DELETE", f"/{bucket}/a/b")  # which no listing tells of, beside "a"
        while True:
            page = server.ask("GET", f"/{bucket}", "encoding-type=url&versions=")[0]
            found = [element for element in ElementTree.fromstring(page) if len(element) > 3]
            if not found:
                break
            for element in found:
                fields = {child.tag.rpartition("}")[2]: child.text or "" for child in element}
                query = f"versionId={fields['VersionId']}"
                server.ask(
                    "DELETE",
                    f"/{bucket}/{unquote_plus(fields['Key'])}",
                    query,
                    x_amz_bypass_governance_retention="true",
                )
        server.ask("DELETE", f"/{bucket}")


def make_buckets(server: Server) -> None:
    """Make the buckets with their settings."""
    for bucket in BUCKETS:
        locked = "true" if bucket == RELEASES else "false"
        server.ask("PUT", f"/{bucket}", x_amz_bucket_object_lock_enabled=locked)
    for bucket in (COPYRIGHT, ODD):
        status = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        server.configure(bucket, "versioning", status)
    server.configure(
        RELEASES,
        "object-lock",
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
        "<DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule>"
        "</ObjectLockConfiguration>",
    )
    server.configure(
        COPYRIGHT,
        "lifecycle",
        "<LifecycleConfiguration><Rule><ID>old</ID><Status>Enabled</Status><Filter><Prefix>"
        "</Prefix></Filter><NoncurrentVersionExpiration><NoncurrentDays>3650</NoncurrentDays>"
        "</NoncurrentVersionExpiration></Rule></LifecycleConfiguration>",
    )
    server.configure(
        DOCS,
        "tagging",
        "<Tagging><TagSet><Tag><Key>kind</Key><Value>documentation</Value></Tag></TagSet></Tagging>",
    )
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{DOCS}/*"],
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    server.configure(DOCS, "policy", json.dumps(policy))
    quota = json.dumps({"quota": 1 << 40, "size": 1 << 40, "quotatype": "hard"}).encode()
    server.ask("PUT", "/minio/admin/v3/set-bucket-quota", f"bucket={DOCS}", quota)


def add_users(server: Server) -> None:
    """Bring users, group, policies and an access key, by the way a backup of them comes back."""
    assets: dict[str, Any] = {
        "policies": POLICIES,
        "users": {user: {"secretKey": password(user), "status": "enabled"} for user in USERS},
        "groups": {"debian-builders": {"version": 1, "status": "enabled", "members": [USERS[1]]}},
        "svcaccts": {
            ACCESS_KEY: {
                "parent": USERS[1],
                "accessKey": ACCESS_KEY,
                "secretKey": ACCESS_SECRET,
                "groups": [],
                "claims": {},
                "sessionPolicy": None,
                "status": "on",
                "name": "",
                "description": "",
            }
        },
        "user_mappings": {USERS[0]: {"version": 1, "policy": "readonly"}},
        "group_mappings": {"debian-builders": {"version": 1, "policy": "debian-ship"}},
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in assets.items():
            archive.writestr(f"iam-assets/{name}.json", json.dumps(content))
    server.ask("PUT", "/minio/admin/v3/import-iam-v2", body=packed.getvalue())


def put_package(server: Server, number: int, entry: Package) -> None:
    """Put the objects of one package."""
    key = f"{entry.section or 'none'}/{entry.name}"
    headers = {"content_type": "text/plain; charset=utf-8", "x_amz_meta_version": entry.version}
    server.put(DOCS, f"{key}/description.txt", entry.description.encode(), **headers)
    path = Path(INSTALLED.format(entry.name))
    text = path.read_bytes() if path.is_file() else entry.maintainer.encode()
    server.put(COPYRIGHT, f"{entry.name}/copyright", text, x_amz_tagging=f"source={entry.source}")
    if number % 5 == 0:
        server.put(COPYRIGHT, f"{entry.name}/copyright", text + b"\nrevised\n")
    if number % 10 == 0:
        server.ask("DELETE", f"/{COPYRIGHT}/{entry.name}/copyright")
    if number % 20 == 0:
        server.put(RELEASES, f"{entry.name}_{entry.version}", json.dumps(entry.tags).encode())


def put_odd(server: Server) -> None:
    """Put the objects that stand for what tools stumble over."""
    noise = random.Random("minio").randbytes(PART + 1_000_001)
    for number, key in enumerate(ODD_KEYS):
        server.put(ODD, key, b"" if key in ("empty", "folder/") else noise[: number * 1000 + 1])
    server.put(ODD, "a/b", b"below an object")
    server.put_in_parts(ODD, "in parts.bin", noise)
    server.put(ODD, "metadata", b"", cache_control="no-cache", x_amz_meta_name="a b=c")


def fill(server: Server, world: Catalogue) -> None:
    """Make everything anew."""
    remove(server)
    make_buckets(server)
    for number, entry in enumerate(world):
        put_package(server, number, entry)
    put_odd(server)
    add_users(server)


def main() -> int:
    """Parse the command line, seed, and print the result as one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--url",
        default="http://janus@127.0.0.1:9000",
        help="the server, http://user@host[:port]; the secret key comes from the environment, from"
        " MINIO_PASSWORD (%(default)s)",
    )
    parser.add_argument("--packages", type=int, default=400, help="packages (%(default)s)")
    arguments = parser.parse_args()
    began = time.monotonic()
    try:
        server = Server(arguments.url, os.environ.get("MINIO_PASSWORD", ""))
        with catalogue(arguments.packages) as world:
            if not len(world):
                raise RuntimeError("this machine knows no packages")
            fill(server, world)
            count = len(world)
    except (RuntimeError, OSError) as failure:
        parser.exit(1, f"minio.py: {failure}\n")
    print(json.dumps({"packages": count, "seconds": round(time.monotonic() - began, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
