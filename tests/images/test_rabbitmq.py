# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request

import pytest

ENVIRONMENT = {
    "RABBITMQ_DEFAULT_USER": "janus",
    "RABBITMQ_DEFAULT_PASS": "p#w \"x'",
    "RABBITMQ_DEFAULT_VHOST": "of janus",
}
DATA = "/var/lib/rabbitmq"


def call(container, path, method="GET", body=None, user="janus"):
    """Ask the management interface from outside the container."""
    password = ENVIRONMENT["RABBITMQ_DEFAULT_PASS"] if user == "janus" else user
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    request = urllib.request.Request(
        f"http://{container.address}:15672/api/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Basic {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read() or "null")


@pytest.fixture(scope="module")
def broker(start_container):
    options = ("--hostname", "broker")
    return start_container("rabbitmq", environment=ENVIRONMENT, options=options).wait_healthy()


def test_it_runs_as_uid_999_under_the_name_of_its_host(broker):
    assert broker.run("stat", "--format", "%u", "/proc/1", DATA).split() == ["999", "999"]
    assert call(broker, "overview")["node"] == "rabbit@broker"


def test_the_first_user_and_virtual_host_come_from_the_environment(broker):
    assert [user["name"] for user in call(broker, "users")] == ["janus"]
    assert [vhost["name"] for vhost in call(broker, "vhosts")] == ["of janus"]
    with pytest.raises(urllib.error.HTTPError, match="401"):
        call(broker, "overview", user="guest")


def test_commands_in_the_container_reach_the_broker_as_root_and_as_its_user(broker):
    for user in ("root", "rabbitmq"):
        broker.run("rabbitmq-diagnostics", "-q", "check_running", user=user)
    assert "[E*] rabbitmq_management " in broker.run("rabbitmq-plugins", "list")


def test_it_logs_to_the_containers_output_and_the_health_check_leaves_no_trace(broker):
    assert "Server startup complete" in broker.logs()
    assert "closing AMQP connection" not in broker.logs()


def test_without_an_environment_guest_may_come_from_other_containers(start_container):
    container = start_container("rabbitmq").wait_healthy()
    assert call(container, "whoami", user="guest")["tags"] == ["administrator"]


def test_messages_and_definitions_outlive_the_container(start_container, volume):
    options = ("--hostname", "elsewhere")
    environment = {**ENVIRONMENT, "RABBITMQ_NODENAME": "rabbit@localhost"}

    def start():
        return start_container(
            "rabbitmq", environment=environment, options=options, volumes={volume: DATA}
        ).wait_healthy()

    first = start()
    call(first, "queues/of%20janus/jobs", "PUT", {"durable": True})
    message = {
        "routing_key": "jobs",
        "payload": "one",
        "payload_encoding": "string",
        "properties": {"delivery_mode": 2},
    }
    assert call(first, "exchanges/of%20janus/amq.default/publish", "POST", message)["routed"]
    cookie = first.run("cat", f"{DATA}/.erlang.cookie")
    first.remove()

    again = start()
    taken = {"count": 5, "ackmode": "ack_requeue_true", "encoding": "auto"}
    messages = call(again, "queues/of%20janus/jobs/get", "POST", taken)
    assert [message["payload"] for message in messages] == ["one"]
    assert again.run("cat", f"{DATA}/.erlang.cookie") == cookie
    assert call(again, "overview")["node"] == "rabbit@localhost"


def test_definitions_and_settings_are_loaded_from_files(start_container, tmp_path):
    definitions = {
        "users": [{"name": "loaded", "password": "loaded", "tags": "administrator"}],
        "vhosts": [{"name": "/"}, {"name": "loaded"}],
        "queues": [
            {"name": "q", "vhost": "loaded", "durable": True, "auto_delete": False, "arguments": {}}
        ],
    }
    (tmp_path / "definitions.json").write_text(json.dumps(definitions))
    (tmp_path / "20-own.conf").write_text("load_definitions = /definitions.json\nheartbeat = 17\n")
    for path in (tmp_path, *tmp_path.iterdir()):
        path.chmod(0o755)
    container = start_container(
        "rabbitmq",
        volumes={
            f"{tmp_path}/definitions.json": "/definitions.json:ro",
            f"{tmp_path}/20-own.conf": "/etc/rabbitmq/conf.d/20-own.conf:ro",
        },
    ).wait_healthy()
    assert [user["name"] for user in call(container, "users", user="loaded")] == ["loaded"]
    assert call(container, "queues", user="loaded")[0]["name"] == "q"
    assert "{ok,17}" in container.run(
        "rabbitmqctl", "eval", "application:get_env(rabbit, heartbeat)."
    )


def test_each_broker_has_a_cookie_of_its_own(start_container, broker):
    other = start_container("rabbitmq", "-A", DATA, options=("--entrypoint", "ls"))
    assert other.wait_exit() == 0
    assert other.logs() == ""
    assert len(broker.run("cat", f"{DATA}/.erlang.cookie")) >= 20
