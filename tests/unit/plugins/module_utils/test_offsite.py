# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided about an off-site copy without a server, a disk or a repository."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import (
    _offsite,
    _offsite_bucket,
    _offsite_copy,
    _offsite_place,
    _offsite_refusals,
    _offsite_state,
    _rclone,
)

DATA = {f"data/0/{number}": 100 for number in range(10)}


def at(clock: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(f"2026-11-25T{clock}:00+00:00")


@pytest.mark.parametrize(
    ("window", "clock", "left"),
    [
        (None, "12:00", None),
        ("22:00-06:00", "21:59", 0),
        ("22:00-06:00", "22:00", 8 * 3600),
        ("22:00-06:00", "00:30", 5.5 * 3600),
        ("22:00-06:00", "06:00", 0),
        ("08:00-18:00", "07:59", 0),
        ("08:00-18:00", "17:30", 1800),
        ("08:00-18:00", "18:00", 0),
    ],
)
def test_a_window_is_open_from_its_first_minute_until_before_its_last(
    window: str | None, clock: str, left: float | None
) -> None:
    assert _offsite.seconds_left(window, at(clock)) == left


def test_a_first_copy_loses_nothing() -> None:
    assert _offsite_copy.loss(DATA, {}, 1, 1) is None


def test_growth_and_files_that_borg_rewrites_lose_nothing() -> None:
    local = {**DATA, "data/0/10": 500, "config": 7, "nonce": 16}
    assert _offsite_copy.loss(local, {**DATA, "config": 6, "nonce": 15}, 1, 1) is None


def test_a_copy_that_would_shrink_is_stopped_with_both_numbers() -> None:
    left = {name: size for name, size in DATA.items() if name < "data/0/7"}
    sentence = _offsite_copy.loss(left, DATA, 29, 75)
    assert sentence is not None
    assert "shrink by 30 % of the 0.0 MB" in sentence
    assert "29 % are allowed" in sentence
    assert _offsite_copy.loss(left, DATA, 30, 75) is None


def test_compaction_may_rewrite_much_but_not_all() -> None:
    rewritten = {f"data/0/{number}": 100 for number in range(8, 18)}
    assert _offsite_copy.loss(rewritten, DATA, 20, 80) is None
    assert "remove or replace 80 %" in str(_offsite_copy.loss(rewritten, DATA, 20, 79))


def test_a_segment_of_another_size_counts_as_replaced() -> None:
    noise = {**DATA, **{f"data/0/{number}": 101 for number in range(8)}}
    assert "remove or replace 80 %" in str(_offsite_copy.loss(noise, DATA, 20, 75))


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("api error RequestTimeTooSkewed: The difference between", "clock"),
        ("api error InvalidAccessKeyId: The Access Key Id you provided", "keys"),
        ("ssh: handshake failed: ssh: unable to authenticate", "keys"),
        ("knownhosts: key mismatch", "keys"),
        ("api error XMinioAdminBucketQuotaExceeded: Bucket quota exceeded", "full"),
        ("write /mnt/nas/x: no space left on device", "full"),
        ("api error NoSuchBucket: The specified bucket does not exist", "gone"),
        ("api error AccessDenied: Access Denied.", "denied"),
        ("dial tcp 192.0.2.1:9000: connect: connection refused", "unreachable"),
        ("dial tcp: lookup vault: no such host", "unreachable"),
        ("read tcp: i/o timeout", "unreachable"),
        ("something nobody thought of", "other"),
    ],
)
def test_what_went_wrong_is_told_apart(words: str, kind: str) -> None:
    assert _rclone.meaning(words)[0] == kind


def test_a_user_of_a_bucket_can_neither_delete_versions_nor_change_it() -> None:
    for writes in (True, False):
        allowed = {
            action
            for statement in _offsite_bucket.policy("b", writes)["Statement"]
            if statement["Effect"] == "Allow"
            for action in statement["Action"]
        }
        assert not allowed & {
            "s3:*",
            "s3:BypassGovernanceRetention",
            "s3:DeleteBucket",
            "s3:DeleteObjectVersion",
            "s3:ForceDeleteBucket",
            "s3:PutBucketObjectLockConfiguration",
            "s3:PutBucketVersioning",
            "s3:PutLifecycleConfiguration",
            "s3:PutObjectRetention",
        }
        assert ("s3:PutObject" in allowed) == ("s3:DeleteObject" in allowed) == writes


def test_the_policy_in_the_docs_is_the_one_that_the_role_makes() -> None:
    text = (Path(__file__).parents[4] / "docs/offsite.md").read_text(encoding="utf-8")
    written = json.loads(text.partition("```json\n")[2].partition("```")[0])
    assert written == _offsite_bucket.policy("janus1", True)


def target(path: Path, **more: Any) -> dict[str, Any]:
    return {
        "name": "nas",
        "type": "path",
        "path": str(path),
        "state": str(path / "state"),
        "metrics": None,
        "repository": "/nosuch/repository",
        "services": [],
        "external": True,
        "data": ["/"],
        **more,
    }


def test_a_path_inside_what_is_backed_up_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "source/inside")
    service = {
        "name": "files",
        "type": "files",
        "runtime": "host",
        "options": {"paths": [str(tmp_path / "source")]},
    }
    asked = target(tmp_path / "link", services=[service], state="/nosuch")
    assert "overlaps with" in str(_offsite_refusals.reason(asked))
    assert _offsite_refusals.reason(target(tmp_path / "other", state="/nosuch")) is None


def test_an_address_of_this_machine_is_refused_by_whatever_name(tmp_path: Path) -> None:
    asked = target(tmp_path, type="s3", endpoint="http://localhost:9000")
    assert "is this node" in str(_offsite_refusals.reason(asked))
    asked = target(tmp_path, type="ssh", host="192.0.2.1", port=22)
    assert _offsite_refusals.reason(asked) is None


def test_the_server_of_a_service_elsewhere_is_refused(tmp_path: Path) -> None:
    service = {"name": "minio", "type": "x", "runtime": "host", "host": "192.0.2.1", "options": {}}
    asked = target(tmp_path, type="s3", endpoint="http://192.0.2.1:9001", services=[service])
    assert "is the server of service minio" in str(_offsite_refusals.reason(asked))


def test_what_is_declared_external_is_refused_on_the_same_disk(tmp_path: Path) -> None:
    asked = target(tmp_path, data=[str(tmp_path)])
    assert "is declared external" in str(_offsite_refusals.same_disk(asked, tmp_path))
    assert _offsite_refusals.same_disk({**asked, "external": False}, tmp_path) is None


def test_state_and_metrics_are_written_whole_and_read_back(tmp_path: Path) -> None:
    asked = target(tmp_path, metrics=str(tmp_path))
    state = _offsite_state.load(asked)
    assert _offsite_state.hours_old(state) < 1
    assert "last_success" not in state
    state |= {
        "status": "copied",
        "last_success": "2026-11-25T02:00:00Z",
        "bytes_moved": 12345678901,
    }
    _offsite_state.save(asked, state)
    assert _offsite_state.load(asked) == state
    text = (tmp_path / "janus_backup_offsite_nas.prom").read_text(encoding="utf-8")
    labels = '{target="nas",type="path"}'
    assert f"janus_backup_offsite_ok{labels} 1\n" in text
    assert f"janus_backup_offsite_last_success_timestamp_seconds{labels} 1795572000\n" in text
    assert f"janus_backup_offsite_moved_bytes{labels} 12345678901\n" in text
    assert json.loads(_offsite_state.path(asked).read_text(encoding="utf-8")) == state


def test_an_old_success_ages_whatever_came_after() -> None:
    state = {"since": "2020-01-01T00:00:00Z", "status": "unreachable"}
    assert _offsite_state.hours_old(state) > 24 * 365
    state["last_success"] = _offsite_state.now()
    assert _offsite_state.hours_old(state) < 0.1


@pytest.mark.parametrize(
    ("kind", "option"),
    [("s3", "--checksum"), ("path", "--checksum"), ("ssh", "--ignore-times")],
)
def test_other_contents_are_found_even_where_there_are_no_checksums(kind: str, option: str) -> None:
    assert _offsite_place.by_contents({"type": kind}) == option
