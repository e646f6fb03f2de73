# SPDX-License-Identifier: GPL-3.0-or-later
"""Pings reach a server, are tried again, fail nothing and tell nobody the URL."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _ping


class Server(http.server.ThreadingHTTPServer):
    """A check of Healthchecks that refuses the first so many pings."""

    refusals = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pings: list[tuple[str, str]] = []


class Handler(http.server.BaseHTTPRequestHandler):
    """Note what comes."""

    server: Server

    def do_POST(self) -> None:
        """Take a ping."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.pings.append((self.path, body))
        refused, self.server.refusals = self.server.refusals > 0, self.server.refusals - 1
        self.send_response(503 if refused else 200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    threading.Thread(target=found.serve_forever).start()
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def url_file(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(_ping, "_PAUSE", 0.01)
    path = tmp_path / "url"
    path.touch(mode=0o600)
    path.write_text(f"http://127.0.0.1:{server.server_port}/ping/hush-hush\n", encoding="utf-8")
    return str(path)


def test_a_ping_carries_the_signal_and_the_verdict(server: Server, url_file: str) -> None:
    assert _ping.send(url_file, "start")
    assert _ping.send(url_file, "11", "failed")
    assert server.pings == [("/ping/hush-hush/start", ""), ("/ping/hush-hush/11", "failed")]


def test_a_refused_ping_is_tried_again(server: Server, url_file: str) -> None:
    server.refusals = 2
    assert _ping.send(url_file, "0")
    assert len(server.pings) == 3


def test_a_network_that_is_down_fails_nothing_and_tells_no_url(
    server: Server, url_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.refusals = 99
    assert not _ping.send(url_file, "0")
    Path(url_file).write_text("http://127.0.0.1:1/ping/hush-hush", encoding="utf-8")
    assert not _ping.send(url_file, "0")
    Path(url_file).write_text("hush-hush", encoding="utf-8")
    assert not _ping.send(url_file, "0")
    said = capsys.readouterr().err
    assert said.count("did not reach the check") == 3
    assert "hush-hush" not in said


def test_a_url_that_others_can_read_is_refused(
    server: Server, url_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(url_file).chmod(0o644)
    assert not _ping.send(url_file, "0")
    assert server.pings == []
    assert "others than its owner can read it" in capsys.readouterr().err


def test_without_a_check_nothing_is_pinged() -> None:
    assert not _ping.send(None, "start")
