# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest

ROOT = {"MINIO_ROOT_USER": "janus", "MINIO_ROOT_PASSWORD": "a long password"}
SERVE = ("server", "/data", "--console-address", ":9001")


@pytest.fixture
def start(start_container):
    def start(*arguments, **options):
        return login(start_container("minio", *(arguments or SERVE), environment=ROOT, **options))

    return start


@pytest.fixture(scope="module")
def plain(start_container):
    return login(start_container("minio", *SERVE, environment=ROOT))


def login(container):
    container.wait_healthy()
    container.run("mc", "alias", "set", "it", "http://localhost:9000", *ROOT.values())
    return container


def put(container, path, content):
    container.run("mc", "pipe", "--quiet", path, stdin=content)


def lines(container, *argv):
    return [json.loads(line) for line in container.run("mc", "--json", *argv).splitlines()]


def test_it_is_the_release_that_it_says_run_by_root_on_data(plain):
    (info,) = lines(plain, "admin", "info", "it")
    (server,) = info["info"]["servers"]
    assert server["version"] == "2025-09-07T16:13:09Z"
    assert plain.run("stat", "--format", "%u", "/proc/1", "/data").split() == ["0", "0"]
    assert plain.run("cat", "/proc/1/comm") == "minio"
    plain.run("test", "-f", "/data/.minio.sys/format.json")


def test_the_console_answers_on_the_port_given(plain):
    assert "MinIO Console" in plain.run("wget", "-q", "-O", "-", "http://localhost:9001/")


def test_the_command_may_be_named_or_left_out(start):
    start("minio", "server", "/data").run("mc", "mb", "it/bucket")


def test_other_containers_may_use_it(plain, start_container):
    plain.run("mc", "mb", "it/outside")
    address = f"http://{ROOT['MINIO_ROOT_USER']}:%s@{plain.address}:9000"
    client = start_container(
        "minio",
        "ls",
        "other",
        environment={"MC_HOST_other": address % ROOT["MINIO_ROOT_PASSWORD"]},
        options=("--entrypoint", "mc"),
    )
    assert client.wait_exit() == 0
    assert "outside/" in client.logs()


def test_wrong_credentials_are_refused(plain):
    wrong = ("mc", "alias", "set", "no", "http://localhost:9000", "janus", "wrong password")
    assert "signature" in plain.fails(*wrong)


def test_a_short_root_password_is_refused(start_container):
    environment = {**ROOT, "MINIO_ROOT_PASSWORD": "short"}
    container = start_container("minio", *SERVE, environment=environment)
    assert container.wait_exit() != 0
    assert "Invalid credentials" in container.logs()


def test_a_versioned_bucket_keeps_what_is_overwritten_and_deleted(plain):
    plain.run("mc", "mb", "--with-versioning", "it/versioned")
    put(plain, "it/versioned/object", "first")
    put(plain, "it/versioned/object", "second")
    plain.run("mc", "rm", "it/versioned/object")

    versions = lines(plain, "ls", "--versions", "it/versioned/object")
    marker, second, first = sorted(versions, key=lambda each: -each["versionOrdinal"])
    assert marker["isDeleteMarker"]

    def cat(version):
        return plain.run("mc", "cat", "--version-id", version["versionId"], "it/versioned/object")

    assert [cat(first), cat(second)] == ["first", "second"]


def test_a_locked_object_cannot_be_destroyed(plain):
    plain.run("mc", "mb", "--with-lock", "it/locked")
    plain.run("mc", "retention", "set", "--default", "COMPLIANCE", "1d", "it/locked")
    put(plain, "it/locked/object", "content")
    (version,) = lines(plain, "ls", "--versions", "it/locked/object")
    destroy = ("mc", "rm", "--bypass", "--version-id", version["versionId"], "it/locked/object")
    assert "WORM" in plain.fails(*destroy)
    assert plain.run("mc", "cat", "it/locked/object") == "content"


def test_settings_and_users_move_to_another_server(plain, start, tmp_path):
    plain.run("mc", "mb", "--with-versioning", "it/settings")
    plain.run("mc", "ilm", "rule", "add", "--noncurrent-expire-days", "5", "it/settings")
    plain.run("mc", "admin", "user", "add", "it", "app", "application secret")
    plain.run("mc", "admin", "policy", "attach", "it", "readonly", "--user", "app")
    for kind in ("bucket", "iam"):
        plain.run("sh", "-c", f"cd /tmp && mc admin cluster {kind} export it")

    other = start(volumes={str(tmp_path): "/exchange"})
    files = plain.run("sh", "-c", "cd /tmp && ls *.zip").split()
    assert files == ["it-bucket-metadata.zip", "it-iam-info.zip"]
    for kind, file in zip(("bucket", "iam"), files, strict=True):
        encoded = plain.run("base64", f"/tmp/{file}")
        other.run("sh", "-c", f"base64 -d >/tmp/{file}", stdin=encoded)
        other.run("mc", "admin", "cluster", kind, "import", "it", f"/tmp/{file}")

    (versioning,) = lines(other, "version", "info", "it/settings")
    assert versioning["versioning"]["status"] == "Enabled"
    assert "NoncurrentVersionExpiration" in other.run("mc", "ilm", "export", "it/settings")
    (user,) = lines(other, "admin", "user", "info", "it", "app")
    assert user["policyName"] == "readonly"
    other.run("mc", "alias", "set", "app", "http://localhost:9000", "app", "application secret")


def test_data_outlives_the_container(start, volume):
    first = start(volumes={volume: "/data"})
    first.run("mc", "mb", "it/bucket")
    put(first, "it/bucket/deep/object", "content")
    first.remove()

    again = start(volumes={volume: "/data"})
    assert again.run("mc", "cat", "it/bucket/deep/object") == "content"


def test_it_ends_when_told_to(start):
    container = start()
    container.run("sh", "-c", "kill -TERM 1")
    assert container.wait_exit(seconds=10) == 0
