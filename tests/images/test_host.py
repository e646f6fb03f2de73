# SPDX-License-Identifier: GPL-3.0-or-later
"""The host image by way of a whole bed, since only testbed.py knows how a host is run."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
BED = f"image-test-{os.getpid()}"
FOLDER = PROJECT / "build" / "beds" / BED
LABEL = f"label=janus.bed={BED}"
HOSTS = ("one:redis", "two")


def call(*arguments: str, status: int = 0) -> str:
    """Run testbed.py, expect its exit status, and return all that it printed."""
    script = PROJECT / "molecule" / "testbed.py"
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def docker(*arguments) -> str:
    return subprocess.check_output(["docker", *arguments], text=True).strip()


def on(host, *argv) -> str:
    return docker("exec", f"janus-{BED}-{host}", *argv)


def facts() -> dict[str, str]:
    """Return what must not change when a bed is brought up again."""
    names = docker("ps", "-a", "--filter", LABEL, "--format", "{{.Names}}").split()
    template = "{{.Id}} {{.State.StartedAt}}"
    return {
        **{name: docker("inspect", "--format", template, name) for name in names},
        **{str(path): path.read_text() for path in FOLDER.iterdir()},
        **{host: on(host, "cat", "/etc/machine-id") for host in ("one", "two")},
    }


def ansible(*arguments) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(sys.executable).with_name("ansible")),
        "-i",
        str(FOLDER / "inventory.yml"),
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=FOLDER)


@pytest.fixture(scope="module", autouse=True)
def bed() -> Iterator[None]:
    try:
        call("up", BED, *HOSTS)
        yield
    finally:
        call("down", BED)


def test_it_boots_without_a_failed_unit():
    for host in ("one", "two"):
        assert on(host, "systemctl", "is-system-running") == "running"
        assert on(host, "systemctl", "--failed", "--no-legend") == ""


def test_it_runs_without_privileges_that_a_machine_may_not_have():
    config = json.loads(docker("inspect", f"janus-{BED}-one"))[0]["HostConfig"]
    assert config["Privileged"] is False
    assert config["CapDrop"] == ["CAP_SYS_RESOURCE"]
    assert not config["PortBindings"]


def test_what_a_node_needs_is_there_and_nothing_of_what_the_roles_install():
    on("one", "python3", "-c", "import ensurepip, venv")
    libraries = on("one", "ldconfig", "-p")
    for name in ("libacl.so.1", "liblz4.so.1", "libzstd.so.1", "libxxhash.so.0", "libcrypto.so.3"):
        assert name in libraries
    on("one", "sh", "-c", "! command -v borg && ! command -v borgmatic && ! command -v rclone")


def test_its_docker_holds_the_images_asked_for_and_runs_them_with_health_and_exec():
    assert on("two", "docker", "image", "ls", "--quiet") == ""
    assert on("one", "docker", "info", "--format", "{{.Driver}} {{.LoggingDriver}}").split() == [
        "overlay2",
        "journald",
    ]
    on("one", "docker", "run", "-d", "--name", "db", "-p", "6379:6379", "janus-test/redis")
    deadline = time.monotonic() + 30
    template = "{{.State.Health.Status}}"
    while on("one", "docker", "inspect", "-f", template, "db") != "healthy":
        assert time.monotonic() < deadline, on("one", "docker", "logs", "db")
        time.sleep(0.5)
    assert on("one", "docker", "exec", "db", "redis-cli", "set", "a", "b") == "OK"
    assert "Ready to accept connections" in on("one", "journalctl", "CONTAINER_NAME=db")


def test_hosts_reach_each_other_and_each_others_published_ports_by_name():
    ask = (
        "exec 3<>/dev/tcp/one/6379; echo get a >&3; read -r -t 5 _ <&3; read -r -t 5 x <&3; echo $x"
    )
    assert on("two", "bash", "-c", ask) == "b"


def test_credentials_and_sandboxes_of_systemd_work():
    run = ("systemd-run", "--wait", "--pipe", "--quiet", "-p")
    assert on("one", *run, "LoadCredential=c:/etc/hostname", "systemd-creds", "cat", "c") == "one"
    with pytest.raises(subprocess.CalledProcessError):
        on("one", *run, "ProtectSystem=strict", "touch", "/etc/planted")
    capabilities = on(
        *("one", *run, "CapabilityBoundingSet=CAP_DAC_READ_SEARCH"),
        *("grep", "CapEff", "/proc/self/status"),
    )
    assert capabilities.split() == ["CapEff:", "0000000000000004"]


def test_ansible_reaches_both_by_key_and_checks_who_answers():
    assert stat.S_IMODE((FOLDER / "id_ed25519").stat().st_mode) == 0o600
    good = ansible("all", "-m", "ansible.builtin.ping")
    assert good.returncode == 0, good.stdout + good.stderr
    known_hosts = FOLDER / "known_hosts"
    kept = known_hosts.read_text()
    known_hosts.write_text("")
    try:
        # Over a connection of its own, not the one that is open from before.
        own = ("-e", "ansible_ssh_args='-o ControlPath=none'")
        unknown = ansible("one", "-m", "ansible.builtin.ping", *own)
        assert "Host key verification failed" in unknown.stdout
    finally:
        known_hosts.write_text(kept)


def test_bringing_it_up_again_is_quick_and_changes_nothing():
    before, started = facts(), time.monotonic()
    call("up", BED, *HOSTS)
    assert time.monotonic() - started < 10
    assert facts() == before


def test_a_host_keeps_its_data_and_its_journal_through_being_switched_off():
    mark = on("one", "sh", "-c", "date +%s%N | tee /root/mark; logger mark-$(cat /root/mark)")
    call("stop", BED, "one")
    assert docker("inspect", "-f", "{{.State.Running}}", f"janus-{BED}-one") == "false"
    call("start", BED, "one")
    assert on("one", "cat", "/root/mark") == mark
    assert f"mark-{mark}" in on("one", "journalctl", "-t", "root")
    on("one", "docker", "start", "db")
    assert on("one", "docker", "exec", "db", "redis-cli", "get", "a") == "b"
    assert ansible("all", "-m", "ansible.builtin.ping").returncode == 0


def test_an_image_asked_for_later_is_added_to_a_host_that_runs():
    started = docker("inspect", "-f", "{{.State.StartedAt}}", f"janus-{BED}-two")
    call("up", BED, "two:redis")
    assert "janus-test/redis:latest" in on(
        "two", "docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"
    )
    assert docker("inspect", "-f", "{{.State.StartedAt}}", f"janus-{BED}-two") == started


def test_a_boot_with_a_failed_unit_is_an_error_that_names_it():
    unit = "[Service]\\nType=oneshot\\nExecStart=false\\n[Install]\\nWantedBy=multi-user.target\\n"
    on("two", "sh", "-c", f"printf '{unit}' >/etc/systemd/system/planted.service")
    on("two", "systemctl", "enable", "planted.service")
    call("stop", BED, "two")
    assert "planted.service" in call("start", BED, "two", status=1)
    on("two", "systemctl", "disable", "planted.service")
    on("two", "systemctl", "reset-failed")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("up", BED, "one:no-such-image"), "no-such-image"),
        (("up", BED, "Not_A_Name"), "Not_A_Name"),
        (("stop", BED, "three"), "no host three"),
        (("images", "no-such-image"), "no-such-image"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments, complaint):
    message = call(*arguments, status=1)
    assert complaint in message
    assert "Traceback" not in message


def test_taking_it_down_leaves_nothing():
    containers = docker("ps", "-aq", "--filter", LABEL).split()
    template = "{{range .Mounts}}{{println .Name}}{{end}}"
    volumes = docker("inspect", "--format", template, *containers).split()
    assert len(volumes) >= len(containers)
    call("down", BED)
    for listing in (("ps", "-a"), ("volume", "ls"), ("network", "ls")):
        assert docker(*listing, "-q", "--filter", LABEL) == ""
    assert not set(volumes) & set(docker("volume", "ls", "-q").split())
    assert not FOLDER.exists()
    call("down", BED)
