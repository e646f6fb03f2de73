# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing data checksums."""

from __future__ import annotations

from ansible_collections.janus.backup.plugins.module_utils import _checksum

TABLE = {"rows": 3, "digest": "7"}


def test_equal_checksums_have_no_differences() -> None:
    assert _checksum.differences({"table a": TABLE}, {"table a": dict(TABLE)}) == []


def test_a_missing_object_is_named() -> None:
    assert _checksum.differences({"table a": TABLE}, {}) == ["table a: missing"]


def test_an_unexpected_object_is_named() -> None:
    assert _checksum.differences({}, {"table a": TABLE}) == ["table a: not in the backup"]


def test_equal_counts_with_another_digest_are_different() -> None:
    (sentence,) = _checksum.differences({"table a": TABLE}, {"table a": {**TABLE, "digest": "8"}})
    assert sentence == "table a: digest 7 at backup, 8 now"


def test_a_value_that_only_one_side_has_is_a_difference() -> None:
    assert _checksum.differences({"a": {"rows": 1}}, {"a": {"rows": 1, "more": 2}})


def test_the_order_of_keys_does_not_change_a_digest() -> None:
    assert _checksum.digest({"a": 1, "b": 2}) == _checksum.digest({"b": 2, "a": 1})


def test_what_has_expired_since_the_backup_is_not_missing() -> None:
    assert _checksum.differences({"key a": {"digest": "1", "until": 1}}, {}) == []


def test_what_has_not_expired_yet_is_missing() -> None:
    assert _checksum.differences({"key a": {"digest": "1", "until": 2**40}}, {})
