# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _qdrant_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _qdrant_checksums as checksums,
)
from ansible_collections.janus.backup.plugins.module_utils._services import qdrant


class Api:
    """A server with snapshots of one collection."""

    def __init__(self, *names):
        self.names = list(names)

    def snapshots(self, collection):
        return [{"name": name, "creation_time": f"2026-01-0{name[-1]}"} for name in self.names]

    def remove_snapshot(self, collection, name):
        self.names.remove(name)


@pytest.fixture
def service(tmp_path):
    return {"name": "qdrant", "job": "nightly", "state_directory": str(tmp_path), "options": {}}


@pytest.fixture
def ours(service):
    return access.Ours(service)


def test_a_snapshot_whose_name_is_noted_is_removed_and_no_other(ours):
    ours.note("c", ["s1"], "s2")
    api = Api("s1", "s2", "s3")
    ours.sweep(api)
    assert api.names == ["s1", "s3"]
    ours.sweep(api)
    assert api.names == ["s1", "s3"]


def test_a_snapshot_that_was_only_asked_for_is_the_first_that_came_after(ours):
    ours.note("c", ["s1"])
    api = Api("s3", "s2", "s1")
    ours.sweep(api)
    assert api.names == ["s3", "s1"]


def test_a_snapshot_that_has_not_appeared_stays_noted(ours):
    ours.note("c", ["s1"])
    api = Api("s1")
    ours.sweep(api)
    api.names.append("s2")
    ours.sweep(api)
    assert api.names == ["s1"]


def test_what_is_forgotten_is_not_removed(ours):
    ours.note("c", [], "s1")
    ours.note("d", [], "s1")
    ours.forget("c")
    ours.forget_all()
    api = Api("s1")
    ours.sweep(api)
    assert api.names == ["s1"]


def test_the_notes_of_two_jobs_are_apart(service, ours):
    ours.note("c", [], "s1")
    api = Api("s1")
    access.Ours({**service, "job": "other"}).sweep(api)
    assert api.names == ["s1"]


def test_a_resume_without_a_server_leaves_the_note_for_the_next_run(monkeypatch, service, ours):
    def refuse(service):
        raise BackupError("cannot reach it")

    monkeypatch.setattr(access, "Api", refuse)
    ours.note("c", [], "s1")
    qdrant.resume({"service": service})
    qdrant.resume({})
    api = Api("s1")
    ours.sweep(api)
    assert api.names == []


POINT = {
    "id": 1,
    "payload": {"a": 1, "b": [None]},
    "vector": {"dense": [0.1, 2.0], "sparse": {"indices": [7, 3], "values": [0.5, 1.5]}},
}


def changed(**what):
    return checksums.of_point({**POINT, **what})


def test_a_point_is_the_same_whatever_the_order_of_its_parts():
    vector = {"sparse": {"values": [1.5, 0.5], "indices": [3, 7]}, "dense": [0.1, 2.0]}
    assert changed(payload={"b": [None], "a": 1}, vector=vector) == changed()


@pytest.mark.parametrize(
    "what",
    [
        {"id": "1"},
        {"payload": {"a": 1.0, "b": [None]}},
        {"payload": {"a": 1, "b": []}},
        {"vector": {"dense": [2.0, 0.1], "sparse": POINT["vector"]["sparse"]}},
        {"vector": {"dense": [0.1, 2.0]}},
        {"shard_key": "eu"},
    ],
)
def test_a_point_is_another_with_any_other_value(what):
    assert changed(**what) != changed()


def test_a_missing_payload_is_an_empty_one():
    assert changed(payload=None) == changed(payload={})


def test_the_progress_of_an_index_is_not_compared_but_its_kind_is():
    def of(**schema):
        return checksums.of_nature("c", {"config": {}, "payload_schema": {"f": schema}})

    assert of(data_type="keyword", points=3) == of(data_type="keyword", points=4)
    assert of(data_type="keyword") != of(data_type="integer")


def test_points_are_read_page_by_page_and_their_order_does_not_matter():
    class Scrolled:
        def __init__(self, points):
            self.points = points

        def ask(self, path, method="GET", body=None):
            if not path.endswith("/scroll"):
                return {"config": {}, "payload_schema": {}}
            place = body["offset"] or 0
            following = place + 1 if place + 1 < len(self.points) else None
            return {"points": self.points[place : place + 1], "next_page_offset": following}

    points = [{**POINT, "id": number} for number in (1, 2, 3)]
    found = checksums.of_collection(Scrolled(points), "c")
    assert found['collection "c" points']["points"] == 3
    assert found == checksums.of_collection(Scrolled(points[::-1]), "c")


def test_every_vector_counts_for_the_guess_of_the_space():
    assert qdrant._floats({"vectors": {"size": 4, "distance": "Dot"}}) == 4
    assert qdrant._floats({"vectors": {"a": {"size": 4}, "b": {"size": 2}}}) == 6
    assert qdrant._floats({}) == 0
