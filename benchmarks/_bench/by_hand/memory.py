# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch the processes of a unit until it ends and print each one's peak of resident memory in MB.

Runs on the node: memory.py UNIT
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path


def name_of(process: Path) -> str:
    """Return what to call a process: Ansible's or Python's module, its script, or the program."""
    words = [word for word in (process / "cmdline").read_bytes().decode().split("\0") if word]
    if found := re.search(r"AnsiballZ_(\w+)", " ".join(words)):
        return f"module {found[1]}"
    if "-m" in words[:3]:
        return words[words.index("-m") + 1].rpartition(".")[2]
    program = words[0].rpartition("/")[2] if words else "?"
    if program.startswith("python") and len(words) > 1:
        program = words[1].rpartition("/")[2]
    return program


def watch(unit: str) -> dict[str, int]:
    """Return the peaks by name, in MB, of a unit that is being started."""
    peaks: dict[str, int] = {}
    began = time.monotonic()
    while True:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"/{unit}" not in (process / "cgroup").read_text():
                    continue
                peak = re.search(r"VmHWM:\s+(\d+)", (process / "status").read_text())
                name = name_of(process)
                if name.startswith("("):
                    continue  # systemd's own, before it becomes the program
            except OSError:
                continue
            if peak:
                peaks[name] = max(peaks.get(name, 0), round(int(peak[1]) / 1000))
        show = ["systemctl", "show", "--property=ActiveState", "--value", unit]
        state = subprocess.run(show, capture_output=True, text=True, check=True).stdout.strip()
        if state not in ("activating", "active", "deactivating") and time.monotonic() > began + 2:
            return peaks
        time.sleep(0.2)


if __name__ == "__main__":
    print(json.dumps(watch(sys.argv[1])))
