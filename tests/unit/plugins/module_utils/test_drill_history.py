# SPDX-License-Identifier: GPL-3.0-or-later
"""An edited, missing or unsigned report shows."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _drill_history as history
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def fill(directory: Path, number: int = 3, key: Path | None = None) -> list[Path]:
    return [
        history.append(directory, {"drill": f"janus-drill-{n}", "verdict": "proven"}, key)
        for n in range(number)
    ]


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}), encoding="utf-8")


def make_key(path: Path) -> Path:
    quiet = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(quiet, check=True)
    return path


def allow(key: Path) -> Path:
    path = key.with_name("allowed")
    path.write_text(f"operator {key.with_suffix('.pub').read_text()}", encoding="utf-8")
    return path


def test_each_report_names_the_hash_of_the_one_before(tmp_path: Path) -> None:
    first, second, third = fill(tmp_path)
    assert [path.name[:6] for path in (first, second, third)] == ["000001", "000002", "000003"]
    told = [json.loads(path.read_text()) for path in (first, second, third)]
    assert told[0]["previous"] is None
    assert told[2]["previous"] == history.sha256(second)
    assert history.verify(tmp_path, None) == []


def test_there_may_be_no_history_yet(tmp_path: Path) -> None:
    assert history.verify(tmp_path / "none", None) == []
    assert history.read(tmp_path / "none") == []


@pytest.mark.parametrize("number", [0, 1])
def test_an_edited_report_shows(tmp_path: Path, number: int) -> None:
    edit(fill(tmp_path)[number], verdict="failed")
    (problem,) = history.verify(tmp_path, None)
    assert f"00000{number + 2}" in problem
    assert "does not follow" in problem


def test_an_edited_last_report_shows(tmp_path: Path) -> None:
    edit(fill(tmp_path)[2], verdict="failed")
    assert history.verify(tmp_path, None) == ["report 000003 was edited"]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_missing_report_shows(tmp_path: Path, number: int) -> None:
    fill(tmp_path)[number].unlink()
    assert history.verify(tmp_path, None) == [f"report 00000{number + 1} is missing"]


def test_a_report_in_the_place_of_a_missing_last_one_hides_nothing(tmp_path: Path) -> None:
    fill(tmp_path)[2].unlink()
    fill(tmp_path, 1)
    assert history.verify(tmp_path, None) == ["report 000003 is missing"]


def test_a_renamed_report_shows(tmp_path: Path) -> None:
    last = fill(tmp_path)[2]
    last.rename(last.with_name("000004-janus-drill-2.json"))
    assert any("says that it is report 000003" in said for said in history.verify(tmp_path, None))


def test_a_report_that_is_none_shows(tmp_path: Path) -> None:
    fill(tmp_path)[1].write_text("nothing", encoding="utf-8")
    assert any("cannot be read" in said for said in history.verify(tmp_path, None))
    assert len(history.read(tmp_path)) == 2


def test_an_interrupted_append_is_gone_on_with(tmp_path: Path) -> None:
    # Killed after the report was renamed and before its hash was noted.
    fill(tmp_path, 2)
    noted = (tmp_path / ".head").read_text()
    fill(tmp_path, 1)
    (tmp_path / ".head").write_text(noted)
    fill(tmp_path, 1)
    assert history.verify(tmp_path, None) == []
    assert len(history.reports(tmp_path)) == 4


def test_signed_reports_are_those_of_allowed_signers(tmp_path: Path) -> None:
    key = make_key(tmp_path / "key")
    reports = fill(tmp_path / "drills", key=key)
    assert json.loads(reports[0].read_text())["signer"].startswith("SHA256:")
    assert history.verify(tmp_path / "drills", allow(key)) == []
    (tmp_path / "other").mkdir()
    stranger = allow(make_key(tmp_path / "other/key"))
    assert len(history.verify(tmp_path / "drills", stranger)) == 3


def test_a_history_that_was_written_anew_shows_by_its_signatures(tmp_path: Path) -> None:
    key = make_key(tmp_path / "key")
    signatures = [Path(f"{path}.sig") for path in fill(tmp_path / "drills", key=key)]
    (tmp_path / "forged").mkdir()
    for report, signature in zip(fill(tmp_path / "forged"), signatures, strict=True):
        edit(report, signer=json.loads(Path(str(signature)[:-4]).read_text())["signer"])
        Path(f"{report}.sig").write_bytes(signature.read_bytes())
    problems = history.verify(tmp_path / "forged", allow(key))
    assert sum("not signed by an allowed signer" in problem for problem in problems) == 3


def test_a_lost_signature_and_an_unsigned_report_after_a_signed_one_show(tmp_path: Path) -> None:
    key, drills = make_key(tmp_path / "key"), tmp_path / "drills"
    fill(drills, 1)
    assert history.verify(drills, allow(key)) == []  # there was no key then
    Path(f"{fill(drills, 1, key)[0]}.sig").unlink()
    fill(drills, 1)
    lost, unsigned = history.verify(drills, allow(key))
    assert "has lost its signature" in lost
    assert "is not signed, but one before it is" in unsigned


def test_a_key_that_cannot_sign_is_no_reason_to_write_half(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("nothing", encoding="utf-8")
    with pytest.raises(BackupError, match="ssh-keygen failed"):
        fill(tmp_path / "drills", 1, tmp_path / "key")
    assert history.reports(tmp_path / "drills") == []
