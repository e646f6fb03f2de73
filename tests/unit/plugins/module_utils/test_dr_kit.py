# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a disaster recovery kit an old one, and what does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.janus.backup.plugins.module_utils import _borg_key, _dr_kit
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

KEY = "BORG_KEY one\n"
RUN = {"node": "janus1", "started": "2026-11-25T02:00:00Z", "configuration": "a" * 64}
NOTED: dict[str, Any] = {
    "format": _dr_kit.FORMAT,
    "format_version": 1,
    "made": "2026-11-24T12:00:00Z",
    "nodes": {"janus1": {"configuration": "a" * 64, "keys": {"l": _borg_key.fingerprint(KEY)}}},
}


def test_a_kit_of_what_is_now_is_not_spoken_of() -> None:
    assert _dr_kit.warnings(NOTED, KEY, RUN) == []


@pytest.mark.parametrize(
    ("noted", "key", "run", "said"),
    [
        (None, None, {}, "there is no disaster recovery kit"),
        (NOTED, KEY, {"node": "janus2"}, "node janus2 is not in the disaster recovery kit"),
        (NOTED, "BORG_KEY two\n", {}, "the repository's key is not in the disaster recovery kit"),
        (NOTED, KEY, {"configuration": "b" * 64}, "the configuration of node janus1 was changed"),
    ],
)
def test_what_was_changed_since_is_told(
    noted: Any, key: str | None, run: dict[str, str], said: str
) -> None:
    (sentence,) = _dr_kit.warnings(noted, key, {**RUN, **run})
    assert said in sentence


def test_an_archive_from_before_the_kit_tells_nothing_of_the_configuration() -> None:
    before = {**RUN, "configuration": "b" * 64, "started": "2026-11-24T02:00:00Z"}
    assert _dr_kit.warnings(NOTED, KEY, before) == []
    without = {key: RUN[key] for key in ("node", "started")}
    assert _dr_kit.warnings(NOTED, KEY, without) == []


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "else", "format_version": 1}'])
def test_what_is_no_kit_is_refused(tmp_path: Path, text: str) -> None:
    assert _dr_kit.read(tmp_path / "kit.json") is None
    (tmp_path / "kit.json").write_text(text, encoding="utf-8")
    with pytest.raises(BackupError, match=r"is not what a kit notes|is of a format"):
        _dr_kit.read(tmp_path / "kit.json")
    (tmp_path / "kit.json").write_text(json.dumps(NOTED), encoding="utf-8")
    assert _dr_kit.read(tmp_path / "kit.json") == NOTED


def test_every_rendered_file_counts_and_no_secret_does(tmp_path: Path) -> None:
    seen = {_dr_kit.configuration(tmp_path)}
    for name in ("jobs/a.yml", "borgmatic.d/a.yaml", "borgmatic.d/partial/a.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one", encoding="utf-8")
        seen.add(_dr_kit.configuration(tmp_path))
    (tmp_path / "jobs/a.yml").write_text("two", encoding="utf-8")
    seen.add(_dr_kit.configuration(tmp_path))
    (tmp_path / "passphrase").write_text("secret", encoding="utf-8")
    seen.add(_dr_kit.configuration(tmp_path))
    assert len(seen) == 5


def test_options_that_may_hold_tokens_are_left_out() -> None:
    text = "# c\nlock_wait: 5\nhealthchecks:\n    ping_url: https://h.example/token\n"
    assert _dr_kit.plain(text, []) == text
    shown = _dr_kit.plain(text, ["healthchecks"])
    assert "token" not in shown
    assert yaml.safe_load(shown)["lock_wait"] == 5
