# SPDX-License-Identifier: GPL-3.0-or-later
"""Bolt without a server: what it looks like on the wire, and what becomes of what comes back."""

from __future__ import annotations

import io
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_bolt as bolt,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_checksums as checksums,
)

AGREED = "00000005"
SUCCESS = "b170a0"
WELCOME = "b170a1 86736572766572 89 4e656f346a2f352e32"  # {server: Neo4j/5.2}
FAILURE = "b17fa2 84636f6465 8158 876d657373616765 d007 6e6f0a20776179"  # {code: X, message: …}


def chunk(message: str) -> bytes:
    """Return a message, in hexadecimal, in one chunk."""
    body = bytes.fromhex(message)
    return len(body).to_bytes(2, "big") + body + b"\0\0"


def session(*messages: str | bytes, agreed: str = AGREED) -> tuple[bolt.Session, io.BytesIO]:
    """Return a session with a server that says these, and what it is told."""
    said = [each if isinstance(each, bytes) else chunk(each) for each in messages]
    told = io.BytesIO()
    answers = io.BytesIO(bytes.fromhex(agreed) + b"".join(said))
    return bolt.Session(answers, told, "Neo4j in neo"), told


def messages(told: io.BytesIO) -> list[tuple[int, list[Any]]]:
    """Return tag and fields of each message that a server was told after the handshake."""
    said, found = told.getvalue()[20:], []
    while said:
        body = b""
        while size := int.from_bytes(said[:2], "big"):
            body, said = body + said[2 : 2 + size], said[2 + size :]
        said = said[2:]
        found.append(tuple(bolt.unpacked(body)[0]))
    return found


# Encodings from neo4j.com/docs/bolt/current/packstream
@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        ("c0", None),
        ("c2", False),
        ("c3", True),
        ("2a", 42),
        ("f0", -16),
        ("c8d6", -42),
        ("c904d2", 1234),
        ("caffff0000", -65536),
        ("cb8000000000000000", -9223372036854775808),
        ("c13ff3ae147ae147ae", 1.23),
        ("cc03010203", b"\1\2\3"),
        ("cd0001ff", b"\xff"),
        ("80", ""),
        ("8141", "A"),
        ("d012 47 72 c3 b6 c3 9f 65 6e 6d 61 c3 9f 73 74 c3 a4 62 65", "Größenmaßstäbe"),
        ("d10001 41", "A"),
        ("d200000001 41", "A"),
        ("90", []),
        ("93 01 8161 c0", [1, "a", None]),
        ("d401 90", [[]]),
        ("d50001 01", [1]),
        ("d600000001 01", [1]),
        ("a1 8161 91c3", {"a": [True]}),
        ("d801 8161 01", {"a": 1}),
        ("b1 44 c9 4e20", bolt.Structure((0x44, [20000]))),
    ],
)
def test_every_type_is_understood_to_its_end(encoded: str, value: Any) -> None:
    data = bytes.fromhex(encoded)
    found, end = bolt.unpacked(b"\xff" + data + b"\xff", 1)
    assert (found, end) == (value, 1 + len(data))
    assert type(found) is type(value)


@pytest.mark.parametrize("value", ["", "ü" * 70_000, -1, -42, 1000, {"n": -1}, {"a": "b", "c": {}}])
def test_what_is_sent_can_be_read_back(value: Any) -> None:
    assert bolt.unpacked(bolt.packed(value))[0] == value


def test_rows_come_in_any_chunks_and_between_empty_ones() -> None:
    nothing, cut = b"\0\0", bytes.fromhex("0002 b171 0003 91d002 0002 6162 0000")
    opened, told = session(WELCOME, SUCCESS, nothing, nothing, cut, "b1719107", SUCCESS)
    opened.log_in("neo4j", "geheim")
    assert opened.version == "5.2"
    assert opened.rows("neo4j", "RETURN 1") == [["ab"], [7]]
    opened.close()
    handshake, said = told.getvalue()[:20], messages(told)
    assert handshake == bytes.fromhex("6060b017 00000005") + bytes(12)
    login = {"scheme": "basic", "principal": "neo4j", "credentials": "geheim"}
    assert said == [
        (0x01, [{"user_agent": "janus.backup", **login}]),
        (0x10, ["RETURN 1", {}, {"mode": "r", "db": "neo4j"}]),
        (0x3F, [{"n": -1}]),
        (0x02, []),
    ]


def test_without_a_user_nothing_is_told_of_one_and_without_a_database_it_is_the_users_own() -> None:
    opened, told = session(WELCOME, SUCCESS, SUCCESS)
    opened.log_in(None, "")
    opened.rows(None, "RETURN 1", mode="w")
    hello, run, _pull = messages(told)
    assert hello == (0x01, [{"user_agent": "janus.backup", "scheme": "none"}])
    assert run == (0x10, ["RETURN 1", {}, {"mode": "w"}])


def test_a_long_statement_is_sent_in_chunks() -> None:
    opened, told = session(SUCCESS, SUCCESS)
    assert opened.rows(None, "x" * 70_000) == []
    said = told.getvalue()[20:]
    first = int.from_bytes(said[:2], "big")
    second = int.from_bytes(said[2 + first : 4 + first], "big")
    assert first == 0xFFFF
    assert said[4 + first + second :][:2] == b"\0\0"


def test_a_refusal_is_one_sentence_in_the_servers_words() -> None:
    opened, _told = session(FAILURE)
    with pytest.raises(BackupError, match=r"^Neo4j in neo refuses: no way$"):
        opened.log_in("neo4j", "wrong")


def test_a_refusal_in_the_middle_of_rows_is_no_end_of_them() -> None:
    opened, _told = session(SUCCESS, "b1719107", FAILURE)
    rows = opened.read("neo4j", "RETURN 1")
    assert next(rows) == b"\x91\x07"
    with pytest.raises(BackupError, match="refuses: no way"):
        next(rows)


@pytest.mark.parametrize("last", [b"", b"\0", chunk("b1719107")[:-3]], ids=["row", "size", "chunk"])
def test_a_connection_that_ends_among_rows_is_no_end_of_them(last: bytes) -> None:
    opened, _told = session(SUCCESS, "b1719107", last)
    with pytest.raises(bolt.LostConnection, match="has closed the connection"):
        opened.rows("neo4j", "RETURN 1")


def test_a_server_of_another_version_is_told_apart() -> None:
    with pytest.raises(BackupError, match=r"speaks no Bolt 5\.0"):
        session(agreed="00000000")


NODE = "b171 92 94 846e6f6465 856e656f346a 8141 8142 92 8130 91 92 816b {}"
OTHER = "b171 92 93 846e6f6465 856e656f346a 8141 92 8131 90"
RELATIONSHIP = (
    "b171 92 93 8c72656c6174696f6e73686970 856e656f346a 8154 94 8130 8130 8131 91 92 816b {}"
)
INDEX = "b171 92 93 85696e646578 856e656f346a 8169 91 a2 {}"
USER = "b171 92 92 8475736572 8175 91 c0"
OPTIONS = "8161 01 8162 02"


def read(
    node: str = "01", relationship: str = "01", options: str = OPTIONS, nodes: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the checksums of a server with a node with the labels A and B, others that are given,
    a relationship, an index with options, and a user.
    """
    rows = [NODE.format(node), *nodes]
    opened, _told = session(
        *(SUCCESS, *rows, SUCCESS),
        *(SUCCESS, RELATIONSHIP.format(relationship), SUCCESS),
        *(SUCCESS, INDEX.format(options), SUCCESS),
        *(SUCCESS, SUCCESS),
        *(SUCCESS, USER, SUCCESS),
    )
    return checksums.read(opened, ["neo4j"])


NODES_A, NODES_B, RELATIONS, INDEXED = (
    f'database "neo4j" {name}'
    for name in (
        'nodes with label "A"',
        'nodes with label "B"',
        'relationships of type "T"',
        'index "i"',
    )
)


def test_every_object_has_a_digest_of_the_present_way() -> None:
    found = read()
    assert list(found) == [NODES_A, NODES_B, RELATIONS, INDEXED, 'user "u"']
    assert {value["digest"][:2] for value in found.values()} == {checksums.WAY}
    assert (found[NODES_A]["count"], found[RELATIONS]["count"]) == (1, 1)


FLOAT = "c13ff0000000000000"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"node": FLOAT}, {NODES_A, NODES_B}),
        ({"relationship": FLOAT}, {RELATIONS}),
        ({"options": "8161 01 8162 03"}, {INDEXED}),
        ({"options": "8162 02 8161 01"}, set()),  # the order in a mapping means nothing
    ],
)
def test_a_change_is_seen_where_it_is(changed: dict[str, Any], named: set[str]) -> None:
    one, other = read(), read(**changed)
    assert {name for name, value in other.items() if value != one[name]} == named


def test_a_day_on_a_relationship_is_no_list_of_numbers() -> None:
    day, numbers = "b1 44 01", "92 44 91 01"
    assert read(relationship=day)[RELATIONS] != read(relationship=numbers)[RELATIONS]


def test_rows_of_different_kinds_may_take_turns() -> None:
    node = NODE.format("01")
    found = read(nodes=(OTHER, node, OTHER))
    assert (found[NODES_A]["count"], found[NODES_B]["count"]) == (4, 2)
    assert found == read(nodes=(node, OTHER, OTHER))
