# SPDX-License-Identifier: GPL-3.0-or-later
"""A disaster recovery kit as somebody uses it who has nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ansible_collections.janus.backup.plugins.module_utils import _dr_kit_print

VAULT_PASSWORD = "a vault's password"
ARCHIVE_PASSWORD = "an archive's password"


def unpack(archive: Path, target: Path) -> None:
    """Decrypt the archive of a kit into an empty directory, as docs/dr-kit.md says."""
    with tempfile.TemporaryDirectory() as home:
        command = "gpg --batch --quiet --pinentry-mode loopback --passphrase-fd 3 --decrypt"
        subprocess.run(
            [
                "bash",
                "-c",
                f'{command} "$1" 3<<<"$2" | tar --extract',
                "_",
                archive,
                ARCHIVE_PASSWORD,
            ],
            cwd=target,
            env={**os.environ, "GNUPGHOME": home},
            check=True,
        )
        subprocess.run(
            ["gpgconf", "--kill", "all"], env={**os.environ, "GNUPGHOME": home}, check=True
        )


class Kit:
    """A copy of the kit in a directory that has nothing else, and nothing from this checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        text = (folder / "runbook.md").read_text(encoding="utf-8")
        self.sections = dict(_sections(text))

    def run(self, section: str, *, network: bool = True, said: str = "") -> list[tuple[str, int]]:
        """Give the commands of a section of the runbook one by one, up to the first that fails.
        Return what each said and its exit code.
        """
        (text,) = (each for title, each in self.sections.items() if title.startswith(section))
        done = []
        for command in _dr_kit_print.commands(text):
            result = subprocess.run(
                [*([] if network else ["unshare", "--net"]), "bash", "-c", command],
                cwd=self.folder,
                env={
                    "HOME": str(self.folder),
                    "PATH": f"{sys.base_prefix}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "LC_ALL": "C.UTF-8",
                    "PWD": str(self.folder),
                },
                input=said,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            done.append((" ".join(result.stdout.split()), result.returncode))
            if result.returncode != 0:
                break
        return done

    def follow(self, section: str, **how: bool | str) -> str:
        """Give the commands of a section, all of which succeed. Return what the last one said."""
        done = self.run(section, **how)  # type: ignore[arg-type]
        assert done
        assert done[-1][1] == 0, done[-1][0]
        return done[-1][0]


def _sections(text: str) -> list[tuple[str, str]]:
    """Return the title and text of each section of the runbook."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("#"):
            found.append((line.lstrip("# ").strip(), []))
        else:
            found[-1][1].append(line)
    return [(title, "".join(lines)) for title, lines in found]
