# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle's hash decides whether a node is changed: what is shipped makes it, nothing else."""

from __future__ import annotations

import importlib.util
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "roles/runtime/files/bundle.py"


@pytest.fixture
def module() -> Any:
    spec = importlib.util.spec_from_file_location("bundle", SCRIPT)
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "plugins/deep").mkdir(parents=True)
    (root / "plugins/deep/b.py").write_text("b")
    (root / "plugins/a.py").write_text("a")
    (root / "galaxy.yml").write_text("version: 1")
    return root


def hash_of(module: Any, tree: Path, tmp_path: Path) -> str:
    sources = [str(tree / "plugins"), str(tree / "galaxy.yml")]
    return str(module.bundle(tmp_path, sources)["hash"])


def test_a_bundle_holds_the_files_under_their_names(
    module: Any, tree: Path, tmp_path: Path
) -> None:
    made = module.bundle(tmp_path, [str(tree / "plugins") + "/", str(tree / "galaxy.yml")])
    with tarfile.open(made["file"]) as archive:
        assert archive.getnames() == ["a.py", "deep/b.py", "galaxy.yml"]
    assert made["hash"] in made["file"]


def test_time_bytecode_and_hidden_files_do_not_change_the_hash(
    module: Any, tree: Path, tmp_path: Path
) -> None:
    before = hash_of(module, tree, tmp_path)
    (tree / "plugins/__pycache__").mkdir()
    (tree / "plugins/__pycache__/a.cpython-311.pyc").write_text("bytecode")
    (tree / "plugins/.cache").mkdir()
    (tree / "plugins/.cache/x").write_text("x")
    os.utime(tree / "plugins/a.py", (1, 1))
    (tree / "plugins/a.py").chmod(0o600)
    assert hash_of(module, tree, tmp_path) == before


@pytest.mark.parametrize("change", ["content", "name", "mode", "more"])
def test_what_a_node_would_notice_changes_the_hash(
    module: Any, tree: Path, tmp_path: Path, change: str
) -> None:
    before = hash_of(module, tree, tmp_path)
    path = tree / "plugins/a.py"
    if change == "content":
        path.write_text("A")
    elif change == "name":
        path.rename(tree / "plugins/c.py")
    elif change == "mode":
        path.chmod(0o755)
    else:
        (tree / "plugins/c.py").touch()
    assert hash_of(module, tree, tmp_path) != before


def test_a_source_that_is_missing_is_an_error(module: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="wheels does not exist"):
        module.bundle(tmp_path, [str(tmp_path / "wheels") + "/"])
