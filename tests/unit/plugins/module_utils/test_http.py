# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import http.server
import threading

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _http
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

BODY = bytes(range(256)) * 10_000


class Handler(http.server.BaseHTTPRequestHandler):
    received: bytes = b""

    def respond(self, status, body, length=None):
        self.send_response(status)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/whole":
            self.respond(200, BODY)
        elif self.path == "/half":
            self.respond(200, BODY, length=2 * len(BODY))
        elif self.path == "/json" and self.headers["api-key"] == "secret":
            self.respond(200, '{"ü": [1, null]}'.encode())
        elif self.path == "/moved":
            self.respond(302, b"")
        else:
            self.respond(404, b'{"error":\n "no such thing"}')

    def do_POST(self):
        type(self).received = self.rfile.read(int(self.headers["Content-Length"]))
        self.respond(204, b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def service():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        port = listening.server_address[1]
        yield {"runtime": "host", "host": "127.0.0.1", "port": port, "options": {}}
        listening.shutdown()


@pytest.fixture
def server(service):
    return _http.server(service, "Thing", 80, {"api-key": "secret"})


def test_json_is_asked_and_answered_with_the_headers(server):
    assert server.ask("/json") == {"ü": [1, None]}
    assert server.ask("/anything", "POST", {"a": 1}) is None
    assert Handler.received == b'{"a": 1}'


@pytest.mark.parametrize(("path", "status"), [("/missing", 404), ("/moved", 302)])
def test_any_other_status_than_a_success_is_refused(server, path, status):
    with pytest.raises(_http.RefusedError) as caught:
        server.ask(path)
    assert caught.value.status == status
    assert _http.refused(caught.value)
    assert f"{server.place} answered GET {path} with {status} " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_answer_without_json_is_an_error(server):
    with pytest.raises(BackupError, match="answered GET /whole without JSON"):
        server.ask("/whole")


def test_a_file_is_hashed_while_it_comes_and_only_its_owner_reads_it(server, tmp_path):
    target = tmp_path / "file"
    assert server.download("/whole", target) == hashlib.sha256(BODY).hexdigest()
    assert target.read_bytes() == BODY
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_download_that_breaks_off_is_an_error(server, tmp_path):
    with pytest.raises(BackupError, match="broke off in the middle of /half"):
        server.download("/half", tmp_path / "file")


def test_a_file_is_sent_as_a_field_of_a_form(server, tmp_path):
    source = tmp_path / "file"
    source.write_bytes(BODY)
    server.upload("/anything", "snapshot", source)
    head, _, rest = Handler.received.partition(b"\r\n\r\n")
    assert b'name="snapshot"' in head
    boundary = head.split(b"\r\n")[0]
    assert rest == BODY + b"\r\n" + boundary + b"--\r\n"


def test_a_server_that_does_not_answer_is_named(service):
    service["port"] = 1
    server = _http.server(service, "Thing", 80, {})
    with pytest.raises(BackupError, match=r"^cannot reach Thing in 127.0.0.1:1: Connection ref"):
        server.ask("/json")


def test_waiting_ends_with_an_answer_a_refusal_or_the_last_error():
    errors = [BackupError("not yet"), BackupError("not yet")]

    def attempt():
        if errors:
            raise errors.pop()
        return "there"

    assert _http.wait(attempt, 60) == "there"
    with pytest.raises(BackupError, match="never"):
        _http.wait(lambda: (_ for _ in ()).throw(BackupError("never")), 0)
    with pytest.raises(_http.RefusedError):
        _http.wait(lambda: (_ for _ in ()).throw(_http.RefusedError("no", 403)), 60)


def test_certificates_that_cannot_be_read_are_named(service):
    service["options"] = {"tls": True, "ca_file": "/nowhere/ca.pem"}
    with pytest.raises(BackupError, match=r"cannot read the certificates in /nowhere/ca\.pem"):
        _http.server(service, "Thing", 443, {})


def test_the_certificates_to_trust_come_with_a_dump(service, tmp_path):
    _http.keep_certificates(service, tmp_path)
    assert list(tmp_path.iterdir()) == []
    trusted = tmp_path / "trusted"
    trusted.write_text("certificate")
    service["options"] = {"ca_file": str(trusted)}
    _http.keep_certificates(service, tmp_path)
    assert (tmp_path / "ca.pem").read_text() == "certificate"
