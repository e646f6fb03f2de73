# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitMQ is dumped, restored and proved with real brokers and the seed's topology."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import _rabbitmq_parts

SEEDS = Path(__file__).parents[2] / "molecule" / "seed"
PASSWORD = "p#w \"x'"


class Broker:
    """A broker in a container and the way in for the modules and the test."""

    def __init__(self, container, password):
        self.container, self.password = container, password

    def ask(self, method, *path, body=None, user="janus", password=None):
        token = base64.b64encode(f"{user}:{password or self.password}".encode()).decode()
        request = urllib.request.Request(
            f"http://{self.container.address}:15672/api/"
            + "/".join(quote(part, safe="") for part in path),
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def seed(self, packages="60"):
        subprocess.run(
            [
                *(sys.executable, str(SEEDS / "rabbitmq.py"), "--packages", packages),
                *("--url", f"http://janus@{self.container.address}:15672"),
            ],
            env={**os.environ, "RABBITMQ_PASSWORD": self.password},
            check=True,
        )


@pytest.fixture(scope="module")
def start_broker(start_container):
    def start(password="fresh", user="janus", **more):
        environment = {"RABBITMQ_DEFAULT_USER": user, "RABBITMQ_DEFAULT_PASS": password}
        options = ("--hostname", "broker", *more.pop("options", ()))
        container = start_container("rabbitmq", environment=environment, options=options, **more)
        return Broker(container, password)

    return start


@pytest.fixture(scope="module")
def seeded(start_broker):
    broker = start_broker(PASSWORD)
    broker.container.wait_healthy(180)
    broker.seed()
    return broker


@pytest.fixture
def access(workbench):
    """Return a function that gives the modules' arguments for a broker."""

    def arguments(broker, password=PASSWORD):
        secret = workbench.secret(password)
        return {"container": broker.container.name, "user": "janus", "password_file": secret}

    return arguments


def test_a_broker_comes_back_equal_with_users_who_can_log_in(
    seeded, start_broker, workbench, access
):
    result = workbench.dump(**access(seeded))
    assert not result.get("failed"), result
    assert result["consistency"] == {"kind": "bracketed", "reason": None}
    assert result["objects"] > 200

    # Another user than the dump's begins there, whom nothing tells the modules of.
    fresh = start_broker("something else", user="somebody")
    restored = workbench.restore(**access(fresh))
    assert restored.get("changed"), restored
    assert workbench.differences(**access(fresh)) == []
    assert workbench.restore(**access(fresh))["msg"] == "already equal"

    fresh.password = PASSWORD
    assert {user["name"] for user in fresh.ask("GET", "users")} == {
        user["name"] for user in seeded.ask("GET", "users")
    }
    for user in ("debian builder", 'Rôle "mit" Leer\'zeichen/%2F'):
        who = fresh.ask("GET", "whoami", user=user, password=f"geheim {user[::-1]}")
        assert who["name"] == user
    with pytest.raises(urllib.error.HTTPError, match="401"):
        fresh.ask("GET", "whoami", user="somebody", password="something else")
    # Messages are out of scope.
    assert fresh.ask("GET", "queues", "debian", "kept").get("messages", 0) == 0


def test_a_broker_in_no_container_is_read_by_its_address(seeded, workbench, access):
    by_address = access(seeded)
    del by_address["container"]
    by_address |= {"runtime": "host", "host": seeded.container.address}
    result = workbench.dump(**by_address)
    assert result["consistency"]["kind"] == "bracketed", result
    assert workbench.helpers() == []
    # All but the configuration files, which are looked for on the node then.
    found = workbench.differences(**access(seeded))
    assert all(sentence.startswith("configuration file ") for sentence in found), found


def test_a_query_reads_a_path_of_the_interface(seeded, workbench, access):
    names = {host["name"] for host in workbench.ask("vhosts?columns=name", **access(seeded))}
    assert "debian" in names
    queue = workbench.ask("queues/{vhost}/kept?columns=name,durable", "debian", **access(seeded))
    assert queue == {"name": "kept", "durable": True}
    assert "404" in workbench.ask("queues/{vhost}/nosuch", "debian", **access(seeded))


def test_plugins_and_configuration_files_come_back_before_what_needs_them(
    start_broker, workbench, access
):
    broker = start_broker(PASSWORD)
    broker.container.wait_healthy(180)
    broker.container.run("rabbitmq-plugins", "enable", "rabbitmq_federation")
    broker.container.run("tee", "/etc/rabbitmq/conf.d/90-own.conf", stdin="heartbeat = 17\n")
    subprocess.run(["docker", "restart", broker.container.name], check=True, capture_output=True)
    broker.container.wait_healthy(180)
    # Only a broker with the plugin takes this parameter.
    path = ("parameters", "federation-upstream", "/", "elsewhere")
    upstream = {"uri": "amqp://user:secret@elsewhere", "expires": 3600000}
    broker.ask("PUT", *path, body={"value": upstream})
    result = workbench.dump(**access(broker))
    assert not result.get("failed"), result

    fresh = start_broker()
    restored = workbench.restore(**access(fresh))
    assert restored.get("changed"), restored
    assert workbench.differences(**access(fresh)) == []
    assert "{ok,17}" in fresh.container.run(
        "rabbitmqctl", "eval", "application:get_env(rabbit, heartbeat)."
    )
    assert "[E*] rabbitmq_federation " in fresh.container.run("rabbitmq-plugins", "list")
    fresh.password = PASSWORD
    assert fresh.ask("GET", *path)["value"] == upstream


def test_each_changed_definition_is_named(seeded, start_broker, workbench, access):
    workbench.dump(**access(seeded))
    fresh = start_broker()
    workbench.restore(**access(fresh))
    fresh.password = PASSWORD
    hashed = {"tags": "management", "password": "another"}
    fresh.ask("PUT", "users", "debian builder", body=hashed)
    fresh.ask("DELETE", "queues", "debian", "kept")
    fresh.ask("PUT", "exchanges", "leer", "planted", body={"type": "topic"})
    fresh.ask("PUT", "vhosts", "planted", body={})
    found = [sentence.split(": ")[0] for sentence in workbench.differences(**access(fresh))]
    assert 'user "debian builder"' in found
    assert 'queue "kept" vhost "debian"' in found
    assert 'exchange "planted" vhost "leer"' in found
    assert 'virtual host "planted"' in found
    bound = 'binding of "amq.topic" vhost "debian" destination_type "queue" destination "kept"'
    assert any(name.startswith(bound) for name in found)

    refused = workbench.restore(**access(fresh))
    assert refused["failed"]
    assert "is not empty" in refused["msg"]
    assert 'exchange "planted" vhost "leer"' in refused["msg"]
    replaced = workbench.restore(replace=True, **access(fresh))
    assert replaced.get("changed"), replaced
    assert workbench.differences(**access(fresh)) == []


def test_what_clients_declare_during_the_dump_makes_it_fuzzy_and_says_so(
    seeded, start_broker, workbench, access
):
    stop, declared = threading.Event(), []

    def client():
        while not stop.is_set():
            name = f"live {len(declared)}"
            seeded.ask("PUT", "queues", "leer", name, body={"durable": True})
            declared.append(name)

    thread = threading.Thread(target=client)
    thread.start()
    try:
        result = workbench.dump(**access(seeded))
    finally:
        stop.set()
        thread.join()
    try:
        assert result["consistency"]["kind"] == "fuzzy", result
        assert 'queue "live ' in result["consistency"]["reason"]
        # Whatever it holds, the checksums are of just that.
        written = json.loads((workbench.staging / "rabbitmq" / "definitions.json").read_text())
        names = {queue["name"] for queue in written["queues"] if queue["vhost"] == "leer"}
        recorded = workbench.record()["checksums"]
        assert names == {
            json.loads(name.removeprefix("queue ").removesuffix(' vhost "leer"'))
            for name in recorded
            if name.startswith("queue ") and name.endswith(' vhost "leer"')
        }
        fresh = start_broker()
        assert workbench.restore(**access(fresh)).get("changed")
        assert workbench.differences(**access(fresh)) == []
    finally:
        for name in declared:
            seeded.ask("DELETE", "queues", "leer", name)


def test_a_killed_dump_leaves_nothing_after_the_cleanup_and_the_next_one_succeeds(
    seeded, workbench, access
):
    before = seeded.ask("GET", "definitions")
    process = workbench.begin_dump(**access(seeded))
    workbench.kill(process, workbench.helpers)
    assert not (workbench.staging / "rabbitmq").exists()
    assert workbench.leftovers()
    workbench.cleanup()
    assert workbench.leftovers() == []
    assert seeded.ask("GET", "definitions") == before
    assert workbench.dump(**access(seeded))["consistency"]["kind"] == "bracketed"


def test_a_killed_restore_can_be_repeated(seeded, start_broker, workbench, access):
    workbench.dump(**access(seeded))
    fresh = start_broker()
    fresh.container.wait_healthy(180)
    process = workbench.begin_restore(**access(fresh))

    def begun():
        try:
            hosts = fresh.ask("GET", "vhosts", password=PASSWORD)
        except urllib.error.URLError:  # the password has not come back yet
            return False
        return "debian" in [host["name"] for host in hosts]

    workbench.kill(process, begun)
    for again in (start_broker(), fresh):
        assert workbench.restore(**access(again)).get("changed")
        assert workbench.differences(**access(again)) == []


@pytest.mark.parametrize("module", ["dump", "info"])
def test_a_wrong_password_is_one_clear_sentence(seeded, workbench, access, module):
    more = {"staging": str(workbench.folder)} if module == "dump" else {}
    result = workbench.module(f"rabbitmq_{module}", **access(seeded, "wrong"), **more)
    assert result["failed"]
    name = seeded.container.name
    assert result["msg"] == (
        f"rabbitmq: RabbitMQ in {name} refuses user janus: unknown, another password, "
        "or without the tag for the management interface"
    )


def test_a_user_who_is_no_administrator_is_refused(seeded, workbench, access):
    builder = {**access(seeded, "geheim redliub naibed"), "user": "debian builder"}
    result = workbench.module("rabbitmq_info", **builder)
    assert "is no administrator: users and their password hashes" in result["msg"]


def test_a_stopped_container_is_one_clear_sentence(start_broker, workbench, access):
    broker = start_broker()
    subprocess.run(["docker", "kill", broker.container.name], check=True, capture_output=True)
    result = workbench.dump(**access(broker))
    assert result["failed"]
    assert result["msg"] == f"rabbitmq: container {broker.container.name} is not running: exited"
    assert workbench.leftovers() == [str(workbench.staging)]


def part(workbench, access, live, twin, kind, path, kill=False, **more):
    """Restore a part from a twin; return the module's result and what was remembered."""
    noted = {"run": workbench.job, "state_directory": str(workbench.folder / "state")}
    plan = {"service": {"name": "rabbitmq", "container": live.container.name}}
    workbench.module("restore_journal", phase="asked", plan=plan, **noted)
    journal = workbench.folder / "state/restore" / f"{workbench.job}.json"

    def token():
        return json.loads(journal.read_text())["janus_backup_restore"].get("undo", {}).get("token")

    given = access(live)
    both = {"twin": twin.container.name, "twin_password_file": given["password_file"]}
    arguments = {**given, **both, "kind": kind, "path": path, **more}
    result = None
    if kill:
        workbench.kill(workbench.begin("rabbitmq_part", **arguments), token)
    else:
        result = workbench.module("rabbitmq_part", **arguments)
    return result, token()


def state(broker):
    """Return all definitions, but for what another broker has otherwise."""
    found = broker.ask("GET", "definitions")
    return {
        section: sorted(map(json.dumps, found[section]))
        for section in _rabbitmq_parts.TYPES
        if section != "global_parameters"
    }


def queues(broker, host):
    return {queue["name"] for queue in broker.ask("GET", "queues", host)}


@pytest.fixture(scope="module")
def changed(start_broker):
    """Return a broker with the seed's definitions, of which some were changed."""
    broker = start_broker(PASSWORD)
    broker.container.wait_healthy(180)
    broker.seed()
    plain = {"durable": True, "auto_delete": False, "arguments": {}}
    broker.ask("DELETE", "queues", "debian", "kept")
    broker.ask("DELETE", "policies", "debian", "length")
    broker.ask("DELETE", "users", "debian legacy")
    broker.ask("PUT", "queues", "debian", "extra", body=plain)
    broker.ask("PUT", "queues", "debian", "kept", body={**plain, "arguments": {"x-max-length": 5}})
    return broker


def test_a_virtual_host_comes_back_beside_the_present_one_and_in_its_place(
    seeded, changed, workbench, access
):
    before, wanted = state(changed), state(seeded)
    beside, token = part(
        workbench, access, changed, seeded, "vhost", "debian", as_name="debian/yesterday"
    )
    assert "debian legacy, who has permissions there" in beside["msg"]
    assert token is None
    users, _token = part(workbench, access, changed, seeded, "definitions", "users")
    assert users.get("restored") == "users", users
    assert state(changed)["users"] == wanted["users"]
    assert state(changed)["permissions"] == before["permissions"]

    before = state(changed)
    beside, token = part(
        workbench, access, changed, seeded, "vhost", "debian", as_name="debian/yesterday"
    )
    assert beside.get("restored") == "debian/yesterday", beside
    assert queues(changed, "debian/yesterday") == queues(seeded, "debian") - {"leaving"}
    assert queues(changed, "debian") == queues(seeded, "debian") | {"extra"}
    for _again in range(2):
        _rabbitmq_parts.undo(token)
        assert state(changed) == before

    result, token = part(workbench, access, changed, seeded, "vhost", "debian")
    assert result.get("restored") == "debian", result
    for section, entries in state(changed).items():
        mine = [each for each in entries if json.loads(each).get("vhost") == "debian"]
        others = [each for each in entries if each not in mine]
        assert mine == [each for each in wanted[section] if '"vhost": "debian"' in each]
        assert others == [each for each in before[section] if '"vhost": "debian"' not in each]
    for _again in range(2):
        _rabbitmq_parts.undo(token)
        assert state(changed) == before


def test_one_type_of_definitions_comes_back(seeded, changed, workbench, access):
    before, wanted = state(changed), state(seeded)
    for path in ("policies", "queues/debian"):
        result, token = part(workbench, access, changed, seeded, "definitions", path)
        assert result.get("restored") == path, result
        section = path.partition("/")[0]
        assert state(changed)[section] == wanted[section]
        if section == "queues":  # no binding was lost but that of a queue that is gone
            assert set(before["bindings"]) == set(state(changed)["bindings"])
        _rabbitmq_parts.undo(token)
        assert state(changed) == before


def test_a_part_that_is_killed_can_be_undone(seeded, changed, workbench, access):
    before = state(changed)
    _result, token = part(workbench, access, changed, seeded, "vhost", "debian", kill=True)
    _rabbitmq_parts.undo(token)
    assert state(changed) == before


@pytest.mark.parametrize(
    ("kind", "path", "sentence"),
    [
        ("vhost", "nowhere", "there is no vhost nowhere in the archive"),
        ("definitions", "cats", "cats is not <type>"),
        ("definitions", "users/debian", "users/debian is not <type>"),
        ("definitions", "policies/leer", "there is no definitions policies/leer in the archive"),
    ],
)
def test_a_part_that_there_is_not_is_refused(
    kind, path, sentence, seeded, changed, workbench, access
):
    before = state(changed)
    result, token = part(workbench, access, changed, seeded, kind, path)
    assert sentence in result["msg"]
    assert token is None
    assert state(changed) == before


def test_no_message_is_lost_for_a_part(seeded, changed, workbench, access):
    message = {
        "routing_key": "extra",
        "payload": "x",
        "payload_encoding": "string",
        "properties": {"delivery_mode": 2},
    }
    changed.ask("POST", "exchanges", "debian", "amq.default", "publish", body=message)
    deadline = time.monotonic() + 60  # the interface tells of it some seconds later
    while not changed.ask("GET", "queues", "debian", "extra").get("messages"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    before = state(changed)
    for kind, path in (("vhost", "debian"), ("definitions", "queues")):
        refused, token = part(workbench, access, changed, seeded, kind, path)
        assert "1 queues that hold messages would have to be deleted: extra (1)" in refused["msg"]
        assert token is None
    assert state(changed) == before


def test_a_virtual_host_that_got_messages_is_not_undone(seeded, changed, workbench, access):
    before = state(changed)
    result, token = part(workbench, access, changed, seeded, "vhost", "debian", as_name="busy")
    assert result.get("restored") == "busy", result
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    changed.ask("PUT", "permissions", "busy", "janus", body=everything)
    message = {"routing_key": "kept", "payload": "x", "payload_encoding": "string"}
    path = ("exchanges", "busy", "amq.default", "publish")
    assert changed.ask("POST", *path, body={**message, "properties": {}})["routed"]
    # At once, when the interface's own numbers do not tell of it yet.
    with pytest.raises(BackupError, match='queue "kept" holds messages'):
        _rabbitmq_parts.undo(token)
    assert changed.ask("GET", "queues", "busy", "kept")
    changed.ask("DELETE", "queues", "busy", "kept", "contents")
    _rabbitmq_parts.undo(token)
    assert state(changed) == before
