# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the MinIO service needs no server."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_checksums as checksums,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_contents as contents,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_copy as copying,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_drives as drives,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_mirror as mirrors,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_own as own,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_survey as survey,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_upload as upload,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_users as users,
)
from ansible_collections.janus.backup.plugins.module_utils._services import minio

PAGE = """<?xml version="1.0"?><ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<IsTruncated>{more}</IsTruncated><NextKeyMarker>a+b</NextKeyMarker>
<NextVersionIdMarker>2</NextVersionIdMarker>
<{kind}><Key>%C3%BC+%2B%26</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>
<ETag>&#34;e&#34;</ETag><Size>3</Size><VersionId>{version}</VersionId><IsLatest>true</IsLatest>
<UserMetadata><{name}>x</{name}></UserMetadata><UserTags>a=b</UserTags></{kind}>
</ListVersionsResult>"""


class Api:
    """A server that gives prepared answers and notes what it was asked."""

    place = "S3 server in test"

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), []

    def ask(self, method: str, path: str, query: Any = None, *more: Any, **_named: Any) -> bytes:
        self.asked.append((method, path, dict(query or {})))
        return self.answers.pop(0).encode()


def page(more: str = "false", kind: str = "Version", version: str = "1", name: str = "m") -> str:
    return PAGE.format(more=more, kind=kind, version=version, name=name)


def entry(key: str, version: str = "null", **more: Any) -> dict[str, Any]:
    described = {"bucket": "b", "key": key, "version": version, "modified": "2026", "etag": "e"}
    described |= {"marker": False, "size": 1, "sha256": "00", "headers": {}, "tagging": ""}
    return described | more


def listing(path: Path, entries: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in entries))
    return path


def test_a_listing_goes_on_where_the_page_before_ended() -> None:
    api = Api(page("true"), page(kind="DeleteMarker", version="0"))
    first, second = contents.versions(api, "b", True)
    assert (first["key"], first["etag"], first["size"]) == ("ü +&", "e", 3)
    assert (first["metadata"], first["tags"], first["marker"]) == ({"m": "x"}, "a=b", False)
    assert (second["version"], second["marker"]) == ("0", True)
    assert api.asked[1][2]["key-marker"] == "a b"
    assert api.asked[1][2]["version-id-marker"] == "2"


def test_a_name_of_metadata_that_is_no_xml_does_not_spoil_the_listing() -> None:
    api = Api(page(name="x!y"), page().replace("<UserTags>a=b</UserTags>", ""))
    (found,) = contents.versions(api, "b", True)
    assert found["tags"] is None
    assert "metadata" not in api.asked[1][2]


def test_settings_are_compared_without_their_spelling() -> None:
    first = "<A xmlns='urn:x'> <B>1</B></A>"
    assert contents.of_bucket("b", {"lifecycle": first}) == contents.of_bucket(
        "b", {"lifecycle": "<A><B>1</B></A>"}
    )
    policy = contents.of_bucket("b", {"policy": '{"Action": ["x", "y"]}'})
    assert policy == contents.of_bucket("b", {"policy": '{"Action":["y","x"]}'})
    assert policy != contents.of_bucket("b", {"policy": '{"Action":["y"]}'})


def export(**secrets: str) -> bytes:
    packed = io.BytesIO()
    entries = {name: {"secretKey": secret, "updatedAt": "now"} for name, secret in secrets.items()}
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("iam-assets/users.json", json.dumps(entries))
        archive.writestr("iam-assets/stsuser_mappings.json", '{"x": {}}')
    return packed.getvalue()


def test_another_secret_key_is_another_checksum() -> None:
    found = users.checksums(export(app="one"))
    assert list(found) == ['user "app"']
    assert found != users.checksums(export(app="two"))
    assert users.checksums(b"") == {}


def test_an_import_that_failed_in_part_is_an_error() -> None:
    with pytest.raises(BackupError, match="did not import"):
        users.bring(Api('{"failed": {"users": [{"name": "app"}]}}'), b"")


def test_versions_are_named_by_id_or_by_their_place(tmp_path: Path) -> None:
    path = listing(
        tmp_path / "l",
        [entry("a"), entry("a/b", "v2", marker=True, size=0), entry("a/b", "v1")],
    )
    assert set(checksums.of_listing(path, exact=True)) == {
        'bucket "b" object "a"',
        'bucket "b" object "a/b" version v1',
        'bucket "b" object "a/b" version v2',
    }
    found = checksums.of_listing(path, exact=False)
    assert found['bucket "b" object "a/b" version 2'] == {"deleted": True}
    assert found['bucket "b" object "a/b"']["size"] == 1


def test_a_retention_that_may_be_over_is_compared_only_with_the_drive(tmp_path: Path) -> None:
    held = {"x-amz-object-lock-mode": "GOVERNANCE"}
    free = listing(tmp_path / "a", [entry("a")])
    kept = listing(tmp_path / "b", [entry("a", headers=held)])
    assert checksums.of_listing(free, False) == checksums.of_listing(kept, False)
    assert checksums.of_listing(free, True) != checksums.of_listing(kept, True)


def test_one_change_in_a_large_bucket_is_told_by_the_range_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksums, "LIMIT", 1000)
    entries = [entry(f"key {number:05}") for number in range(5000)]
    before = checksums.of_listing(listing(tmp_path / "a", entries), True)
    assert 5 < len(before) < 60
    assert sum(value["versions"] for value in before.values()) == 5000
    entries[2500]["sha256"] = "ff"
    after = checksums.of_listing(listing(tmp_path / "b", entries), True)
    (changed,) = (name for name in before if before[name] != after[name])
    assert changed.removeprefix('bucket "b" objects from ') <= '"key 02500"'
    del entries[2500]
    assert before.keys() ^ checksums.of_listing(listing(tmp_path / "c", entries), True).keys() in (
        set(),
        {changed},
    )


def test_what_is_known_is_not_read_again_unless_it_changed(tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(_api: Any, each: dict[str, Any]) -> dict[str, Any] | None:
        asked.append(each["key"])
        gone = each["key"] == "gone"
        return None if gone else {"sha256": each["etag"], "headers": {}, "tagging": ""}

    def look(*entries: dict[str, Any]) -> int:
        known = survey.Known(tmp_path / "state" / "known.sqlite")
        _same, count = survey.look(None, entries, tmp_path / "listing", known, fetch)
        known.finish()
        known.close()
        return count

    assert look(entry("a"), entry("b"), entry("gone"), entry("c", marker=True)) == 3
    assert [each["key"] for each in survey.entries_in(tmp_path / "listing")] == ["a", "b", "c"]
    assert look(entry("a"), entry("b", etag="new")) == 1
    assert asked == ["a", "b", "gone", "b"]
    assert look(entry("a"), entry("b", etag="new"), entry("gone")) == 1, "what is gone is forgotten"
    (tmp_path / "state" / "known.sqlite").write_bytes(b"damaged" * 1000)
    assert look(entry("a")) == 1


def test_what_a_killed_look_had_found_is_not_read_again(tmp_path: Path) -> None:
    known = survey.Known(tmp_path / "known.sqlite")
    known.put("v", {"sha256": "00"})
    known.close()
    assert survey.Known(tmp_path / "known.sqlite").get("v") == {"sha256": "00"}


def test_the_mirror_keeps_what_the_listing_names_and_nothing_else(tmp_path: Path) -> None:
    mirror = mirrors.Mirror(tmp_path / "mirror")
    for name in ("aa11", "aa22", "bb11"):
        mirror.file(name).parent.mkdir(exist_ok=True)
        mirror.file(name).write_text("x")
    (mirror.path / ".incoming").touch()
    mirror.sweep(listing(tmp_path / "l", [entry("k", sha256="aa22"), entry("m", marker=True)]))
    left = [path.name for path in sorted(mirror.path.rglob("*"))]
    assert left == ["aa", "aa22"]
    assert mirror.holds(entry("k", sha256="aa22", size=1))
    assert not mirror.holds(entry("k", sha256="aa22", size=2))
    assert not mirror.holds(entry("k", sha256="bb11"))


def test_objects_below_an_object_are_found_on_the_drive(tmp_path: Path) -> None:
    for path in ("b/a/xl.meta", "b/a/b/xl.meta", "b/a/d__XLDIR__/xl.meta", "b/c/d/xl.meta"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / ".minio.sys" / "x" / "y").mkdir(parents=True)
    (tmp_path / ".minio.sys" / "x" / "xl.meta").touch()
    (tmp_path / ".minio.sys" / "x" / "y" / "xl.meta").touch()
    found = drives.hidden([tmp_path], "b")
    assert found == ["a/b", "a/d/"]


def test_several_servers_or_a_bad_drive_are_refused() -> None:
    good, bad = {"path": "/d1", "state": "ok"}, {"path": "/d2", "state": "offline"}
    assert drives.of({"servers": [{"drives": [good]}]}, "it") == ["/d1"]
    with pytest.raises(BackupError, match="one of 2 servers: use the method s3"):
        drives.of({"servers": [{"drives": [good]}] * 2}, "it")
    with pytest.raises(BackupError, match="drive /d2 is not in order"):
        drives.of({"servers": [{"drives": [good, bad]}]}, "it")


def test_each_drive_has_a_tree_of_its_own() -> None:
    service = {"name": "minio", "job": "nightly"}
    assert drives.trees(service, ["/data"]) == {
        "data": {"drive": "/data", "tree": "/data/.janus-backup/staging/nightly/minio/data"}
    }
    assert list(drives.trees(service, ["/a", "/b"])) == ["data1", "data2"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000", "https://localhost:9000", "http://192.0.2.7:9000/bucket"]
)
def test_backups_that_go_to_the_same_server_are_refused(url: str) -> None:
    host = "192.0.2.7" if "192" in url else "127.0.0.1"
    service = {"runtime": "host", "host": host, "port": 9000, "destinations": [url]}
    with pytest.raises(BackupError, match="which is the same server"):
        own.refuse(service, Api())


def test_backups_that_go_elsewhere_are_not_refused() -> None:
    urls = ["http://192.0.2.8:9000", "http://192.0.2.7:9001", "ssh://a@192.0.2.7/x", "/srv/repo"]
    service = {"runtime": "host", "host": "192.0.2.7", "port": 9000, "destinations": urls}
    service["state_directory"] = "/var/lib/janus-backup"
    own.refuse(service, Api("<A></A>"))


@pytest.mark.parametrize(("status", "refused"), [(403, True), (500, True), (404, False)])
def test_a_bucket_that_cannot_be_looked_at_is_not_taken_for_harmless(
    status: int, refused: bool
) -> None:
    class Guarded(Api):
        def ask(self, method: str, path: str, *more: Any, **named: Any) -> bytes:
            if path.endswith("config"):
                raise access.S3Error("it is refused", status, "Code")
            return super().ask(method, path, *more, **named)

    one = "<A><Bucket><Name>b</Name></Bucket></A>"
    service = {"runtime": "host", "state_directory": "/var/lib/janus-backup"}
    expected = pytest.raises(BackupError, match="it is refused") if refused else nullcontext()
    with expected:
        own.refuse(service, Guarded(one, "<A></A>"))


def test_a_slice_is_read_as_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"0123456789")
    with path.open("rb") as stream:
        part = upload.Slice(stream, 2, 5)
        assert [part.read(3), part.read(3), part.read(3)] == [b"234", b"56", b""]
        assert upload.Slice(stream, 8, 2).read() == b"89"


def test_a_signature_covers_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access._http, "endpoint", lambda *_: ("it", ("host", 1), None))
    api = access.Api({"user": "key", "secret": "secret", "options": {}})

    def signed(**changed: Any) -> str:
        request = {"method": "GET", "path": "/b", "query": "", "headers": {}, "digest": "0"}
        return str(api._signed(**(request | changed))["authorization"].rpartition("=")[2])

    first = signed()
    assert all(
        signed(**{name: value}) != first
        for name, value in {"method": "PUT", "path": "/c", "query": "a=", "digest": "1"}.items()
    )
    assert signed(headers={"x-amz-acl": "public"}) != first


@pytest.mark.parametrize("text", ["", "delete x", "keys", "content k"])
def test_a_question_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(access, "Api", lambda _service: SimpleNamespace())
    with pytest.raises(BackupError, match="is none of buckets"):
        minio.query({}, None, text)


KINDS = {"bucket": "<bucket>", "prefix": "<bucket>/<beginning>", "object": "<bucket>/<key>"}


@pytest.mark.parametrize(
    ("kind", "path"), [("bucket", "b/k"), ("bucket", ""), ("prefix", "b/"), ("object", "b")]
)
def test_a_path_of_another_kind_is_refused(kind: str, path: str) -> None:
    with pytest.raises(BackupError, match="is not <bucket>"):
        copying.place(kind, path, KINDS)


def test_versions_move_to_another_place_all_or_the_newest() -> None:
    origin, target = copying.place("prefix", "b/x/", KINDS), copying.place("prefix", "c/y/", KINDS)
    found = [
        {"bucket": "b", "key": "x/1", "version": "2", "marker": False},
        {"bucket": "b", "key": "x/1", "version": "1", "marker": False},
        {"bucket": "b", "key": "x/2", "version": "4", "marker": True},
        {"bucket": "b", "key": "x/2", "version": "3", "marker": False},
    ]
    every = copying.moved(found, origin, target, True)
    assert [(each["bucket"], each["key"], each["version"]) for each in every] == [
        *(("c", "y/1", "2"), ("c", "y/1", "1"), ("c", "y/2", "4"), ("c", "y/2", "3"))
    ]
    assert [each["version"] for each in copying.oldest_first(every)] == ["1", "2", "3", "4"]
    newest = copying.moved(found, origin, target, False)
    assert [each["version"] for each in newest] == ["2"]


def test_the_policy_of_a_bucket_under_another_name_is_about_that() -> None:
    policy = '{"Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::bb/*"]}'
    found = copying.renamed({"policy": policy, "quota": "1"}, "b", "new")
    wanted = ["arn:aws:s3:::new", "arn:aws:s3:::new/*", "arn:aws:s3:::bb/*"]
    assert json.loads(found["policy"])["Resource"] == wanted
    assert found["quota"] == "1"


def test_what_was_there_is_in_a_bucket_whose_name_is_allowed() -> None:
    name = copying.aside("a" * 39 + ".b" + "c" * 20, "20261125T020000")
    assert len(name) <= 63
    assert name == "a" * 39 + "-before-20261125t020000"
