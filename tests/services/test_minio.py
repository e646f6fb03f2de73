# SPDX-License-Identifier: GPL-3.0-or-later
"""MinIO in real containers: what comes back, what is noticed, what a killed run leaves behind."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_contents as contents,
)
from ansible_collections.janus.backup.plugins.module_utils._services import _minio_parts
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_reached as reached,
)

PROJECT = Path(__file__).parents[2]
SEED = PROJECT / "molecule" / "seed" / "minio.py"
PASSWORD = "a long password"
ROOT = {"MINIO_ROOT_USER": "janus", "MINIO_ROOT_PASSWORD": PASSWORD}
METHODS = ("filesystem", "s3")


def seeder() -> Any:
    """Return the seeder, for its connection to a server."""
    sys.path.insert(0, str(SEED.parent))
    try:
        found = importlib.util.spec_from_file_location("seed_minio", SEED)
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        return module
    finally:
        sys.path.pop(0)


def server(container: Any, user: str = "janus", password: str = PASSWORD) -> Any:
    """Return a connection to a container's server."""
    return seeder().Server(f"http://{user}@{container.address}:9000", password)


def seed(container: Any, packages: int = 40) -> None:
    """Fill a server with the seed data."""
    url = f"http://janus@{container.address}:9000"
    subprocess.run(
        [sys.executable, str(SEED), "--url", url, "--packages", str(packages)],
        check=True,
        env={**os.environ, "MINIO_PASSWORD": PASSWORD},
    )


def get(connection: Any, path: str) -> bytes:
    """Return an object."""
    said: bytes = connection.ask("GET", path)[0]
    return said


@pytest.fixture
def start(start_container: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that starts a MinIO and waits for it."""

    def run(**options: Any) -> Any:
        container = start_container("minio", "server", "/data", environment=ROOT, **options)
        return container.wait_healthy()

    return run


@pytest.fixture(scope="module")
def seeded(start_container: Callable[..., Any]) -> Any:
    """Return a server with the seed data, which tests do not change."""
    container = start_container("minio", "server", "/data", environment=ROOT).wait_healthy()
    seed(container)
    return container


@pytest.fixture
def reach(workbench: Any) -> Callable[..., dict[str, Any]]:
    """Return a function that says how modules reach a container, and by which method."""

    def run(container: Any, method: str = "filesystem", **more: Any) -> dict[str, Any]:
        found = {"container": container.name, "user": "janus", "options": {"method": method}}
        return {**found, "password_file": workbench.secret(PASSWORD), **more}

    return run


@pytest.fixture
def writers() -> Iterator[Callable[[Any, str], list[int]]]:
    """Return a function that has a client put and delete objects of a bucket until the end of the
    test, and returns the growing list of what it did.
    """
    stop, threads = threading.Event(), []

    def begin(container: Any, bucket: str) -> list[int]:
        done: list[int] = []

        def write() -> None:
            connection = server(container)
            while not stop.is_set():
                number = len(done)
                connection.put(bucket, f"live/{number % 20}", f"content {number}".encode())
                connection.put(bucket, f"live/{number}/new", b"new")
                connection.ask("DELETE", f"/{bucket}/live/{number % 7}")
                done.append(number)

        threads.append(threading.Thread(target=write))
        threads[-1].start()
        return done

    yield begin
    stop.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("method", METHODS)
def test_what_was_dumped_comes_back_equal(
    workbench: Any, seeded: Any, start: Any, reach: Any, method: str
) -> None:
    fresh, seeds = start(), seeder()
    dumped = workbench.dump(**reach(seeded, method))
    assert dumped.get("consistency", {}).get("kind") == "bracketed", dumped
    assert dumped["consistency"]["objects_read"] > 100
    names = workbench.record()["checksums"]
    odd = [
        f'bucket "debian-odd" object {json.dumps(key, ensure_ascii=False)}'
        for key in seeds.ODD_KEYS
    ]
    for name in [
        *odd,
        'bucket "debian-odd" object "a/b"',
        'bucket "debian-odd" object "in parts.bin"',
    ]:
        assert any(each.startswith(name) for each in names), name
    assert any(value.get("deleted") for value in names.values()), "a delete marker"
    assert {"policy", "tagging", "quota"} == names['bucket "debian-docs"'].keys()
    assert {"versioning", "object-lock"} == names['bucket "debian-releases"'].keys()
    assert {"versioning", "lifecycle"} == names['bucket "debian-copyright"'].keys()
    assert 'access key "debianbuildkey01"' in names
    assert 'group "debian-builders"' in names

    restored = workbench.restore(**reach(fresh, method))
    assert restored.get("changed"), restored
    assert workbench.differences(**reach(fresh, method)) == []
    assert not workbench.restore(**reach(fresh, method))["changed"]
    before, after = server(seeded), server(fresh)
    for key in (*seeds.ODD_KEYS, "a/b", "in parts.bin", "metadata"):
        assert get(after, f"/debian-odd/{key}") == get(before, f"/debian-odd/{key}"), key
    # The secret keys are those of before: users log in, may what they may, and no more.
    reader = server(fresh, "debian-reader", seeds.password("debian-reader"))
    assert get(reader, "/debian-odd/a")
    with pytest.raises(RuntimeError, match="AccessDenied"):
        reader.put("debian-odd", "a", b"")
    key = server(fresh, seeds.ACCESS_KEY, seeds.ACCESS_SECRET)
    key.put("debian-docs", "by the access key", b"")
    with pytest.raises(RuntimeError, match="SignatureDoesNotMatch"):
        server(fresh, "debian-reader", "another").ask("GET", "/debian-odd/a")
    # What was locked is.
    listing = after.ask("GET", "/debian-releases", "max-keys=1&versions=")[0].decode()
    locked = listing.partition("<Key>")[2].partition("</Key>")[0]
    version = listing.partition("<VersionId>")[2].partition("</VersionId>")[0]
    with pytest.raises(RuntimeError, match="WORM"):
        after.ask("DELETE", f"/debian-releases/{locked}", f"versionId={version}")
    assert workbench.helpers() == []


@pytest.mark.parametrize("method", METHODS)
def test_only_what_is_new_is_read_again(
    workbench: Any, start: Any, reach: Any, method: str
) -> None:
    minio = start()
    connection = server(minio)
    connection.ask("PUT", "/bucket")
    for number in range(30):
        connection.put("bucket", f"object {number}", f"content {number}".encode())

    def read() -> int:
        dumped = workbench.dump(**reach(minio, method))
        assert dumped.get("consistency", {}).get("kind") == "bracketed", dumped
        count: int = dumped["consistency"]["objects_read"]
        return count

    assert read() == 30
    assert read() == 0
    connection.put("bucket", "object 7", b"changed")
    connection.put("bucket", "new", b"new")
    connection.ask("DELETE", "/bucket/object 8")
    assert read() == 2
    names = workbench.record()["checksums"]
    assert 'bucket "bucket" object "new"' in names
    assert 'bucket "bucket" object "object 8"' not in names
    if method == "s3":
        contents = [
            path for path in (workbench.staging / "minio/data").rglob("*") if path.is_file()
        ]
        assert len(contents) == 30, "what is gone from the server is gone from the mirror"


@pytest.mark.parametrize("method", METHODS)
def test_a_change_fails_the_comparison_by_the_objects_name(
    workbench: Any, seeded: Any, start: Any, reach: Any, method: str
) -> None:
    fresh = start()
    workbench.dump(**reach(seeded, method))
    workbench.restore(**reach(fresh, method))
    connection = server(fresh)
    connection.put("debian-docs", "stranger", b"new")
    connection.put("debian-odd", "a", b"another version")
    connection.configure("debian-docs", "tagging", "<Tagging><TagSet></TagSet></Tagging>")
    quota = json.dumps({"quota": 7 << 40, "size": 7 << 40, "quotatype": "hard"}).encode()
    connection.ask("PUT", "/minio/admin/v3/set-bucket-quota", "bucket=debian-docs", quota)
    mc = ("mc", "alias", "set", "it", "http://localhost:9000", "janus", PASSWORD)
    fresh.run(*mc)
    fresh.run("mc", "admin", "user", "add", "it", "debian-reader", "another secret")
    fresh.run("mc", "admin", "policy", "attach", "it", "writeonly", "--user", "debian-shipper")
    found = "\n".join(workbench.differences(**reach(fresh, method)))
    for name in (
        'bucket "debian-docs" object "stranger": not in the backup',
        'bucket "debian-odd" object "a" version',
        'bucket "debian-docs": quota',
        'user "debian-reader": digest',
        'policies of user "debian-shipper": not in the backup',
    ):
        assert name in found


def test_links_keep_what_was_there_while_it_is_overwritten_and_deleted(
    workbench: Any, start: Any, reach: Any
) -> None:
    """Between the dump and Borg's reading clients go on: as if Borg read after all of this."""
    minio, fresh = start(), start()
    connection = server(minio)
    connection.ask("PUT", "/bucket")
    large = os.urandom(2_000_000)
    for name in ("overwritten", "deleted", "tagged", "small"):
        connection.put("bucket", name, large if name != "small" else b"small")
    workbench.cleanup("--prepare")
    dumped = workbench.module(
        "minio_dump", staging=str(workbench.staging), **reach(minio, "filesystem")
    )
    assert dumped["consistency"]["kind"] == "bracketed", dumped
    connection.put("bucket", "overwritten", b"other")
    connection.put("bucket", "small", b"other")
    connection.ask("DELETE", "/bucket/deleted")
    connection.configure("bucket", "tagging", "<Tagging><TagSet></TagSet></Tagging>")
    tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    connection.configure("bucket/tagged", "tagging", tags)
    assert "janus" not in connection.ask("GET", "/")[0].decode().replace("<Di", ""), "no bucket"
    workbench.module(
        "manifest",
        staging=str(workbench.staging),
        job=workbench.job,
        node="here",
        started="2026-01-01T00:00:00Z",
        services=["minio"],
    )
    (tree,) = workbench.record()["in_place"]
    subprocess.run(["cp", "-a", tree["root"], workbench.staging / tree["path"]], check=True)
    assert workbench.restore(**reach(fresh))["changed"]
    assert workbench.differences(**reach(fresh)) == []
    assert get(server(fresh), "/bucket/overwritten") == large
    workbench.cleanup()
    assert workbench.leftovers() == []
    assert minio.run("ls", "-A", "/data").split() == [".minio.sys", "bucket"]


def test_clients_that_write_make_the_drives_fuzzy(
    workbench: Any, start: Any, reach: Any, writers: Any
) -> None:
    minio = start()
    server(minio).ask("PUT", "/bucket")
    done = writers(minio, "bucket")
    dumped = workbench.dump(**reach(minio))
    assert len(done) > 3
    assert dumped["consistency"]["kind"] == "fuzzy", dumped
    assert "clients changed" in dumped["consistency"]["reason"]


def test_a_mirror_of_versioned_buckets_is_of_one_moment_while_clients_write(
    workbench: Any, start: Any, reach: Any, writers: Any
) -> None:
    minio, fresh = start(), start()
    connection = server(minio)
    connection.ask("PUT", "/bucket")
    status = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    connection.configure("bucket", "versioning", status)
    done = writers(minio, "bucket")
    dumped = workbench.dump(**reach(minio, "s3"))
    assert len(done) > 3
    assert dumped["consistency"]["kind"] == "bracketed", dumped
    workbench.restore(**reach(fresh, "s3"))
    assert workbench.differences(**reach(fresh, "s3")) == []


@pytest.mark.parametrize("moment", ["linked", "mirrored"])
def test_a_killed_dump_leaves_nothing_and_the_next_one_succeeds(
    workbench: Any, seeded: Any, reach: Any, moment: str
) -> None:
    method = "filesystem" if moment == "linked" else "s3"
    mirror = workbench.folder / "state" / "mirror"
    conditions: dict[str, Callable[[], object]] = {
        "linked": lambda: ".janus-backup" in seeded.run("ls", "-A", "/data"),
        "mirrored": lambda: sum(path.is_file() for path in mirror.rglob("*")) > 20,
    }
    workbench.kill(workbench.begin_dump(**reach(seeded, method)), conditions[moment])
    workbench.cleanup()
    assert workbench.leftovers() == []
    assert ".janus-backup" not in seeded.run("ls", "-A", "/data")
    dumped = workbench.dump(**reach(seeded, method))
    assert dumped["consistency"]["kind"] == "bracketed", dumped
    assert workbench.differences(**reach(seeded, method)) == []


@pytest.mark.parametrize("method", METHODS)
def test_after_a_killed_restore_a_second_one_succeeds(
    workbench: Any, seeded: Any, start: Any, reach: Any, method: str
) -> None:
    fresh = start()
    workbench.dump(**reach(seeded, method))
    conditions: dict[str, Callable[[], object]] = {
        "filesystem": lambda: fresh.inspect("{{.State.Running}}") == "false",
        "s3": lambda: "debian-odd" in server(fresh).ask("GET", "/")[0].decode(),
    }
    workbench.kill(workbench.begin_restore(**reach(fresh, method)), conditions[method])
    for helper in workbench.helpers():
        subprocess.run(["docker", "rm", "-f", helper], check=True, capture_output=True)
    assert workbench.restore(**reach(fresh, method, replace=True)).get("changed")
    assert workbench.differences(**reach(fresh, method)) == []


def test_a_server_with_buckets_is_overwritten_only_when_told(
    workbench: Any, start: Any, reach: Any
) -> None:
    minio, other = start(), start()
    for container, name in ((minio, "mine"), (other, "theirs")):
        server(container).ask("PUT", f"/{name}")
        server(container).put(name, "object", name.encode())
    for method in METHODS:
        workbench.dump(**reach(minio, method))
        refused = workbench.restore(**reach(other, method))
        assert "is not empty (bucket theirs): refusing to overwrite it without" in refused["msg"]
        assert get(server(other), "/theirs/object") == b"theirs"
    assert workbench.restore(**reach(other, "s3", replace=True)).get("changed")
    assert workbench.differences(**reach(other, "s3")) == []


def test_backups_into_the_server_itself_are_refused(
    workbench: Any, start: Any, reach: Any, tmp_path: Path
) -> None:
    minio = start(volumes={str(tmp_path / "drive"): "/data"})
    connection = server(minio)
    connection.ask("PUT", "/bucket")

    def refusal(**more: Any) -> str:
        result = workbench.module("minio_dump", staging=str(tmp_path), **reach(minio, **more))
        assert result.get("failed"), result
        said: str = result["msg"]
        return said

    inside = str(tmp_path / "drive" / "janus.borg")
    assert f"backups go to {inside}, which is inside its volume /data" in refusal(
        destinations=["/elsewhere", inside]
    )
    own = f"http://{minio.address}:9000"
    assert f"backups go to {own}, which is the same server" in refusal(destinations=[own])
    connection.put("bucket", "node1/config", b"[repository]\nversion = 1\n")
    connection.put("bucket", "node1/data/0/1", b"BORG_SEG")
    assert 'bucket "bucket" at "node1/" holds a repository of Borg' in refusal()
    assert not (tmp_path / "minio").exists()


def test_a_wrong_secret_and_a_stopped_container_are_one_sentence(
    workbench: Any, start: Any, reach: Any
) -> None:
    minio = start()
    staging = str(workbench.folder)

    def refusal(**more: Any) -> str:
        result = workbench.module("minio_dump", staging=staging, **reach(minio, **more))
        assert result.get("failed"), result
        said: str = result["msg"]
        return said

    said = refusal(password_file=workbench.secret("wrong"))
    assert said.startswith(f"minio: S3 server in {minio.name} refuses access key janus: ")
    assert "wrong" not in said
    subprocess.run(["docker", "stop", minio.name], check=True, capture_output=True)
    assert refusal().startswith(f"minio: container {minio.name} is not running: exited")
    assert not (workbench.folder / "minio").exists()


def part(
    workbench: Any, reach: Any, pair: tuple[Any, Any], kind: str, path: str, **more: Any
) -> Any:
    """Restore a part from the twin; return the module's result and what was remembered. With kill,
    the module is killed once that is a certain step.
    """
    live, twin = pair
    noted = {"run": workbench.job, "state_directory": str(workbench.folder / "state")}
    plan = {"service": {"name": "minio", "container": live.name}}
    workbench.module("restore_journal", phase="asked", plan=plan, **noted)
    journal = workbench.folder / "state/restore" / f"{workbench.job}.json"

    def token() -> Any:
        return json.loads(journal.read_text())["janus_backup_restore"].get("undo", {}).get("token")

    given = reach(live)
    both = {"twin": twin.name, "twin_password_file": given["password_file"]}
    step = more.pop("kill", None)
    arguments = {**given, **both, "kind": kind, "path": path, **more}
    result = None
    if step:
        process = workbench.begin("minio_part", **arguments)
        workbench.kill(process, lambda: (token() or {}).get("step") == step)
    else:
        result = workbench.module("minio_part", **arguments)
    return result, token()


def held(reach: Any, container: Any) -> dict[str, Any]:
    """Return buckets, settings, and of each object its versions, without ids and times."""
    service = {"name": "minio", "runtime": "docker", **reach(container)}
    service |= {"host": None, "port": None}
    server = reached.server(service)
    found: dict[str, Any] = {"settings": contents.settings(server.api, server.minio)}
    for entry in server.listed():
        value = (entry["size"], entry["marker"], entry["tags"], entry["metadata"])
        found.setdefault(f"{entry['bucket']}/{entry['key']}", []).append(value)
    return found


def within(found: dict[str, Any], start: str) -> dict[str, Any]:
    """Return the objects whose path begins so, by the rest of it."""
    return {path[len(start) :]: each for path, each in found.items() if path.startswith(start)}


@pytest.fixture(scope="module")
def pair(start_container: Callable[..., Any]) -> tuple[Any, Any]:
    """Return a server with changed data, and the twin that has them as before."""
    containers = []
    for _number in range(2):
        container = start_container("minio", "server", "/data", environment=ROOT).wait_healthy()
        seed(container, packages=20)
        containers.append(container)
    live = server(containers[0])
    for bucket in ("debian-docs", "debian-odd"):
        live.put(bucket, "new/one", b"made after the backup")
    live.ask("DELETE", "/debian-odd/metadata")
    live.put("debian-odd", "a", b"another a")
    live.ask("PUT", "/debian-docs", "tagging=", TAGGED)
    return containers[0], containers[1]


TAGGED = b"<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"


def test_a_bucket_comes_back_beside_the_present_one_and_in_its_place(
    workbench: Any, reach: Any, pair: Any
) -> None:
    before, wanted = held(reach, pair[0]), held(reach, pair[1])
    for bucket in ("debian-odd", "debian-releases"):
        beside, token = part(workbench, reach, pair, "bucket", bucket, as_name="yesterday")
        assert beside.get("restored") == "yesterday", beside
        now = held(reach, pair[0])
        assert within(now, "yesterday/") == within(wanted, f"{bucket}/")
        assert within(now, "debian-") == within(before, "debian-")
        taken, _token = part(workbench, reach, pair, "bucket", bucket, as_name="yesterday")
        assert "there is a bucket yesterday already" in taken["msg"]
        if bucket == "debian-odd":
            for _again in range(2):
                _minio_parts.undo(token)
                assert held(reach, pair[0]) == before
    locked, _token = part(workbench, reach, pair, "bucket", "debian-releases")
    assert "bucket debian-releases has object lock" in locked["msg"]

    for bucket in ("debian-docs", "debian-odd"):
        before = held(reach, pair[0])
        result, token = part(workbench, reach, pair, "bucket", bucket)
        assert result.get("restored") == bucket, result
        now = held(reach, pair[0])
        assert within(now, f"{bucket}/") == within(wanted, f"{bucket}/")
        assert now["settings"][bucket] == wanted["settings"][bucket]
        assert within(now, f"{result['aside']}/") == within(before, f"{bucket}/")
        for _again in range(2):
            _minio_parts.undo(token)
            assert held(reach, pair[0]) == before


def test_a_prefix_and_an_object_come_back(workbench: Any, reach: Any, pair: Any) -> None:
    before, wanted = held(reach, pair[0]), held(reach, pair[1])
    prefix = "debian-docs/" + min(within(wanted, "debian-docs/")).partition("/")[0] + "/"
    beside, token = part(workbench, reach, pair, "prefix", prefix, as_name="debian-docs/then/")
    assert beside.get("restored") == "debian-docs/then/", beside
    assert within(held(reach, pair[0]), "debian-docs/then/") == within(wanted, prefix)
    _minio_parts.undo(token)
    assert held(reach, pair[0]) == before

    result, token = part(workbench, reach, pair, "object", "debian-odd/metadata")
    assert result.get("restored") == "debian-odd/metadata", result
    now = held(reach, pair[0])
    assert now["debian-odd/metadata"] == wanted["debian-odd/metadata"]
    assert now["debian-odd/new/one"] == before["debian-odd/new/one"]
    _minio_parts.discard(token)
    assert result["aside"] not in held(reach, pair[0])["settings"]
    server(pair[0]).ask("DELETE", "/debian-odd/metadata")


@pytest.mark.parametrize("step", ["aside", "replace"])
def test_a_part_that_is_killed_is_undone(step: str, workbench: Any, reach: Any, pair: Any) -> None:
    before = held(reach, pair[0])
    _result, token = part(workbench, reach, pair, "bucket", "debian-docs", kill=step)
    _minio_parts.undo(token)
    assert held(reach, pair[0]) == before


@pytest.mark.parametrize(
    ("kind", "path", "sentence"),
    [
        ("bucket", "nowhere", "there is no bucket nowhere in the archive"),
        ("bucket", "debian-odd/a", "debian-odd/a is not <bucket>"),
        ("object", "debian-odd/nothing", "there is no object debian-odd/nothing in the archive"),
        ("prefix", "debian-odd", "debian-odd is not <bucket>/<how keys begin>"),
    ],
)
def test_a_part_that_there_is_not_is_refused(
    kind: str, path: str, sentence: str, workbench: Any, reach: Any, pair: Any
) -> None:
    before = held(reach, pair[0])
    refused, token = part(workbench, reach, pair, kind, path)
    assert sentence in refused["msg"]
    assert token is None
    assert held(reach, pair[0]) == before
