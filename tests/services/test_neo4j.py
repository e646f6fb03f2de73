# SPDX-License-Identifier: GPL-3.0-or-later
"""Neo4j in real containers: what comes back, what is noticed, what a killed run leaves behind."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _manifest

PROJECT = Path(__file__).parents[2]
SEED = PROJECT / "molecule" / "seed" / "neo4j.py"
PASSWORD = "first password"
DATA = '{{range .Mounts}}{{if eq .Destination "/data"}}{{.Source}}{{end}}{{end}}'
NODES = "databases/neo4j/neostore.nodestore.db"
PACKAGE = 'database "neo4j" nodes with label "Package"'


def docker(*arguments: str) -> str:
    """Run a docker command and return what it printed, stripped."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def seed(container: Any, packages: int = 1000) -> None:
    """Fill a server with the seed data."""
    url = f"http://{container.address}:7474"
    subprocess.run(
        [sys.executable, str(SEED), "--url", url, "--packages", str(packages)],
        check=True,
        env={**os.environ, "NEO4J_PASSWORD": PASSWORD},
    )


def cypher(container: Any, statement: str, password: str = PASSWORD) -> str:
    """Run a statement in a container and return what Cypher Shell printed."""
    access = ("-u", "neo4j", "-p", password, "--format", "plain")
    return container.run("cypher-shell", *access, statement)


def running(container: Any) -> bool:
    """Tell whether a container runs."""
    return container.inspect("{{.State.Running}}") == "true"


def seeder() -> Any:
    """Return the seeder, for its client of the Query API."""
    sys.path.insert(0, str(SEED.parent))
    try:
        found = importlib.util.spec_from_file_location("seed_neo4j", SEED)
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        return module
    finally:
        sys.path.pop(0)


@pytest.fixture
def start(start_container: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that starts a Neo4j and waits for it, or makes one that has never run."""

    def start(password: str = PASSWORD, run: bool = True) -> Any:
        environment = {
            "NEO4J_AUTH": f"neo4j/{password}",
            "NEO4J_server_memory_heap_max__size": "400m",
        }
        container = start_container(
            "neo4j",
            environment={**environment, "NEO4J_server_memory_pagecache_size": "64m"},
            run=run,
        )
        return container.wait_healthy(300) if run else container

    return start


@pytest.fixture
def access(workbench: Any) -> dict[str, Any]:
    """Return the arguments by which every module reaches a server."""
    return {"user": "neo4j", "password_file": workbench.secret(PASSWORD)}


@pytest.fixture
def writer() -> Iterator[Callable[[Any], dict[str, list[float]]]]:
    """Return a function that has a client write numbered nodes until the end of the test, through
    all that fails, and returns the growing lists of acknowledged numbers and their moments.
    """
    stop, threads = threading.Event(), []
    module = seeder()

    def begin(container: Any) -> dict[str, list[float]]:
        server = module.Server(f"http://{container.address}:7474", "neo4j", PASSWORD, timeout=10)
        done: dict[str, list[float]] = {"numbers": [], "moments": []}

        def write() -> None:
            number = 1
            while not stop.is_set():
                try:
                    # MERGE: a write whose answer was lost is written again
                    server.run("MERGE (:Live {number: $number})", number=number)
                except RuntimeError:
                    time.sleep(0.05)
                    continue
                done["numbers"].append(number)
                done["moments"].append(time.monotonic())
                number += 1

        threads.append(threading.Thread(target=write))
        threads[-1].start()
        return done

    yield begin
    stop.set()
    for thread in threads:
        thread.join()


def test_what_was_dumped_comes_back_equal_and_a_change_is_named(
    workbench: Any, start: Any, access: dict[str, Any]
) -> None:
    neo4j, fresh = start(), start("another password")
    seed(neo4j)
    before = docker("inspect", "--format", "{{json .HostConfig}}", neo4j.name)
    dumped = workbench.dump(container=neo4j.name, options={"portable": True}, **access)
    assert dumped["consistency"]["kind"] == "stopped", dumped
    assert 0 < dumped["consistency"]["downtime_seconds"] < 300
    assert docker("inspect", "--format", "{{json .HostConfig}}", neo4j.name) == before
    assert workbench.differences(container=neo4j.name, **access) == []
    checksums = workbench.record()["checksums"]
    assert checksums[PACKAGE]["count"] == 1000
    assert {
        'database "neo4j" relationships of type "DEPENDS"',
        'database "neo4j" nodes without label',
        'database "neo4j" constraint "package_key"',
        'database "neo4j" index "package_vector"',
        'database "neo4j" nodes with label "a\\\\u0060b"',
        'user "debian_former"',
    } <= checksums.keys()
    count = "MATCH (p:Package) RETURN count(p) AS value"
    assert workbench.ask(count, "neo4j", container=neo4j.name, **access) == 1000
    texts = "UNWIND ['a', 'ü'] AS value RETURN value"
    assert workbench.ask(texts, container=neo4j.name, **access) == ["a", "ü"]
    assert "refuses" in workbench.ask("NONSENSE", container=neo4j.name, **access)
    written = workbench.ask(
        "CREATE (n:New) RETURN 1 AS value", "neo4j", container=neo4j.name, **access
    )
    assert "Writing in read access mode not allowed" in written
    day = "RETURN date('2024-02-29') AS value"
    assert workbench.ask(day, container=neo4j.name, **access) == "2024-02-29"
    paths = {artefact["path"] for artefact in dumped["artefacts"]}
    assert {f"neo4j/portable/{name}.dump" for name in ("neo4j", "system")} <= paths
    assert not any("/.work" in path for path in paths)

    # The fresh server knows another password until the users of the dump are back.
    restored = workbench.restore(container=fresh.name, wait=300, **access)
    assert restored["changed"], restored
    assert workbench.differences(container=fresh.name, **access) == []
    assert not workbench.restore(container=fresh.name, **access)["changed"]
    reader = ("-u", "debian_reader", "-p", "geheim: reader", "--format", "plain")
    assert fresh.run("cypher-shell", *reader, "RETURN 1").endswith("1")

    cypher(
        fresh, "MATCH (p:Package) WITH p ORDER BY p.name LIMIT 1 SET p.version = p.version + '~'"
    )
    (sentence,) = workbench.differences(container=fresh.name, **access)
    assert sentence.startswith(f"{PACKAGE}: digest "), sentence
    cypher(fresh, "MATCH ()-[d:DEPENDS]->() WITH d LIMIT 1 SET d.changed = true")
    _package, sentence = workbench.differences(container=fresh.name, **access)
    assert sentence.startswith('database "neo4j" relationships of type "DEPENDS": digest '), (
        sentence
    )
    assert workbench.restore(container=fresh.name, **access)["failed"]
    docker("stop", "--time", "120", fresh.name)
    refused = workbench.restore(container=fresh.name, wait=300, **access)
    assert "is not empty" in refused["msg"], refused
    assert workbench.helpers() == []

    # The portable dump holds the same, for a server that knows nothing of this collection.
    docker("stop", "--time", "120", fresh.name)
    folder = workbench.staging / "neo4j" / "portable"
    for name in ("neo4j", "system"):
        docker(
            *("run", "--rm", "--volumes-from", fresh.name, "--volume", f"{folder}:/portable:ro"),
            *("--user", "0", "--entrypoint", "neo4j-admin", "janus-test/neo4j"),
            *("database", "load", name, "--from-path=/portable", "--overwrite-destination=true"),
        )
    docker("start", fresh.name)
    fresh.wait_healthy(300)
    assert workbench.differences(container=fresh.name, **access) == []


# What a version that read with Cypher Shell recorded of these nodes in a new server.
EARLIER_NODES = (
    'CREATE (:Old {name: "a \\"quoted\\" \\\\ ü", n: 1, f: 1.5, d: date("2024-01-01"),'
    " p: point({x: 1, y: 2}), l: [1, 2]})-[:T {w: 0.1}]->(:Old:Other)"
)
EARLIER = {
    'database "neo4j" index "index_343aff4e"': {"digest": "9ec9bd23f2058ead0452a1b68de5ccc4"},
    'database "neo4j" index "index_f7700477"': {"digest": "ea734b39544e4ab88f544dfc90e26f81"},
    'database "neo4j" nodes with label "Old"': {
        "count": 2,
        "digest": "e3930bb9516a6b19e230966ec103146f",
    },
    'database "neo4j" nodes with label "Other"': {
        "count": 1,
        "digest": "86a698317ae255b838fed20f2ae39a44",
    },
    'database "neo4j" relationships of type "T"': {
        "count": 1,
        "digest": "581034b31fdce9f701f77be43cf39787",
    },
    'user "neo4j"': {"digest": "c33e4fdde030547308387e69582b8ef0"},
}


def test_an_archive_of_an_earlier_version_is_compared_in_the_way_of_its_digests(
    workbench: Any, start: Any, access: dict[str, Any]
) -> None:
    neo4j = start()
    cypher(neo4j, EARLIER_NODES)
    workbench.dump(container=neo4j.name, options={"check": False}, **access)
    manifest = _manifest.read(workbench.staging)
    recorded = manifest["services"]["neo4j"]["checksums"]
    assert {name: value.get("count") for name, value in recorded.items()} == {
        name: value.get("count") for name, value in EARLIER.items()
    }
    assert {value["digest"][:2] for value in recorded.values()} == {"2:"}
    recorded.update(EARLIER)
    _manifest.seal(workbench.staging / _manifest.NAME, manifest)
    assert workbench.differences(container=neo4j.name, **access) == []
    cypher(neo4j, "MATCH (o:Other) SET o.name = 'changed'")
    first, second = workbench.differences(container=neo4j.name, **access)
    assert first.startswith('database "neo4j" nodes with label "Old": digest e3930bb9'), first
    assert second.startswith('database "neo4j" nodes with label "Other": digest 86a69831'), second


def test_clients_write_before_and_after_but_nothing_of_that_is_half_in_the_dump(
    workbench: Any, start: Any, access: dict[str, Any], writer: Any
) -> None:
    neo4j, fresh = start(), start(run=False)
    done = writer(neo4j)
    process = workbench.begin_dump(container=neo4j.name, **access)
    journal = workbench.folder / "state" / "quiesced" / workbench.job / "neo4j.json"
    while not journal.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    acknowledged = len(done["numbers"])
    said, _ = process.communicate(timeout=900)
    consistency = json.loads(said.splitlines()[-1])["consistency"]
    assert consistency["kind"] == "stopped"
    gap = max(b - a for a, b in zip(done["moments"], done["moments"][1:], strict=False))
    print(f"downtime {consistency['downtime_seconds']} s, longest wait of a client {gap:.1f} s")
    workbench.module(
        "manifest",
        staging=str(workbench.staging),
        job=workbench.job,
        node="here",
        started="2026-01-01T00:00:00Z",
        services=["neo4j"],
    )
    assert workbench.restore(container=fresh.name, wait=300, **access)["changed"]
    assert fresh.logs().count(" Started.") == 1
    assert workbench.record()["before_first_start"]
    assert workbench.differences(container=fresh.name, **access) == []
    numbers = cypher(fresh, "MATCH (l:Live) RETURN l.number ORDER BY l.number").split("\n")[1:]
    held = len(numbers)
    deadline = time.monotonic() + 120
    while len(done["numbers"]) <= held:
        assert time.monotonic() < deadline, "the client never wrote again"
        time.sleep(0.05)
    assert numbers == [str(number) for number in range(1, held + 1)]
    assert acknowledged <= held


def stopping(workbench: Any, container: Any) -> bool:
    return any((workbench.folder / "state" / "quiesced" / workbench.job).glob("*.json"))


def stopped(workbench: Any, container: Any) -> bool:
    return not running(container)


def proving(workbench: Any, container: Any) -> bool:
    return any("/.work/" in str(path) for path in workbench.partial()) and running(container)


def test_a_killed_dump_leaves_a_running_server_and_nothing_else(
    workbench: Any, start: Any, access: dict[str, Any]
) -> None:
    neo4j = start()
    cypher(neo4j, "CREATE (:Kept {name: 'kept'})")
    before = docker("inspect", "--format", "{{json .HostConfig}}", neo4j.name)
    for moment in (stopping, stopped, proving):
        process = workbench.begin_dump(container=neo4j.name, **access)
        workbench.kill(process, functools.partial(moment, workbench, neo4j))
        workbench.cleanup()
        # It answers already when the clean-up is done, and goes on doing so.
        assert running(neo4j), moment
        assert cypher(neo4j, "MATCH (k:Kept) RETURN k.name").endswith('"kept"'), moment
        assert workbench.leftovers() == [], moment
        assert docker("inspect", "--format", "{{json .HostConfig}}", neo4j.name) == before
    again = workbench.dump(container=neo4j.name, options={"check": False}, **access)
    assert again["consistency"]["kind"] == "stopped", again
    assert workbench.differences(container=neo4j.name, **access) == []


def test_a_killed_restore_can_be_done_again(
    workbench: Any, start: Any, access: dict[str, Any]
) -> None:
    neo4j, victim = start(), start()
    seed(neo4j, 300)
    workbench.dump(container=neo4j.name, options={"check": False}, **access)
    process = workbench.begin_restore(container=victim.name, wait=300, **access)
    workbench.kill(process, lambda: not running(victim))
    # The worst that a power failure leaves behind then: stores with which it does not start. Nobody
    # knows what it holds, so that replacing it has to be asked for.
    shutil.rmtree(docker("inspect", "--format", DATA, victim.name) + "/databases/system")
    replaced = workbench.restore(container=victim.name, wait=300, replace=True, **access)
    assert replaced["changed"], replaced
    assert workbench.differences(container=victim.name, **access) == []


def test_what_cannot_work_says_so_in_a_sentence_with_the_server_running(
    workbench: Any, start: Any, access: dict[str, Any]
) -> None:
    neo4j = start()
    cypher(neo4j, "CREATE (:Kept {name: 'kept'})")
    since = neo4j.inspect("{{.State.StartedAt}}")
    wrong = {**access, "password_file": workbench.secret("not the password")}
    refused = workbench.dump(container=neo4j.name, **wrong)
    assert refused["msg"] == (
        f"neo4j: Neo4j in {neo4j.name} refuses: "
        "The client is unauthorized due to authentication failure."
    )
    assert neo4j.inspect("{{.State.StartedAt}}") == since

    late = workbench.dump(container=neo4j.name, options={"max_downtime": 1}, **access)
    assert late["failed"]
    assert "killed" in late["msg"] or "max_downtime" in late["msg"], late["msg"]
    assert "\n" not in late["msg"]
    assert cypher(neo4j, "MATCH (k:Kept) RETURN k.name").endswith('"kept"')

    docker("stop", "--time", "120", neo4j.name)
    # Stores that Neo4j starts with and answers from, and that are damaged nevertheless.
    nodes = Path(docker("inspect", "--format", DATA, neo4j.name), NODES)
    content = bytearray(nodes.read_bytes())
    content[-8192 + 1 : -8192 + 15] = bytes(range(65, 79))
    nodes.write_bytes(content)
    docker("start", neo4j.name)
    neo4j.wait_healthy(300)
    damaged = workbench.dump(container=neo4j.name, **access)
    assert damaged["msg"].startswith("neo4j: neo4j-admin database check neo4j"), damaged

    docker("stop", "--time", "120", neo4j.name)
    gone = workbench.dump(container=neo4j.name, **access)
    assert gone["msg"].startswith(f"neo4j: container {neo4j.name} is not running: exited")
    assert not running(neo4j)
    workbench.cleanup()
    assert workbench.leftovers() == []
