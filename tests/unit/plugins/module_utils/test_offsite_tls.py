# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket's server is trusted by the certificates that the target names, and by no others."""

from __future__ import annotations

import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _offsite_place, _rclone, _s3

GONE = b"<?xml version='1.0'?><Error><Code>NoSuchBucket</Code><Message>gone</Message></Error>"


class Answer(http.server.BaseHTTPRequestHandler):
    """What a server says of a bucket that it does not have."""

    def do_GET(self) -> None:
        """Answer as S3 does."""
        self.send_response(404)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(GONE)))
        self.end_headers()
        self.wfile.write(GONE)

    def log_message(self, *_words: Any, **_more: Any) -> None:
        """Say nothing."""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "server.pem"
    command = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(path)]
    subprocess.run(["openssl", *command.split(), *names, *files], check=True, capture_output=True)
    return path


@pytest.fixture
def endpoint(certificate: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("trusted", "code"), [(True, "NoSuchBucket"), (False, "x509")])
def test_the_own_client_trusts_what_the_target_names(
    endpoint: str, certificate: Path, trusted: bool, code: str
) -> None:
    access = _s3.Access(endpoint, "k", "s", "us-east-1", str(certificate) if trusted else None)
    with pytest.raises(_s3.RefusedError) as refused:
        _s3.ask(access, "GET", "/bucket")
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("trusted", "said"),
    [(True, "directory not found"), (False, "the target's certificate is not trusted")],
)
def test_rclone_trusts_what_the_target_names(
    endpoint: str,
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trusted: bool,
    said: str,
) -> None:
    monkeypatch.setenv("RCLONE_CA_CERT", "")
    monkeypatch.delenv("RCLONE_CA_CERT")
    config, target = tmp_path / "rclone.conf", tmp_path / "vault.yml"
    config.write_text(
        f"[vault]\ntype = s3\nprovider = Minio\nendpoint = {endpoint}\n"
        "access_key_id = k\nsecret_access_key = s\nno_check_bucket = true\n"
    )
    named = f"{certificate}" if trusted else "null"
    target.write_text(f"janus_backup_offsite:\n  name: vault\n  ca_file: {named}\n")
    _offsite_place.read(str(target))
    with pytest.raises(_rclone.RcloneError, match=said):
        _rclone.run(config, ["cat", "vault:bucket/copy.json"])
