# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles render from a declaration is what borgmatic, Borg and a run's programs expect."""

from __future__ import annotations

import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = {
    "job.yml": "borgmatic/templates/job.yml.j2",
    "borgmatic.yaml": "borgmatic/templates/borgmatic.yaml.j2",
    "partial.yaml": "borgmatic/templates/partial.yaml.j2",
    "unit.service": "schedule/templates/job.service.j2",
}
SMALL: dict[str, Any] = {
    "janus_backup_services": [
        {
            "name": "postgresql",
            "type": "postgresql",
            "container": "janus-postgresql",
            "user": "janus",
            "password": "Wd3-service",
        },
        {
            "name": "bare",
            "type": "postgresql",
            "runtime": "host",
            "after": ["postgresql"],
            "checks": [{"name": "one", "query": "SELECT '1'", "expect": "1"}],
        },
    ],
    "janus_backup_passphrase": "Wd3-passphrase",
}
LARGE: dict[str, Any] = {
    **SMALL,
    "janus_backup_jobs": [
        {"name": "nightly", "services": ["bare"], "keep": {"hourly": 3}},
        {"name": "weekly"},
    ],
    "janus_backup_repositories": [
        {"path": "/mnt/disk/janus.borg", "label": "disk"},
        {"path": "ssh://backup@host/./janus.borg", "label": "host"},
    ],
    "janus_backup_encryption": "repokey-blake2",
    "janus_backup_images": True,
    "janus_backup_node": "node-1.example.org",
    "janus_backup_compression": "lz4",
    "janus_backup_chunker_params": "buzhash,10,23,14,4095",
    "janus_backup_checks": [],
    "janus_backup_keep_partial": "2w",
    "janus_backup_lock_wait": 60,
    "janus_backup_retries": 2,
    "janus_backup_retry_wait": 5,
    "janus_backup_ssh_command": "ssh -i /etc/janus-backup/key",
    "janus_backup_borgmatic_options": {
        "sqlite_databases": [{"name": "other", "path": "/srv/other.db"}],
        "healthchecks": {"ping_url": "https://h.example/1"},
        "commands": [{"after": "error", "run": ["logger failed"]}],
    },
    "janus_backup_writable_paths": ["/srv/bare"],
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, play: Any) -> Path:
    """Return a directory with what is rendered from each declaration."""
    directory = tmp_path_factory.mktemp("rendering")
    files = [
        str(ROOT / f"roles/{role}/{kind}/main.yml")
        for role in ("borgmatic", "schedule")
        for kind in ("defaults", "vars")
    ]
    for name, declaration in {"small": SMALL, "large": LARGE}.items():
        (directory / name).mkdir()
        (directory / f"{name}.yml").write_text(yaml.safe_dump(declaration), encoding="utf-8")
    tasks = [
        {
            "ansible.builtin.template": {
                "src": str(ROOT / "roles" / template),
                "dest": f"{{{{ inventory_hostname }}}}/{target}",
                "mode": "0600",
            },
            "loop": "{{ _janus_backup_jobs[:1] }}",
        }
        for target, template in TEMPLATES.items()
    ]
    plays = [
        {
            "hosts": name,
            "gather_facts": False,
            "vars": {"role_path": str(ROOT / "roles/declaration")},
            "vars_files": [*files, f"{name}.yml"],
            "roles": ["janus.backup.declaration"],
            "tasks": tasks,
        }
        for name in ("small", "large")
    ]
    done = play(directory, {"small": {}, "large": {}}, plays)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return directory


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["small", "large"])
@pytest.mark.parametrize("file", ["borgmatic.yaml", "partial.yaml"])
def test_borgmatic_accepts_its_files(rendered: Path, name: str, file: str) -> None:
    borgmatic = Path(sys.executable).with_name("borgmatic")
    command = [str(borgmatic), "config", "validate", "--config", str(rendered / name / file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["small", "large"])
def test_options_that_are_rendered_cannot_be_set_a_second_time(rendered: Path, name: str) -> None:
    reserved = set(load(ROOT / "roles/declaration/vars/main.yml")["_janus_backup_rendered_options"])
    others = {"commands", *LARGE["janus_backup_borgmatic_options"]}
    for file in ("borgmatic.yaml", "partial.yaml"):
        options = set(load(rendered / name / file)) - others
        assert {option for option in options if not option.startswith("keep_")} <= reserved


@pytest.mark.parametrize("name", ["small", "large"])
def test_retention_counts_complete_and_partial_archives_apart(rendered: Path, name: str) -> None:
    job = load(rendered / name / "job.yml")["janus_backup_job"]
    complete, partial = (
        load(rendered / name / file)["match_archives"].removeprefix("sh:")
        for file in ("borgmatic.yaml", "partial.yaml")
    )
    archive = f"{job['archive_prefix']}-2026-11-23T02:00:00Z"
    marked = f"{job['archive_prefix']}-partial-2026-11-23T02:00:00Z"
    assert fnmatchcase(archive, complete)
    assert not fnmatchcase(marked, complete)
    assert fnmatchcase(marked, partial)
    assert not fnmatchcase(archive, partial)


def test_a_job_without_services_has_all_of_them(rendered: Path) -> None:
    services = load(rendered / "small/job.yml")["janus_backup_job"]["services"]
    assert [service["name"] for service in services] == ["postgresql", "bare"]
    assert services[0]["password_file"] == "/etc/janus-backup/credentials/postgresql"
    assert services[1]["password_file"] is None
    assert {service["job"] for service in services} == {"nightly"}
    assert (services[0]["after"], services[0]["checks"]) == ([], [])
    assert services[1]["after"] == ["postgresql"]
    assert services[1]["checks"] == [{"name": "one", "query": "SELECT '1'", "expect": "1"}]


def test_images_are_archived_only_when_they_are_kept(rendered: Path) -> None:
    assert load(rendered / "small/borgmatic.yaml")["source_directories"] == ["staging/nightly"]
    assert load(rendered / "small/job.yml")["janus_backup_job"]["images"] is None
    large = load(rendered / "large/borgmatic.yaml")
    job = load(rendered / "large/job.yml")["janus_backup_job"]
    assert large["source_directories"] == ["staging/nightly", "images/nightly"]
    assert job["images"] == f"{large['working_directory']}/images/nightly"


def test_paths_are_validated_only_where_borgmatic_itself_dumps(rendered: Path) -> None:
    option = "unsafe_skip_path_validation_before_create"
    assert load(rendered / "small/borgmatic.yaml")[option] is True
    assert option not in load(rendered / "large/borgmatic.yaml")


def test_ones_own_commands_come_after_the_collections(rendered: Path) -> None:
    commands = load(rendered / "large/borgmatic.yaml")["commands"]
    assert commands[:-1] == load(rendered / "small/borgmatic.yaml")["commands"]
    assert commands[-1] == LARGE["janus_backup_borgmatic_options"]["commands"][0]


def test_a_run_writes_to_local_repositories_only(rendered: Path) -> None:
    unit = (rendered / "large/unit.service").read_text(encoding="utf-8")
    paths = [line for line in unit.splitlines() if line.startswith("ReadWritePaths=")]
    assert paths == [
        "ReadWritePaths=/var/lib/janus-backup",
        "ReadWritePaths=-/mnt/disk/janus.borg",
        "ReadWritePaths=-/srv/bare",
    ]


def test_no_secret_is_in_what_is_rendered(rendered: Path) -> None:
    files = [path for name in ("small", "large") for path in (rendered / name).iterdir()]
    assert len(files) == 2 * len(TEMPLATES)
    assert not [path for path in files if "Wd3-" in path.read_text(encoding="utf-8")]
