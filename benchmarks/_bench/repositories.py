# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a day's backup goes: our repository and the peers', each with its own defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from . import PROJECT, stack, tools

DEFAULTS = PROJECT / "roles" / "borgmatic" / "defaults" / "main.yml"
PASSPHRASE = "benchmark"


@dataclass(frozen=True)
class Borg:
    """A repository with the product's own defaults: what borgmatic tells Borg in a run."""

    program: str
    folder: Path
    chunker: str = ""
    segment_bytes: int = 0

    @property
    def repository(self) -> Path:
        """Where it is."""
        return self.folder / "borg"

    def call(self, *arguments: str) -> str:
        """Run Borg."""
        base = str(self.folder / "borg-base")
        return tools.run([self.program, *arguments], BORG_PASSPHRASE=PASSPHRASE, BORG_BASE_DIR=base)

    def create(self) -> None:
        """Make the repository."""
        self.call("init", "--encryption=repokey", str(self.repository))
        if self.segment_bytes:
            size = str(self.segment_bytes)
            self.call("config", str(self.repository), "max_segment_size", size)

    def back_up(self, day: int, sources: Sequence[Path]) -> None:
        """Archive directories."""
        defaults = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))
        chunker = self.chunker or defaults["janus_backup_chunker_params"]
        options = [
            f"--compression={defaults['janus_backup_compression']}",
            f"--chunker-params={chunker}",
            "--files-cache=mtime,size,inode",
        ]
        self.call("create", *options, f"{self.repository}::day-{day}", *map(str, sources))

    def prune(self, keep: int) -> None:
        """Forget the oldest archives and free their space."""
        self.call("prune", f"--keep-last={keep}", str(self.repository))
        defaults = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))
        threshold = defaults["janus_backup_compact_threshold"]
        self.call("compact", f"--threshold={threshold}", str(self.repository))

    def size(self) -> int:
        """Return the bytes on disk."""
        return tools.size_of(self.repository)


@dataclass(frozen=True)
class Restic:
    """restic with its defaults."""

    program: str
    folder: Path

    def _call(self, *arguments: str) -> None:
        cache = f"--cache-dir={self.folder / 'restic-cache'}"
        repository = f"--repo={self.folder / 'restic'}"
        tools.run([self.program, *arguments, repository, cache], RESTIC_PASSWORD=PASSPHRASE)

    def create(self) -> None:
        """Make the repository."""
        self._call("init", "--quiet")

    def back_up(self, day: int, sources: Sequence[Path]) -> None:
        """Take a snapshot of directories."""
        self._call("backup", "--quiet", *map(str, sources))

    def size(self) -> int:
        """Return the bytes on disk."""
        return tools.size_of(self.folder / "restic")


@dataclass(frozen=True)
class Kopia:
    """kopia with its defaults and compression, which it leaves off unless told."""

    program: str
    folder: Path

    def _call(self, *arguments: str) -> None:
        configuration = f"--config-file={self.folder / 'kopia.config'}"
        environment = {
            "KOPIA_PASSWORD": PASSPHRASE,
            "KOPIA_CHECK_FOR_UPDATES": "false",
            "KOPIA_CACHE_DIRECTORY": str(self.folder / "kopia-cache"),
            "KOPIA_LOG_DIR": str(self.folder / "kopia-logs"),
        }
        tools.run([self.program, *arguments, configuration], **environment)

    def create(self) -> None:
        """Make the repository."""
        place = self.folder / "kopia"
        place.mkdir()
        self._call("repository", "create", "filesystem", f"--path={place}")
        self._call("policy", "set", "--global", "--compression=zstd")

    def back_up(self, day: int, sources: Sequence[Path]) -> None:
        """Take a snapshot of directories."""
        self._call("snapshot", "create", "--no-progress", *map(str, sources))

    def size(self) -> int:
        """Return the bytes on disk."""
        return tools.size_of(self.folder / "kopia")


@dataclass(frozen=True)
class Tarballs:
    """A tar.gz of the volumes, encrypted by GPG, one file a day, containers stopped meanwhile."""

    gpg: str
    folder: Path
    services: Sequence[stack.Service]

    def create(self) -> None:
        """Make the directory."""
        (self.folder / "tarballs").mkdir()
        (self.folder / "gpg").mkdir(mode=0o700)

    def back_up(self, day: int, sources: Sequence[Path]) -> None:
        """Stop the services, write the file, start them again."""
        template = "{{.Mountpoint}}"
        volumes = [
            stack.docker("volume", "inspect", "--format", template, service.volume)
            for service in self.services
        ]
        target = self.folder / "tarballs" / f"day-{day}.tar.gz.gpg"
        encrypt = f"{self.gpg} --homedir {self.folder / 'gpg'} --batch --symmetric"
        command = (
            f"tar -cz {' '.join(volumes)} 2>/dev/null | {encrypt} --passphrase {PASSPHRASE}"
            f" --compress-algo none --output {target}"
        )
        names = [service.container for service in self.services]
        stack.docker("stop", "--time", "300", *names)
        tools.run(["bash", "-euo", "pipefail", "-c", command])
        stack.docker("start", *names)
        for service in self.services:
            service.wait()

    def size(self) -> int:
        """Return the bytes on disk."""
        return tools.size_of(self.folder / "tarballs")


@dataclass(frozen=True)
class BorgmaticHook:
    """borgmatic alone: its own hook dumps PostgreSQL in the custom format."""

    program: str
    borg: str
    folder: Path
    service: stack.Service

    @property
    def _file(self) -> Path:
        return self.folder / "hook.yaml"

    def _configure(self) -> None:
        """Write the configuration: a server that was stopped may have another address since."""
        settings = {
            "repositories": [{"path": str(self.folder / "hook"), "encryption": "repokey"}],
            "local_path": self.borg,
            "borg_base_directory": str(self.folder / "hook-base"),
            "user_runtime_directory": str(self.folder / "hook-run"),
            "user_state_directory": str(self.folder / "hook-state"),
            "encryption_passphrase": PASSPHRASE,
            "checks": [{"name": "disabled"}],
            # Not "all": it refuses the seeded name with a slash in it.
            "postgresql_databases": [
                {
                    "name": "debian",
                    "format": "custom",
                    "hostname": self.service.address,
                    "username": "janus",
                    "password": self.service.password,
                }
            ],
        }
        self._file.touch(mode=0o600)
        self._file.write_text(yaml.safe_dump(settings), encoding="utf-8")

    def create(self) -> None:
        """Make the repository."""
        self._configure()
        tools.run([self.program, "--config", str(self._file), "repo-create"])

    def back_up(self, day: int, sources: Sequence[Path]) -> None:
        """Dump and archive, as one run of borgmatic."""
        self._configure()
        tools.run([self.program, "--config", str(self._file), "create"])

    def size(self) -> int:
        """Return the bytes on disk."""
        return tools.size_of(self.folder / "hook")


@dataclass(frozen=True)
class Scripts:
    """Plain scripts: `pg_dump --format=custom` of each database, a directory a day."""

    folder: Path
    service: stack.Service

    def create(self) -> None:
        """Make the directory."""
        (self.folder / "scripts").mkdir()

    def back_up(self, day: int, sources: Sequence[Path]) -> None:
        """Dump every database."""
        target = self.folder / "scripts" / f"day-{day}"
        target.mkdir()
        reach = {
            "PGHOST": self.service.address,
            "PGUSER": "janus",
            "PGPASSWORD": self.service.password,
        }
        query = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate"
        names = tools.run(["psql", "-d", "template1", "-Atc", query], **reach).splitlines()
        tools.run(
            ["pg_dumpall", "-l", "template1", "-g", "-f", str(target / "globals.sql")], **reach
        )
        for number, name in enumerate(names):
            quoted = name.replace("\\", "\\\\").replace("'", "\\'")
            output = str(target / f"{number}.dump")
            tools.run(["pg_dump", "-Fc", "-f", output, f"dbname='{quoted}'"], **reach)

    def size(self) -> int:
        """Return the bytes on disk."""
        return tools.size_of(self.folder / "scripts")
