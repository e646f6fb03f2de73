# SPDX-License-Identifier: GPL-3.0-or-later
"""Qdrant is dumped, restored and proved with real servers and the seed's collections."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest

from ansible_collections.janus.backup.plugins.module_utils._services import _qdrant_parts

SEEDS = Path(__file__).parents[2] / "molecule" / "seed"
KEY = "a key with 'quotes' & more"
READ_KEY = "one that may only read"


class Server:
    """A server in a container and the way in for the test."""

    def __init__(self, container):
        self.container = container

    def ask(self, method, path, body=None, context=None):
        request = urllib.request.Request(
            f"{'https' if context else 'http'}://{self.container.address}:6333{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"api-key": KEY, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return json.load(answer)["result"]

    def seed(self, packages="200"):
        subprocess.run(
            [
                *(sys.executable, str(SEEDS / "qdrant.py"), "--packages", packages),
                *("--url", f"http://{self.container.address}:6333"),
            ],
            env={**os.environ, "QDRANT_API_KEY": KEY},
            check=True,
        )

    def snapshots(self):
        """Return the names of all snapshots that the server holds."""
        collections = [each["name"] for each in self.ask("GET", "/collections")["collections"]]
        return {
            snapshot["name"]
            for name in collections
            for snapshot in self.ask("GET", f"/collections/{quote(name)}/snapshots")
        }

    def write(self, number):
        """Insert a point into one of the seed's collections."""
        point = {"id": 10**15 + number, "vector": {}, "payload": {"written": number}}
        self.ask("PUT", "/collections/packages/points?wait=true", {"points": [point]})


@contextlib.contextmanager
def writing(server, until=lambda: False):
    """Write points as long as the context lasts, or until something is the case."""
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set() and not until():
            server.write(number)
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def start_server(start_container):
    def start(**more):
        environment = {
            "QDRANT__SERVICE__API_KEY": KEY,
            "QDRANT__SERVICE__READ_ONLY_API_KEY": READ_KEY,
            **more.pop("environment", {}),
        }
        return Server(start_container("qdrant", environment=environment, **more))

    return start


@pytest.fixture(scope="module")
def seeded(start_server):
    server = start_server()
    server.container.wait_healthy(180)
    server.seed()
    # A snapshot of somebody else's, which no run of ours may touch.
    server.ask("POST", "/collections/packages/snapshots?wait=true")
    return server


def kill_with_a_snapshot_on_the_server(server, workbench, access):
    """Kill a dump when a snapshot of ours has been made; return how the server was before."""
    others = server.snapshots()
    note = workbench.folder / "state" / "qdrant" / workbench.job / "qdrant.json"

    def made():
        with contextlib.suppress(FileNotFoundError):
            return json.loads(note.read_text()).get("packages", {}).get("name")

    for _attempt in range(10):
        process = workbench.begin_dump(**access(server))
        workbench.kill(process, made)
        if server.snapshots() > others:
            return others
        workbench.cleanup()  # it was deleted from the server in the moment before the kill
    return pytest.fail("no dump could be killed while its snapshot was there")


@pytest.fixture
def access(workbench):
    """Return a function that gives the modules' arguments for a server."""

    def arguments(server, key=KEY):
        return {"container": server.container.name, "password_file": workbench.secret(key)}

    return arguments


def test_a_server_comes_back_equal_and_keeps_no_snapshot_of_ours(
    seeded, start_server, workbench, access
):
    others = seeded.snapshots()
    result = workbench.dump(**access(seeded))
    assert not result.get("failed"), result
    assert result["consistency"] == {"kind": "bracketed", "reason": None}
    assert seeded.snapshots() == others
    points = workbench.record()["checksums"]['collection "packages" points']["points"]
    assert points == seeded.ask("POST", "/collections/packages/points/count", {})["count"]

    fresh = start_server()
    restored = workbench.restore(**access(fresh))
    assert restored.get("changed"), restored
    assert workbench.differences(**access(fresh)) == []
    assert workbench.restore(**access(fresh))["msg"] == "already equal"
    assert {each["alias_name"] for each in fresh.ask("GET", "/aliases")["aliases"]} == {
        "current",
        "people",
        "Wörter mit Leerzeichen",
    }


def test_a_server_in_no_container_is_reached_by_its_address(
    seeded, start_server, workbench, access
):
    def by_address(server):
        arguments = access(server)
        del arguments["container"]
        return {**arguments, "runtime": "host", "host": server.container.address}

    assert workbench.dump(**by_address(seeded))["consistency"]["kind"] == "bracketed"
    fresh = start_server()
    assert workbench.restore(**by_address(fresh))["changed"]
    assert workbench.differences(**access(fresh)) == []
    assert workbench.helpers() == []


def test_a_query_reads_and_nothing_else(seeded, workbench, access):
    points = workbench.ask('points/count {"exact": true}', "packages", **access(seeded))["count"]
    assert points > 0
    names = [
        entry["name"] for entry in workbench.ask("collections", **access(seeded))["collections"]
    ]
    assert "packages" in names
    assert "404" in workbench.ask("points/count {}", "nosuch", **access(seeded))
    assert "is no JSON" in workbench.ask("points/count {", "packages", **access(seeded))
    refused = workbench.ask('points/delete {"filter": {}}', "packages", **access(seeded))
    assert refused == "POST points/delete could change something"


def test_each_changed_object_is_named(seeded, start_server, workbench, access):
    workbench.dump(**access(seeded))
    fresh = start_server()
    workbench.restore(**access(fresh))
    packages = "/collections/packages"
    one = fresh.ask("POST", f"{packages}/points/scroll", {"limit": 1})["points"][0]["id"]
    body = {"payload": {"planted": 1}, "points": [one]}
    fresh.ask("POST", f"{packages}/points/payload?wait=true", body)
    fresh.ask("DELETE", f"{packages}/index/section?wait=true")
    actions = [{"delete_alias": {"alias_name": "people"}}]
    fresh.ask("POST", "/collections/aliases", {"actions": actions})
    fresh.ask("PUT", "/collections/planted", {"vectors": {"size": 2, "distance": "Dot"}})
    found = workbench.differences(**access(fresh))
    assert [sentence.split(": ")[0] for sentence in found] == [
        'alias "people"',
        'collection "packages" payload index "section"',
        'collection "packages" points',
        'collection "planted" parameters',
        'collection "planted" points',
    ]

    refused = workbench.restore(**access(fresh))
    assert refused["failed"]
    assert "is not empty (collection" in refused["msg"]
    assert workbench.restore(replace=True, **access(fresh)).get("changed")
    assert workbench.differences(**access(fresh)) == []


def test_one_changed_component_of_a_vector_is_noticed(seeded, start_server, workbench, access):
    workbench.dump(**access(seeded))
    fresh = start_server()
    workbench.restore(**access(fresh))
    path = "/collections/maintainers/points"
    point = fresh.ask("POST", f"{path}/scroll", {"limit": 1, "with_vector": True})["points"][0]
    point["vector"][17] += 1e-6
    fresh.ask("PUT", f"{path}?wait=true", {"points": [point]})
    (sentence,) = workbench.differences(**access(fresh))
    assert sentence.startswith('collection "maintainers" points: digest ')


def test_what_clients_write_all_the_time_makes_the_dump_fuzzy_and_says_so(
    seeded, start_server, workbench, access
):
    others = seeded.snapshots()
    with writing(seeded):
        result = workbench.dump(**access(seeded))
    assert result["consistency"] == {
        "kind": "fuzzy",
        "reason": 'clients changed collection "packages" while it was dumped',
    }
    assert seeded.snapshots() == others
    fresh = start_server()
    assert workbench.restore(**access(fresh)).get("changed")
    differences = workbench.differences(**access(fresh))
    assert all('collection "packages" points' in sentence for sentence in differences)


def test_what_clients_write_for_a_moment_is_waited_for(seeded, start_server, workbench, access):
    others = seeded.snapshots()
    with writing(seeded, until=lambda: seeded.snapshots() - others):
        result = workbench.dump(**access(seeded))
    assert result["consistency"] == {"kind": "bracketed", "reason": None}
    fresh = start_server()
    assert workbench.restore(**access(fresh)).get("changed")
    assert workbench.differences(**access(fresh)) == []


def test_a_killed_dump_leaves_nothing_after_the_cleanup_and_the_next_one_succeeds(
    seeded, workbench, access
):
    others = kill_with_a_snapshot_on_the_server(seeded, workbench, access)
    assert workbench.helpers()
    assert not (workbench.staging / "qdrant").exists()
    workbench.cleanup()
    assert workbench.leftovers() == []
    assert seeded.snapshots() == others
    assert workbench.dump(**access(seeded))["consistency"]["kind"] == "bracketed"
    assert seeded.snapshots() == others


def test_a_dump_killed_when_it_asks_for_a_snapshot_leaves_none_either(seeded, workbench, access):
    others = seeded.snapshots()
    note = workbench.folder / "state" / "qdrant" / workbench.job / "qdrant.json"
    process = workbench.begin_dump(**access(seeded))
    workbench.kill(process, note.exists)
    workbench.cleanup()
    assert seeded.snapshots() == others
    assert workbench.leftovers() == []


def test_what_a_cleanup_could_not_remove_the_next_run_does(seeded, workbench, access):
    others = kill_with_a_snapshot_on_the_server(seeded, workbench, access)
    # As after a reboot: the server comes later than the cleanup.
    docker = ["docker", "stop", "--time", "60", seeded.container.name]
    subprocess.run(docker, check=True, capture_output=True)
    workbench.cleanup()
    subprocess.run(["docker", "start", docker[-1]], check=True, capture_output=True)
    seeded.container.wait_healthy(180)
    assert seeded.snapshots() != others
    assert workbench.dump(**access(seeded))["consistency"]["kind"] == "bracketed"
    assert seeded.snapshots() == others


def test_a_killed_restore_can_be_repeated_in_a_fresh_container(
    seeded, start_server, workbench, access
):
    workbench.dump(**access(seeded))
    half = start_server()
    half.container.wait_healthy(180)
    process = workbench.begin_restore(**access(half))
    workbench.kill(process, lambda: half.ask("GET", "/collections")["collections"])
    fresh = start_server()
    assert workbench.restore(**access(fresh)).get("changed")
    assert workbench.differences(**access(fresh)) == []


def test_tls_is_spoken_and_the_certificate_checked(seeded, start_server, workbench, access):
    tls = workbench.folder / "tls"
    tls.mkdir(mode=0o755)
    for name in ("cert", "other"):
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-subj", "/CN=qdrant"),
                *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"),
                *("-keyout", str(tls / f"{name}-key.pem"), "-out", str(tls / f"{name}.pem")),
            ],
            check=True,
            capture_output=True,
        )
    environment = {
        "QDRANT__SERVICE__ENABLE_TLS": "true",
        "QDRANT__TLS__CERT": "/tls/cert.pem",
        "QDRANT__TLS__KEY": "/tls/cert-key.pem",
    }
    workbench.dump(**access(seeded))
    server = start_server(environment=environment, volumes={str(tls): "/tls:ro"})
    right = {"tls": True, "ca_file": str(tls / "cert.pem")}
    assert workbench.restore(**access(server), options=right).get("changed")
    assert workbench.differences(**access(server), options=right) == []
    again = workbench.dump(**access(server), options=right)
    assert again["consistency"]["kind"] == "bracketed"
    kept = workbench.staging / "qdrant" / "ca.pem"
    assert kept.read_text() == (tls / "cert.pem").read_text()

    wrong = {"tls": True, "ca_file": str(tls / "other.pem")}
    result = workbench.module("qdrant_info", **access(server), options=wrong)
    assert result["failed"]
    assert "certificate" in result["msg"], result["msg"]


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("wrong", "qdrant: Qdrant in {} refuses the API key"),
        (
            READ_KEY,
            "qdrant: the API key for Qdrant in {} is not enough: snapshots need one that may write",
        ),
    ],
)
def test_a_key_that_is_not_enough_is_one_clear_sentence(seeded, workbench, access, key, sentence):
    result = workbench.dump(**access(seeded, key))
    assert result["failed"]
    assert result["msg"] == sentence.format(seeded.container.name)
    assert not (workbench.staging / "qdrant").exists()


def test_a_stopped_container_is_one_clear_sentence(start_server, workbench, access):
    server = start_server()
    subprocess.run(["docker", "kill", server.container.name], check=True, capture_output=True)
    result = workbench.dump(**access(server))
    assert result["failed"]
    assert result["msg"] == f"qdrant: container {server.container.name} is not running: exited"


def part(workbench, access, live, twin, path, **more):
    """Restore a collection from a twin; return the module's result and what was remembered."""
    noted = {"run": workbench.job, "state_directory": str(workbench.folder / "state")}
    plan = {"service": {"name": "qdrant", "container": live.container.name}}
    workbench.module("restore_journal", phase="asked", plan=plan, **noted)
    given = access(live)
    both = {"twin": twin.container.name, "twin_password_file": given["password_file"]}
    options = {"kind": "collection", "path": path, **more}
    result = workbench.module("qdrant_part", **given, **both, **options)
    text = (workbench.folder / "state/restore" / f"{workbench.job}.json").read_text()
    return result, json.loads(text)["janus_backup_restore"].get("undo", {}).get("token")


def test_a_collection_comes_back_beside_the_present_one_or_by_its_alias(
    seeded, start_server, workbench, access
):
    live = start_server()
    live.container.wait_healthy(180)
    live.seed(packages="50")
    aliases = live.ask("GET", "/aliases")["aliases"]
    alias, name = aliases[0]["alias_name"], aliases[0]["collection_name"]
    wanted = seeded.ask("POST", f"/collections/{quote(name)}/points/count", {})["count"]
    before = sorted(each["name"] for each in live.ask("GET", "/collections")["collections"])

    def points(collection):
        return live.ask("POST", f"/collections/{quote(collection)}/points/count", {})["count"]

    assert points(name) != wanted
    beside, token = part(workbench, access, live, seeded, name, as_name="yesterday")
    assert beside.get("restored") == "yesterday", beside
    assert points("yesterday") == wanted
    taken, _token = part(workbench, access, live, seeded, name, as_name="yesterday")
    assert "has a collection yesterday already" in taken["msg"]
    refused, _token = part(workbench, access, live, seeded, name)
    assert "is no alias in the archive" in refused["msg"]
    _qdrant_parts.undo(token)

    result, token = part(workbench, access, live, seeded, alias)
    assert (result.get("restored"), result.get("aside")) == (alias, name), result
    assert points(alias) == wanted
    for _again in range(2):
        _qdrant_parts.undo(token)
        assert live.ask("GET", "/aliases")["aliases"] == aliases
        found = live.ask("GET", "/collections")["collections"]
        assert sorted(each["name"] for each in found) == before
