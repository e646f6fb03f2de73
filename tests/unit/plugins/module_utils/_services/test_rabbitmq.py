# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy

import pytest

from ansible_collections.janus.backup.plugins.module_utils._services import (
    _rabbitmq_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _rabbitmq_change as change,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _rabbitmq_definitions as definitions,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _rabbitmq_parts as parts,
)
from ansible_collections.janus.backup.plugins.module_utils._services import rabbitmq

EXPORTED = {
    "rabbit_version": "3.10.8",
    "users": [{"name": "janus", "password_hash": "x", "tags": ["administrator"], "limits": {}}],
    "vhosts": [{"name": "shop"}, {"name": "/"}],
    "permissions": [{"user": "janus", "vhost": "/", "configure": ".*"}],
    "global_parameters": [
        {"name": "internal_cluster_id", "value": "new each time"},
        {"name": "cluster_name", "value": "mine"},
    ],
    "queues": [
        {"name": "b", "vhost": "shop", "durable": True, "arguments": {}},
        {"name": "a", "vhost": "shop", "durable": True, "arguments": {"x-expires": 1}},
    ],
    "exchanges": [{"name": "a", "vhost": "shop", "type": "topic", "arguments": {}}],
    "bindings": [
        {
            "source": "a",
            "vhost": "shop",
            "destination": name,
            "destination_type": kind,
            "routing_key": "",
            "arguments": arguments,
        }
        for name, kind, arguments in (
            ("b", "queue", {}),
            ("b", "queue", {"x": 1}),
            ("a", "queue", {}),
            ("a", "exchange", {}),
        )
    ],
}
METADATA = {"shop": {"description": "Läden", "tags": []}}


@pytest.fixture
def exported():
    return copy.deepcopy(EXPORTED)


def test_the_order_of_an_export_does_not_matter(exported):
    turned = {key: value[::-1] for key, value in exported.items() if isinstance(value, list)}
    turned["rabbit_version"] = "3.10.8"
    assert definitions.ordered(exported, METADATA) == definitions.ordered(turned, METADATA)


def test_what_each_broker_makes_anew_is_left_out_and_the_metadata_of_hosts_added(exported):
    found = definitions.ordered(exported, METADATA)
    assert [entry["name"] for entry in found["global_parameters"]] == ["cluster_name"]
    assert {"name": "shop", "metadata": METADATA["shop"]} in found["vhosts"]
    assert {"name": "/"} in found["vhosts"]


def test_every_object_has_a_name_of_its_own_and_expiring_queues_have_none(exported):
    found = definitions.objects(definitions.ordered(exported, METADATA))
    assert sorted(found) == [
        'binding of "a" vhost "shop" destination_type "exchange" destination "a" routing_key ""',
        'binding of "a" vhost "shop" destination_type "queue" destination "b" routing_key ""',
        'binding of "a" vhost "shop" destination_type "queue" destination "b" routing_key ""'
        ' arguments {"x":1}',
        'exchange "a" vhost "shop"',
        'global parameter "cluster_name"',
        'permission of "janus" vhost "/"',
        'queue "b" vhost "shop"',
        'user "janus"',
        'virtual host "/"',
        'virtual host "shop"',
    ]


def test_a_list_that_a_later_version_adds_is_compared_too(exported):
    exported["novelties"] = [{"name": "x", "value": 1}, {"name": "x", "value": 2}]
    names = definitions.objects(exported)
    assert 'novelties "x" value 1' in names
    assert 'novelties "x" value 2' in names


def test_another_password_hash_changes_a_users_digest(exported):
    before = definitions.objects(exported)
    exported["users"][0]["password_hash"] = "y"
    after = definitions.objects(exported)
    assert [name for name in before if before[name] != after[name]] == ['user "janus"']


def test_what_a_new_broker_holds_is_not_foreign(exported):
    new = {
        "users": [{"name": "guest"}],
        "vhosts": [{"name": "first"}],
        "permissions": [{"user": "guest", "vhost": "first"}],
        "queues": [],
    }
    assert definitions.foreign(new, exported) == []
    assert definitions.missing("users", new, exported) == ["guest"]


def test_what_the_dump_holds_in_the_same_form_is_not_foreign(exported):
    present = copy.deepcopy(exported)
    present["queues"][0]["type"] = "classic"  # only the command's export tells it
    assert definitions.foreign(present, exported) == []
    present["queues"][0]["durable"] = False
    assert definitions.foreign(present, exported) == ['queue "b" vhost "shop"']


def test_a_second_user_who_is_not_in_the_dump_is_foreign(exported):
    present = {"users": [{"name": "guest"}, {"name": "somebody"}]}
    assert definitions.foreign(present, exported) == ['user "guest"', 'user "somebody"']


def test_the_file_of_enabled_plugins_is_read_as_it_is_written():
    names = ["rabbitmq_shovel", "rabbitmq_management"]
    text = definitions.plugins_file(names)
    assert text == "[rabbitmq_management,rabbitmq_shovel].\n"
    assert definitions.plugins_in(text) == sorted(names)
    assert definitions.plugins_in("% a comment\n[ rabbitmq_shovel,\n rabbitmq_web_mqtt ].") == [
        "rabbitmq_shovel",
        "rabbitmq_web_mqtt",
    ]
    assert definitions.plugins_in("[].\n") == []


def state(**changes):
    return {"definitions": EXPORTED, "plugins": [], "flags": [], "files": {}, **changes}


@pytest.fixture
def service():
    return {"name": "rabbitmq", "runtime": "docker", "options": {}}


def readings(monkeypatch, *states):
    rest = iter(states)
    monkeypatch.setattr(access, "read", lambda service: next(rest))


def test_two_equal_readings_are_bracketed(monkeypatch, service, tmp_path):
    readings(monkeypatch, state(plugins=["a"]), state(), state())
    result = rabbitmq.dump(service, {}, tmp_path, None)
    assert result["consistency"] == {"kind": "bracketed", "reason": None}


def test_readings_that_all_differ_are_fuzzy_and_the_last_is_what_is_dumped(
    monkeypatch, service, tmp_path
):
    readings(monkeypatch, *(state(plugins=[f"p{number}"]) for number in range(4)))
    result = rabbitmq.dump(service, {}, tmp_path, None)
    assert result["consistency"]["kind"] == "fuzzy"
    assert 'plugin "p2"' in result["consistency"]["reason"]
    assert 'plugin "p3"' in result["checksums"]
    assert (tmp_path / "enabled_plugins").read_text() == "[p3].\n"


def test_configuration_files_are_kept_under_their_paths(monkeypatch, service, tmp_path):
    files = {"/etc/rabbitmq/conf.d/a.conf": b"x = 1\n"}
    readings(monkeypatch, state(files=files), state(files=files))
    result = rabbitmq.dump(service, {}, tmp_path, None)
    kept = tmp_path / "configuration/etc/rabbitmq/conf.d/a.conf"
    assert kept.read_bytes() == b"x = 1\n"
    assert kept.stat().st_mode & 0o077 == 0
    assert 'configuration file "/etc/rabbitmq/conf.d/a.conf"' in result["checksums"]


def test_a_part_takes_along_what_would_go_with_what_is_deleted(exported):
    scope = {"sections": ["queues"], "dependent": ["bindings"], "vhost": None}
    exported["queues"] = exported["queues"][:1]
    exported["bindings"] = exported["bindings"][:2]
    before = change.within(exported, scope)
    again = parts.completed({"queues": [{**before["queues"][0], "durable": False}]}, before, scope)
    assert again["bindings"] == before["bindings"]
    gone = parts.completed({"queues": []}, before, scope)
    assert gone["bindings"] == []


def test_only_what_has_to_be_made_anew_is_deleted(exported):
    wanted = copy.deepcopy(exported)
    wanted["queues"][0]["durable"] = False
    wanted["users"][0]["tags"] = []
    assert change.superfluous("queues", exported, wanted) == exported["queues"][:1]
    assert change.superfluous("users", exported, wanted) == []
    assert change.superfluous("exchanges", exported, {}) == exported["exchanges"]


def test_queues_that_leave_by_themselves_are_in_no_part(exported):
    scope = {"sections": ["queues", "bindings"], "vhost": "shop"}
    found = change.within(exported, scope)
    assert [queue["name"] for queue in found["queues"]] == ["b"]
    assert [each["destination"] for each in found["bindings"]] == ["b", "b", "a"]
