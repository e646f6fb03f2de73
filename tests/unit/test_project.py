# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold for the project as a whole, whoever adds to it."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.parent.parent for path in ROOT.glob("roles/*/tasks/main.yml"))
MODULES = sorted(ROOT.glob("plugins/modules/*.py"))
SERVICES = sorted(ROOT.glob("plugins/module_utils/_services/[a-z]*.py"))
PLUGINS = sorted(ROOT.glob("plugins/**/*.py"))

# In two parts, so that this file does not mention them either.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry-1.docker", "io"),
        ("hub.docker", "com"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("gcr", "io"),
        ("galaxy.ansible", "com"),
        ("proxy.golang", "org"),
        ("repo1.maven", "org"),
        ("repo.maven.apache", "org"),
        ("registry.npmjs", "org"),
        ("deb.debian", "org"),
        ("security.debian", "org"),
        ("archive.ubuntu", "com"),
    )
]
# `docker.io` is also a Debian package; with a path behind it, it is the registry.
REGISTRY = re.compile("|".join(map(re.escape, REGISTRIES)) + r"|\bdocker\.io/")


def project_files() -> list[Path]:
    """Return every file that is in git or would be added to it."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def python_files() -> list[Path]:
    return [path for path in project_files() if path.suffix == ".py"]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def constants(path: Path) -> dict[str, str]:
    """Return the strings that a file assigns to names at its top level."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def imports(path: Path) -> set[str]:
    """Return the dotted names that a file imports, relative ones with their dots."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found |= {f"{base}.{alias.name}" for alias in node.names} | {base}
    return found


@pytest.mark.parametrize("found", [ROLES, MODULES, SERVICES], ids=["roles", "modules", "services"])
def test_there_is_something_to_check(found: list[Path]) -> None:
    assert found


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_specs_of_a_role_name_the_same_variables_as_its_defaults(role: Path) -> None:
    specs = load(role / "meta/argument_specs.yml")["argument_specs"]
    entries = [spec.get("options", {}) for spec in specs.values()]
    options = {key: option for entry in entries for key, option in entry.items()}
    optional = {key for key, option in options.items() if not option.get("required")}
    file = role / "defaults/main.yml"
    defaults = (load(file) or {}) if file.exists() else {}
    assert set(defaults) == optional
    # The declaration is shared by the roles; what is one role's own carries its name.
    shared_or_own = ("janus_backup_", f"{role.name}_")
    assert all(f"{key}_".startswith(shared_or_own) for key in options)
    stated = {key: options[key]["default"] for key in optional if "default" in options[key]}
    assert stated == {key: defaults[key] for key in stated}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_has_a_readme_and_metadata(role: Path) -> None:
    missing = [name for name in ("README.md", "meta/main.yml") if not (role / name).is_file()]
    assert not missing


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_a_module_is_documented(module: Path) -> None:
    texts = constants(module)
    for name in ("DOCUMENTATION", "EXAMPLES", "RETURN"):
        assert yaml.safe_load(texts.get(name, "")), f"{name} is missing or empty"
    assert yaml.safe_load(texts["DOCUMENTATION"])["module"] == module.stem


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.stem)
def test_a_service_has_its_three_modules_and_a_unit_test(service: Path) -> None:
    modules = {path.stem for path in MODULES}
    assert {f"{service.stem}_{verb}" for verb in ("dump", "restore", "info")} <= modules
    assert list(ROOT.glob(f"tests/unit/**/test_*{service.stem}*.py"))


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.stem)
def test_a_service_has_its_functions_in_their_order(service: Path) -> None:
    body = ast.parse(service.read_text(encoding="utf-8")).body
    public = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    functions = ["check", "quiesce", "resume", "dump", "checksum", "query", "restore"]
    assert [name for name in public if not name.startswith("_")] == functions
    assert constants(service).get("SMOKE"), "SMOKE, the text of a smoke query, is missing"


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.stem)
def test_a_service_knows_neither_ansible_nor_another_service(service: Path) -> None:
    others = {path.stem for path in SERVICES} - {service.stem}
    named = {part for name in imports(service) for part in name.split(".")}
    assert not any(name.split(".")[0] == "ansible" for name in imports(service))
    assert not named & others


def test_shared_code_names_no_service() -> None:
    services = {path.stem for path in SERVICES}
    names = "|".join(services)
    own = re.compile(rf"({names})(_.*)?|_({names})_.*")
    shared = [path for path in PLUGINS if not own.fullmatch(path.stem)]
    naming = {
        relative(path)
        for path in shared
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in services
    }
    assert not naming


def test_no_file_names_a_registry() -> None:
    naming = {
        relative(path)
        for path in project_files()
        if REGISTRY.search(path.read_text(encoding="utf-8", errors="replace"))
    }
    assert not naming


def test_every_python_file_states_its_licence() -> None:
    text = "SPDX-License-Identifier: GPL-3.0-or-later"
    silent = {relative(path) for path in python_files() if text not in path.read_text("utf-8")}
    assert not silent


def test_python_files_stay_short(capsys: pytest.CaptureFixture[str]) -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in python_files()}
    median = statistics.median(lengths.values())
    longest = max(lengths, key=lambda path: lengths[path])
    with capsys.disabled():
        print(f"\nPython files: {len(lengths)}, median {median:g} lines, ", end="")
        print(f"longest {lengths[longest]} ({relative(longest)})")
    assert median < 150


def test_a_package_is_pinned_once() -> None:
    pins: dict[str, set[str]] = {}
    for path in sorted(ROOT.glob("requirements/*")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                name, version = line.split("==")
                pins.setdefault(name.lower(), set()).add(version)
    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}
