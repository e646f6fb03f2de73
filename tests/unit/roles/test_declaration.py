# SPDX-License-Identifier: GPL-3.0-or-later
"""One declaration after the other that must, or must not, stop the play."""

from __future__ import annotations

import json
from typing import Any

import pytest

# What every declaration needs; its secrets are looked for in all that is printed.
SERVICE = {
    "name": "postgresql",
    "type": "postgresql",
    "container": "janus-postgresql",
    "user": "janus",
    "password": "Wd3-service",
}
DECLARATION: dict[str, Any] = {
    "janus_backup_services": [SERVICE],
    "janus_backup_passphrase": "Wd3-passphrase",
    "janus_backup_wheelhouse": "/nowhere",
}
BUCKET = {
    "name": "vault",
    "type": "s3",
    "endpoint": "https://vault.example.org:9000",
    "bucket": "janus1",
    "access_key": "janus1",
    "secret_key": "Wd3-writer",
}
LOCAL = {"path": "/var/backups/janus.borg", "label": "local"}


def services(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"janus_backup_services": [{**SERVICE, **change} for change in changes]}


def jobs(*declared: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"janus_backup_jobs": list(declared), **more}


def repositories(*paths: str) -> dict[str, Any]:
    labelled = [{"path": path, "label": f"r{number}"} for number, path in enumerate(paths)]
    return {"janus_backup_repositories": labelled}


def targets(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"janus_backup_offsite": [{**BUCKET, **change} for change in changes]}


# What is accepted: nothing but what is needed, and every setting changed.
ACCEPTED: dict[str, dict[str, Any]] = {
    "only what is needed": {},
    "everything": {
        **services(
            {"options": {"databases": ["a"], "jobs": 4}},
            {
                "name": "on_host",
                "runtime": "host",
                "container": None,
                "port": 5433,
                "after": ["postgresql"],
                "checks": [
                    {"name": "one", "target": "a", "query": "SELECT 1", "expect": 1},
                    {"name": "none", "query": "SELECT NULL", "expect": None},
                    {"name": "list", "query": "SELECT 1, 2", "expect": [[1, 2]]},
                ],
            },
        ),
        **jobs(
            {"name": "nightly", "services": ["postgresql"], "keep": {"daily": 1}},
            {"name": "j2", "services": ["on_host"], "on_calendar": "hourly", "keep": {"yearly": 1}},
        ),
        **repositories("/mnt/disk/janus.borg", "ssh://backup@host:22/./janus.borg"),
        "janus_backup_ssh_command": "ssh -i /root/key",
        "janus_backup_offsite": [
            {**BUCKET, "prefix": "a/b", "window": "22:00-06:00", "bandwidth": "4M:off"},
            {"name": "safe", "type": "disk", "uuid": "0b6c0d4e-52f5", "repository": "r0"},
            {"name": "nas", "type": "path", "path": "/mnt/nas/janus", "max_shrink": 100},
            {
                "name": "away",
                "type": "ssh",
                "host": "h.example.org",
                "user": "janus",
                "path": "/srv/janus",
                "host_key": "ssh-ed25519 AAAA",
            },
        ],
        "janus_backup_encryption": "repokey-blake2",
        "janus_backup_images": True,
        "janus_backup_node": "node-1.example.org",
        "janus_backup_borgmatic_options": {"healthchecks": {"ping_url": "https://h.example/1"}},
        "janus_backup_drill_sources": [
            {"name": "node", "repository": "/b/r"},
            {"name": "disk", "access": "local", "repository": "/mnt/disk/r"},
            {"name": "vault", "access": "ssh", "repository": "ssh://b@host/./r"},
        ],
        "janus_backup_drill_rto": "4h",
        "janus_backup_drill_cpus": 1.5,
    },
}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "misspelt setting": ({"janus_backup_jbos": []}, "has the setting janus_backup_jbos"),
    "setting of a later role": ({"janus_backup_nice": "low"}, "janus_backup_nice"),
    "unknown key of a service": (services({"contaner": "x"}), "contaner"),
    "unknown runtime": (services({"runtime": "podman"}), "docker, host"),
    "unknown key of retention": (jobs({"name": "a", "keep": {"dayly": 1}}), "dayly"),
    "unknown encryption": ({"janus_backup_encryption": "none"}, "repokey"),
    "no service": ({"janus_backup_services": []}, "no service is declared"),
    "no job": (jobs(), "no job is declared"),
    "no repository": (repositories(), "no repository is declared"),
    "service twice": (services({}, {}), "service postgresql is declared 2 times"),
    "job twice": (jobs({"name": "a"}, {"name": "a"}), "job a is declared 2 times"),
    "repository twice": (repositories("/b/r", "/b/r"), "repository /b/r is declared 2 times"),
    "label twice": (
        {"janus_backup_repositories": [LOCAL, {**LOCAL, "path": "/b/r"}]},
        "label local is declared 2 times",
    ),
    "label with a path": (
        {"janus_backup_repositories": [{**LOCAL, "label": "../x"}]},
        'label "../x": a label has only letters',
    ),
    "service with a path as name": (services({"name": "../x"}), 'service "../x": a name'),
    "service with a line more": (services({"name": "a\n"}), 'service "a\\n": a name'),
    "job with a hyphen": (jobs({"name": "a-b"}), 'job "a-b": a name'),
    "node with a slash": ({"janus_backup_node": "a/b"}, 'janus_backup_node "a/b"'),
    "job named like another unit": (jobs({"name": "drill"}), "uses this name itself"),
    "job named like an archive": (jobs({"name": "partial"}), "uses this name itself"),
    "unknown type": (services({"type": "oracle"}), 'there is no type "oracle"'),
    "type that is a helper": (services({"type": "_postgresql_access"}), "there is no type"),
    "no container": (services({"container": None}), "runtime docker needs a container"),
    "container on the host": (services({"runtime": "host"}), "runtime host has no container"),
    "empty password": (services({"password": " "}), "the password is empty"),
    "password of two lines": (services({"password": "Wd3-a\nb"}), "more than one line"),
    "rebuilt although in a container": (
        services({"rebuild": {"image": "postgres:15"}}),
        "rebuild is for runtime host",
    ),
    "rebuilt with a password that there is not": (
        services(
            {
                "runtime": "host",
                "container": None,
                "password": None,
                "rebuild": {"image": "postgres:15", "password_environment": "POSTGRES_PASSWORD"},
            }
        ),
        "rebuild.password_environment is named, but no password",
    ),
    "rebuilt from nothing": (
        services({"runtime": "host", "container": None, "rebuild": {"volumes": ["/data"]}}),
        "image",
    ),
    "unknown option": (services({"options": {"databasses": []}}), "databasses"),
    "option of the wrong type": (services({"options": {"jobs": "many"}}), "options of service"),
    "after a service that is none": (
        services({"after": ["mysql"]}),
        "service postgresql: it comes after mysql, but there is no such service",
    ),
    "after itself": (
        services({"after": ["postgresql"]}, {"name": "other"}),
        "services postgresql: they come after each other",
    ),
    "after each other": (
        services(
            {"after": ["c"]},
            {"name": "b"},
            {"name": "c", "after": ["d"]},
            {"name": "d", "after": ["postgresql", "b"]},
        ),
        "services postgresql, c, d: they come after each other",
    ),
    "check without expectation": (
        services({"checks": [{"name": "a", "query": "SELECT 1"}]}),
        "expect",
    ),
    "check called smoke": (
        services({"checks": [{"name": "smoke", "query": "SELECT 1", "expect": 1}]}),
        'check "smoke": a name starts with a letter',
    ),
    "check twice": (
        services({"checks": [{"name": "a", "query": "SELECT 1", "expect": 1}] * 2}),
        "service postgresql: check a is declared twice",
    ),
    "source of drills twice": (
        {"janus_backup_drill_sources": [{"name": "a", "repository": "/b/r"}] * 2},
        "source a of drills is declared 2 times",
    ),
    "source of drills by another name": (
        {"janus_backup_drill_sources": [{"name": "a:b", "repository": "/b/r"}]},
        'source "a:b" of drills: a name starts',
    ),
    "source of drills that is no URL": (
        {"janus_backup_drill_sources": [{"name": "a", "access": "ssh", "repository": "/b/r"}]},
        'with access ssh, "/b/r" has to be an ssh:// URL',
    ),
    "source of drills that is no path": (
        {"janus_backup_drill_sources": [{"name": "a", "repository": "ssh://h/r"}]},
        'with access node, "ssh://h/r" has to be an absolute path',
    ),
    "target that is no duration": (
        {"janus_backup_drill_rto": "four hours"},
        'janus_backup_drill_rto: "four hours" is no duration',
    ),
    "unknown service in a job": (
        jobs({"name": "a", "services": ["postgresql", "mysql"]}),
        "job a: there is no service mysql",
    ),
    "service twice in a job": (
        jobs({"name": "a", "services": ["postgresql", "postgresql"]}),
        "job a: service postgresql is named twice",
    ),
    "service in no job": (
        {
            **services({}, {"name": "other"}),
            **jobs({"name": "a", "services": ["postgresql"]}),
        },
        "service other: no job backs it up",
    ),
    "nothing kept": (jobs({"name": "a", "keep": {"daily": 0}}), "keep has to keep something"),
    "less than nothing kept": (
        jobs({"name": "a", "keep": {"daily": 7, "weekly": -1}}),
        "nothing less than 0",
    ),
    "relative repository": (repositories("backups/r"), "neither an absolute path nor"),
    "repository by another protocol": (repositories("s3://bucket/r"), "neither an absolute"),
    "repository with a space": (repositories("/b/r r"), "neither an absolute path nor"),
    "repository that climbs": (repositories("/b/../etc"), "neither an absolute path nor"),
    "repository in staging": (
        repositories("/var/lib/janus-backup/staging/r"),
        "it must not overlap with /var/lib/janus-backup",
    ),
    "repository around staging": (repositories("/var/lib"), "overlap with /var/lib/janus-backup"),
    "repository in /tmp": (repositories("/tmp/r"), "it must not overlap with /tmp"),
    "repository in what is backed up": (
        services(
            {
                "type": "files",
                "runtime": "host",
                "container": None,
                "options": {"paths": ["/srv", "/var/backups"]},
            }
        ),
        "/var/backups holds repository /var/backups/janus.borg",
    ),
    "no paths of files": (
        services({"type": "files", "runtime": "host", "container": None}),
        "missing required arguments: paths",
    ),
    "repository in a repository": (repositories("/b/r", "/b/r/s"), "it is inside repository /b/r"),
    "target twice": (targets({}, {}), "target vault is declared 2 times"),
    "target with a hyphen": (targets({"name": "a-b"}), 'target "a-b": a name'),
    "unknown type of target": (targets({"type": "tape"}), "s3, disk, path, ssh"),
    "bucket without an endpoint": (targets({"endpoint": None}), "type s3 needs endpoint"),
    "bucket with a path": (targets({"path": "/a"}), "type s3 has no path"),
    "bucket on the node": (targets({"endpoint": "http://localhost:9000"}), "is this node"),
    "bucket behind a path": (targets({"endpoint": "https://h/minio"}), "endpoint"),
    "secret of two words": (targets({"secret_key": "Wd3-a b"}), "secret_key has a space"),
    "reader like the writer": (
        targets({"reader_access_key": "janus1", "reader_secret_key": "Wd3-reader"}),
        "other ones than the writer",
    ),
    "window of a day": (targets({"window": "06:00-06:00"}), "a window is HH:MM-HH:MM"),
    "window without an end": (targets({"window": "22:00"}), "a window is HH:MM-HH:MM"),
    "bandwidth in words": (targets({"bandwidth": "slow"}), "a bandwidth is a number"),
    "share of nothing": (targets({"max_shrink": 0}), "shares are of 1 to 100 percent"),
    "copy of no repository": (targets({"repository": "other"}), "no local repository other"),
    "copy of a repository elsewhere": (
        {**targets({}), **repositories("ssh://backup@host/./r")},
        "there is no local repository to copy",
    ),
    "copy into the repository": (
        {"janus_backup_offsite": [{"name": "a", "type": "path", "path": "/var/backups"}]},
        "/var/backups must not overlap with /var/backups/janus.borg",
    ),
    "copy into staging": (
        {
            "janus_backup_offsite": [
                {"name": "a", "type": "path", "path": "/var/lib/janus-backup/o"}
            ]
        },
        "must not overlap with /var/lib/janus-backup",
    ),
    "disk without a uuid": (
        {"janus_backup_offsite": [{"name": "a", "type": "disk"}]},
        "type disk needs uuid",
    ),
    "empty passphrase": ({"janus_backup_passphrase": ""}, "janus_backup_passphrase is empty"),
    "passphrase of two lines": (
        {"janus_backup_passphrase": "Wd3-a\nb"},
        "janus_backup_passphrase has more than one line",
    ),
    "option of borgmatic that is rendered": (
        {"janus_backup_borgmatic_options": {"keep_daily": 1, "repositories": []}},
        "janus_backup_borgmatic_options.repositories: this option is rendered",
    ),
}

PLAY: list[dict[str, Any]] = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {
                "block": [{"ansible.builtin.include_role": {"name": "janus.backup.declaration"}}],
                "rescue": [
                    {
                        "ansible.builtin.set_fact": {
                            "refusal": "{{ ([ansible_failed_result] + ansible_failed_result.results"
                            " | default([])) | map(attribute='msg') | join(' ') }}"
                        }
                    }
                ],
            },
            {
                "ansible.builtin.copy": {
                    "content": "{{ dict(ansible_play_hosts | zip(ansible_play_hosts"
                    " | map('extract', hostvars) | map(attribute='refusal', default='')))"
                    " | to_json }}",
                    "dest": "refusals.json",
                    "mode": "0600",
                },
                "run_once": True,
            },
        ],
    }
]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory, play: Any) -> tuple[dict[str, str], str]:
    """Return why each declaration was refused, empty if it was not, and all that was printed."""
    directory = tmp_path_factory.mktemp("declaration")
    cases = ACCEPTED | {name: changes for name, (changes, _) in REFUSED.items()}
    hosts = {
        name.replace(" ", "_").replace("/", "_"): DECLARATION | changes
        for name, changes in cases.items()
    }
    done = play(directory, hosts, PLAY)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    found = json.loads((directory / "refusals.json").read_text(encoding="utf-8"))
    refusals = {name: found[host] for name, host in zip(cases, hosts, strict=True)}
    return refusals, done.stdout + done.stderr


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_declaration_is_accepted(name: str, outcome: tuple[dict[str, str], str]) -> None:
    assert outcome[0][name] == ""


@pytest.mark.parametrize("name", REFUSED)
def test_a_declaration_is_refused(name: str, outcome: tuple[dict[str, str], str]) -> None:
    assert REFUSED[name][1] in outcome[0][name]


def test_no_secret_is_printed_however_much_is_asked_for(
    outcome: tuple[dict[str, str], str],
) -> None:
    assert "Wd3-" not in outcome[1]
