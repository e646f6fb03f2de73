# SPDX-License-Identifier: GPL-3.0-or-later
"""The image is a stand-in for Qdrant: Qdrant's own client judges whether it is good enough."""

from __future__ import annotations

import hashlib
import subprocess
import time
import warnings
from uuid import UUID

import pytest
import requests

KEY = "the key"
READ_ONLY_KEY = "the other key"
KEYS = {
    "QDRANT__SERVICE__API_KEY": KEY,
    "QDRANT__SERVICE__READ_ONLY_API_KEY": READ_ONLY_KEY,
}
POINTS = 250
UUID_POINT = "5c56c793-69f3-4fbf-87e6-c4bf54c28c26"


class Server:
    """A container of the image, and requests to it."""

    def __init__(self, container, key=None):
        self.container = container.wait_healthy()
        self.url = f"http://{container.address}:6333"
        self._headers = {"api-key": key} if key else {}

    def ask(self, method, path, body=None, expect=200, **options):
        answer = requests.request(
            method, self.url + path, json=body, headers=self._headers, timeout=60, **options
        )
        assert answer.status_code == expect, answer.text
        if answer.headers["content-type"] != "application/json":
            return answer.content
        content = answer.json()
        return content["result"] if expect == 200 else content["status"]

    def upload(self, collection, snapshot, expect=200, **query):
        path = f"/collections/{collection}/snapshots/upload"
        files = {"snapshot": ("any.snapshot", snapshot)}
        return self.ask("POST", path, expect=expect, params=query, files=files)

    def content(self, collection):
        """Return all that is in a collection, in an order that says nothing of the storage."""
        points, offset = [], None
        while True:
            body = {"limit": 100, "offset": offset, "with_vector": True}
            page = self.ask("POST", f"/collections/{collection}/points/scroll", body)
            points += page["points"]
            offset = page["next_page_offset"]
            if offset is None:
                break
        info = self.ask("GET", f"/collections/{collection}")
        count = self.ask("POST", f"/collections/{collection}/points/count", {"exact": True})
        assert count["count"] == len(points)
        return info["config"], info["payload_schema"], sorted(points, key=lambda p: str(p["id"]))


@pytest.fixture
def start(start_container):
    def start(key=None, **options):
        return Server(start_container("qdrant", **options), key)

    return start


@pytest.fixture(scope="module")
def plain(start_container):
    return Server(start_container("qdrant", environment=KEYS), KEY)


@pytest.fixture(scope="module")
def client(plain):
    from qdrant_client import QdrantClient

    with warnings.catch_warnings():
        # Of a key over plain HTTP; one about versions that do not fit would be an error.
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
        return QdrantClient(url=plain.url, api_key=KEY, prefer_grpc=False)


@pytest.fixture(scope="module")
def filled(plain, client):
    """Fill a collection by Qdrant's client, with every kind of vector and of id."""
    from qdrant_client import models

    client.create_collection(
        "filled",
        vectors_config={
            "text": models.VectorParams(size=4, distance=models.Distance.COSINE),
            "image": models.VectorParams(
                size=3, distance=models.Distance.EUCLID, datatype=models.Datatype.UINT8
            ),
            "tokens": models.VectorParams(
                size=2,
                distance=models.Distance.DOT,
                multivector_config=models.MultiVectorConfig(
                    comparator=models.MultiVectorComparator.MAX_SIM
                ),
            ),
        },
        sparse_vectors_config={"words": models.SparseVectorParams()},
    )
    points = [
        models.PointStruct(
            id=number,
            vector={
                "text": [number / POINTS, 0.25, 0.5, 1.0],
                "image": [number % 256, 1, 2],
                "tokens": [[number, 0.5], [1.0, 2.0]],
                "words": models.SparseVector(indices=[1, number + 2], values=[0.5, 0.25]),
            },
            payload={"number": number, "color": ["red", "blue"][number % 2], "deep": {"é": [None]}},
        )
        for number in range(POINTS)
    ]
    client.upsert("filled", points, wait=True)
    client.upsert("filled", [models.PointStruct(id=UUID_POINT, vector={}, payload=None)])
    client.create_payload_index("filled", "color", models.PayloadSchemaType.KEYWORD)
    client.create_payload_index(
        "filled",
        "number",
        models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=True),
    )
    return plain.content("filled")


@pytest.fixture(scope="module")
def snapshot(plain, filled):
    """Make a snapshot. Return its description and its content."""
    made = plain.ask("POST", "/collections/filled/snapshots")
    return made, plain.ask("GET", f"/collections/filled/snapshots/{made['name']}")


def test_it_says_that_it_is_a_stand_in(plain):
    answer = requests.get(plain.url, timeout=10)
    assert "stand-in" in answer.json()["title"]
    assert "qdrant-edge 0.9.0" in answer.json()["title"]
    assert "stand-in" in answer.json()["version"]
    assert answer.headers["Server"] == "qdrant-stand-in (qdrant-edge 0.9.0)"
    assert "stand-in" in plain.container.logs().splitlines()[0]


def test_what_the_client_writes_it_reads(client, filled):
    from qdrant_client import models

    record = client.retrieve("filled", [7], with_vectors=True)[0]
    assert record.payload == {"number": 7, "color": "blue", "deep": {"é": [None]}}
    assert record.vector["image"] == [7.0, 1.0, 2.0]
    assert record.vector["tokens"] == [[7.0, 0.5], [1.0, 2.0]]
    assert record.vector["words"] == models.SparseVector(indices=[1, 9], values=[0.5, 0.25])
    assert sum(number**2 for number in record.vector["text"]) == pytest.approx(1)
    assert UUID(client.retrieve("filled", [UUID_POINT])[0].id) == UUID(UUID_POINT)
    assert client.count("filled", exact=True).count == POINTS + 1
    schema = client.get_collection("filled").payload_schema
    assert schema["color"].data_type == models.PayloadSchemaType.KEYWORD
    assert schema["number"].points == POINTS
    assert schema["number"].params.range is True


def test_the_client_filters_and_searches(client, filled):
    from qdrant_client import models

    chosen = models.Filter(
        must=[
            models.FieldCondition(key="color", match=models.MatchValue(value="red")),
            models.FieldCondition(key="number", range=models.Range(gte=100, lt=110)),
        ],
        must_not=[models.HasIdCondition(has_id=[104])],
    )
    assert client.count("filled", count_filter=chosen).count == 4
    page, following = client.scroll("filled", scroll_filter=chosen, limit=3)
    assert [[point.id for point in page], following] == [[100, 102, 106], 108]

    nearest = client.query_points("filled", query=[9, 1, 2], using="image", limit=1)
    assert nearest.points[0].id == 9
    assert client.query_points("filled", query=11, using="image", limit=2).points[0].id in (10, 12)
    fused = client.query_points(
        "filled",
        prefetch=[
            models.Prefetch(query=[9, 1, 2], using="image"),
            models.Prefetch(query=models.SparseVector(indices=[11], values=[1.0]), using="words"),
        ],
        query=models.FusionQuery(fusion=models.Fusion.RRF),
        limit=1,
    )
    assert fused.points[0].id == 9


def test_points_change_and_go(client):
    from qdrant_client import models

    client.create_collection("changing", models.VectorParams(size=2, distance=models.Distance.DOT))
    client.upsert(
        "changing", models.Batch(ids=[1, 2, 3], vectors=[[1, 1], [2, 2], [3, 3]], payloads=None)
    )
    client.set_payload("changing", {"a": 1, "b": 2}, points=[1, 2])
    client.delete_payload("changing", ["a"], points=[1])
    client.overwrite_payload("changing", {"c": 3}, points=[2])
    client.update_vectors("changing", [models.PointVectors(id=1, vector=[4, 4])])
    client.delete("changing", models.PointIdsList(points=[3]))
    records, _ = client.scroll("changing", with_vectors=True)
    assert [(each.id, each.payload, each.vector) for each in records] == [
        (1, {"b": 2}, [4.0, 4.0]),
        (2, {"c": 3}, [2.0, 2.0]),
    ]
    assert client.collection_exists("changing")
    client.delete_collection("changing")
    assert not client.collection_exists("changing")


def test_aliases_change_all_or_none(plain, client, filled):
    from qdrant_client import models

    def create(alias, collection):
        action = models.CreateAlias(collection_name=collection, alias_name=alias)
        return models.CreateAliasOperation(create_alias=action)

    client.update_collection_aliases([create("current", "filled"), create("also", "filled")])
    with pytest.raises(Exception, match="404"):
        client.update_collection_aliases([create("third", "filled"), create("fourth", "none")])
    delete = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name="also"))
    client.update_collection_aliases([delete])
    expected = [models.AliasDescription(alias_name="current", collection_name="filled")]
    assert client.get_aliases().aliases == expected
    assert client.get_collection_aliases("filled").aliases == expected
    assert client.count("current").count == POINTS + 1


def test_a_snapshot_has_the_checksum_that_it_is_said_to_have(plain, snapshot):
    made, content = snapshot
    assert made["checksum"] == hashlib.sha256(content).hexdigest()
    assert made["size"] == len(content)
    assert made in plain.ask("GET", "/collections/filled/snapshots")


def test_a_snapshot_makes_the_same_collection_elsewhere(plain, start, snapshot, filled):
    made, content = snapshot
    other = start()
    other.upload("filled", content, checksum=made["checksum"], priority="snapshot", wait="true")
    assert other.content("filled") == filled
    # Aliases are not part of it, as with the server.
    assert other.ask("GET", "/aliases") == {"aliases": []}

    location = f"{plain.url}/collections/filled/snapshots/{made['name']}"
    body = {"location": location, "api_key": KEY, "checksum": made["checksum"]}
    other.ask("PUT", "/collections/by-address/snapshots/recover", body, params={"wait": "true"})
    assert other.content("by-address") == filled


def test_the_client_goes_back_to_a_snapshot(plain, client, filled):
    made = client.create_snapshot("filled")
    client.delete("filled", points_selector=[1, 2, 3])
    client.delete_payload_index("filled", "color")
    assert plain.content("filled") != filled

    location = f"file:///qdrant/snapshots/filled/{made.name}"
    assert client.recover_snapshot("filled", location, checksum=made.checksum)
    assert plain.content("filled") == filled
    client.delete_snapshot("filled", made.name)
    assert made.name not in [each.name for each in client.list_snapshots("filled")]


def test_what_is_no_good_snapshot_is_refused_and_changes_nothing(plain, snapshot, filled):
    made, content = snapshot
    assert "checksum" in plain.upload("filled", content, expect=400, checksum="0" * 64)["error"]
    assert "no snapshot" in plain.upload("filled", content[:20000], expect=400)["error"]
    assert plain.content("filled") == filled

    config = {"vectors": {"size": 5, "distance": "Dot"}}
    plain.ask("PUT", "/collections/other", config)
    refusal = plain.upload("other", content, expect=400, checksum=made["checksum"])
    assert "not compatible" in refusal["error"]
    recover = "/collections/other/snapshots/recover"
    refusal = plain.ask("PUT", recover, {"location": "file:///etc/passwd"}, expect=400)
    assert "snapshots directory" in refusal["error"]
    assert plain.content("other")[2] == []


def test_a_snapshot_may_be_made_without_waiting(plain, filled, client):
    before = {each.name for each in client.list_snapshots("filled")}
    snapshots = "/collections/filled/snapshots"
    assert plain.ask("POST", snapshots, expect=202, params={"wait": "false"}) == "accepted"
    names = set()
    deadline = time.monotonic() + 30
    while not names and time.monotonic() < deadline:
        time.sleep(0.1)
        names = {each.name for each in client.list_snapshots("filled")} - before
    assert len(names) == 1


def test_a_key_is_asked_for(plain, filled):
    def status(path, key=None, method="GET"):
        headers = {"api-key": key} if key else {}
        body = {} if method == "POST" else None
        return requests.request(
            method, plain.url + path, headers=headers, json=body, timeout=10
        ).status_code

    assert [status(path) for path in ("/", "/healthz", "/readyz", "/livez")] == [200] * 4
    assert [status("/collections", key) for key in (None, "wrong")] == [401, 401]
    assert [status("/collections", key) for key in (KEY, READ_ONLY_KEY)] == [200, 200]
    points, snapshots = "/collections/filled/points/scroll", "/collections/filled/snapshots"
    assert status(points, READ_ONLY_KEY, "POST") == 200
    assert status(snapshots, READ_ONLY_KEY, "POST") == 403
    bearer = {"Authorization": f"Bearer {KEY}"}
    assert requests.get(f"{plain.url}/collections", headers=bearer, timeout=10).ok


def test_mistakes_are_answered_as_the_server_does(plain, filled):
    def error(method, path, body, expect):
        return plain.ask(method, path, body, expect)["error"]

    assert "doesn't exist" in error("GET", "/collections/none", None, 404)
    config = {"vectors": {"size": 2, "distance": "Dot"}}
    assert "already exists" in error("PUT", "/collections/filled", config, 409)
    wrong = {"points": [{"id": 1, "vector": {"text": [1.0]}}]}
    assert "dim" in error("PUT", "/collections/filled/points", wrong, 400)
    unknown = {"filter": {"must": [{"key": "a", "looks_like": 1}]}}
    assert "looks_like" in error("POST", "/collections/filled/points/scroll", unknown, 400)
    # What the stand-in does not have it must not seem to have.
    assert "stand-in has no" in error("POST", "/snapshots", None, 404)


@pytest.mark.parametrize("end", ["TERM", "KILL"])
def test_data_outlives_the_container(start, volume, end):
    first = start(volumes={volume: "/qdrant/storage"})
    first.ask("PUT", "/collections/kept", {"vectors": {"size": 2, "distance": "Dot"}})
    point = {"id": 1, "vector": [1.0, 2.0], "payload": {"a": "b"}}
    alias = {"create_alias": {"collection_name": "kept", "alias_name": "alias"}}
    first.ask("POST", "/collections/aliases", {"actions": [alias]})
    first.ask("PUT", "/collections/kept/index", {"field_name": "a", "field_schema": "keyword"})
    first.ask("PUT", "/collections/kept/points", {"points": [point]}, params={"wait": "true"})
    content = first.content("alias")
    subprocess.run(["docker", "kill", "-s", end, first.container.name], check=True)
    first.container.wait_exit()

    again = start(volumes={volume: "/qdrant/storage"})
    assert again.content("alias") == content
    assert content[2] == [point]


def test_it_serves_tls(start_container, tmp_path):
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=qdrant", "-keyout", "key.pem", "-out", "cert.pem"),
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    environment = {
        "QDRANT__SERVICE__ENABLE_TLS": "true",
        "QDRANT__TLS__CERT": "/tls/cert.pem",
        "QDRANT__TLS__KEY": "/tls/key.pem",
    }
    container = start_container(
        "qdrant", environment=environment, volumes={str(tmp_path): "/tls:ro"}
    ).wait_healthy()
    url = f"https://{container.address}:6333/collections"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert requests.get(url, verify=False, timeout=10).json()["status"] == "ok"
