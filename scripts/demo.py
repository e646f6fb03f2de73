#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: two hosts, real data, a backup, and a drill that rebuilds it all on the second host.

Called by `make demo` and `make demo-down`, which prepare the virtual environment, the images and
the wheelhouse. Each step says what it does; its whole output is in build/logs/demo-<step>.log.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BED = ROOT / "build/beds/demo"
LOGS = ROOT / "build/logs"
REPORTS = ROOT / "build/demo/reports"
SERVICES = sorted(path.stem for path in (ROOT / "molecule/shared/stack").glob("*.yml"))
IMAGES = [name for name in SERVICES if (ROOT / "molecule/images" / name).is_dir()]
HOSTS = [f"janus1:{','.join(IMAGES)}", "drill1"]


def show(text: str, last: bool = False) -> None:
    """Show what is being done, on a terminal in one line that the next one overwrites."""
    if sys.stdout.isatty():
        print(f"\r    {text[:90]:90}", end="\n" if last else "", flush=True)
    else:
        print(f"    {text}", flush=True)


def step(name: str, what: str, command: list[str]) -> float:
    """Run one command, say what it is for and show a sign of life; return its seconds.

    Raise SystemExit, after the end of its output, if it fails.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"demo-{name}.log"
    started = time.monotonic()
    print(f"{what} …", flush=True)
    with log.open("w", encoding="utf-8") as stream:
        environment = {**os.environ, "JANUS_PROJECT": str(ROOT), "ANSIBLE_NOCOLOR": "1"}
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                stream.write(line)
                if line.lstrip().startswith("TASK ["):
                    show(line.strip()[6:].rstrip("* ]"))
    seconds = time.monotonic() - started
    show(f"{seconds:.0f} s", last=True)
    if process.returncode != 0:
        print("".join(log.read_text(encoding="utf-8").splitlines(keepends=True)[-40:]))
        sys.exit(f"demo: {name} failed, see {log}")
    return seconds


def playbook(name: str) -> list[str]:
    """Return the command that runs a playbook against the demo's hosts."""
    inventories = [f"--inventory={BED / 'inventory.yml'}", f"--inventory={ROOT}/inventories/demo"]
    return ["ansible-playbook", *inventories, f"--extra-vars=reports={REPORTS}", name]


def newest_report() -> dict[str, Any]:
    """Return the report of the drill that just ran."""
    newest = max((REPORTS / "drill1").glob("*.json"), key=lambda path: path.stat().st_mtime)
    report: dict[str, Any] = json.loads(newest.read_text(encoding="utf-8"))
    return report


def status() -> dict[str, Any]:
    """Return what the node noted about its last run."""
    program = "docker exec janus-demo-janus1 cat /var/lib/janus-backup/status/nightly.json"
    told = subprocess.run(program.split(), check=True, capture_output=True, text=True).stdout
    noted: dict[str, Any] = json.loads(told)
    return noted


def table(noted: dict[str, Any], report: dict[str, Any]) -> None:
    """Print what was backed up, restored and compared."""
    (archive,) = noted["repositories"].values()
    print(f"\narchive   {archive['archive']}")
    new, whole = archive["deduplicated_size"] / 1e6, archive["original_size"] / 1e6
    print(f"stored    {new:.1f} MB new in the repository, for {whole:.1f} MB\n")
    print(
        f"{'service':12}{'dumped':>10}{'in':>9}{'restored':>10}{'in':>9}{'by hand':>10}   checksums"
    )
    for name, drilled in report["services"].items():
        dumped = noted["services"][name]
        seconds = sum(drilled["seconds"].get(step, 0) for step in ("build", "restore", "verify"))
        equal = drilled["objects_compared"] - len(drilled["differences"])
        print(
            f"{name:12}{dumped['bytes'] / 1e6:>7.1f} MB{dumped['seconds']:>7.1f} s"
            f"{drilled['bytes'] / 1e6:>7.1f} MB{seconds:>7.1f} s"
            f"{drilled['seconds'].get('tool', 0):>8.1f} s"
            f"   {equal} of {drilled['objects_expected']} equal: {drilled['verdict']}"
        )
    print(f"\n{report['verdict']}: {report['drill']} on {report['host']}")


def up() -> int:
    """Bring up the demo, back up, drill, and return 0 only if everything is equal."""
    testbed = [sys.executable, "molecule/testbed.py"]
    step("hosts", "Starting a node and a drill host", [*testbed, "up", "demo", *HOSTS])
    seeded = BED / "seeded"
    if not seeded.exists():
        step("stack", "Running and seeding the services", playbook("molecule/shared/stack.yml"))
        seeded.touch()
    step("site", "Provisioning both hosts (playbooks/site.yml)", playbook("janus.backup.site"))
    step("backup", "Backing up the node (its systemd unit)", playbook("janus.backup.backup"))
    drill = playbook("janus.backup.restore_drill")
    step("drill", "Rebuilding it on the drill host and comparing", drill)
    report = newest_report()
    table(status(), report)
    return 0 if report["verdict"] == "proven" else 1


def down() -> int:
    """Remove the demo."""
    return subprocess.call([sys.executable, "molecule/testbed.py", "down", "demo"], cwd=ROOT)


if __name__ == "__main__":
    sys.exit({"up": up, "down": down}[sys.argv[1]]())
