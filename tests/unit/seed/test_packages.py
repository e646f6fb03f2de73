# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "molecule" / "seed"))

import packages

RECORD = """\
# a comment
Package: mutt
Source: mutt (2.2.12-0)
Version: 2.2.12-0.1~deb12u1
Installed-Size: 7104
Maintainer: Mutt maintainers <mutt@packages.example>
Architecture: amd64
Multi-Arch: foreign
Essential: yes
Pre-Depends: dpkg (>= 1.15.6~)
Depends: libc6 (>= 2.34), default-mta | exim4:any (<< 5) | mail-transport-agent
Provides: imap-client, mail-reader (= 1.0)
Description: text-based mailreader
 Mutt is a sophisticated
 .
  text-based Mail User Agent: größer.
HOMEPAGE: https://example.org/mutt
Tag: works-with::mail, interface::text-mode,
 uitoolkit::ncurses
Section: mail
Priority: optional
Filename: pool/main/m/mutt/mutt.deb
Size: 1537764
SHA256: 2a1118df47bf3f04285649f0455c2fc6fe2dc7f0b237073038aa00af41f0d5f2
"""


def catalogue(text: str, limit: int | None = None) -> packages.Catalogue:
    return packages.Catalogue(io.BytesIO(text.encode()), limit)


def only(text: str) -> packages.Package:
    (record,) = catalogue(text)
    return record


def world(count: int) -> list[str]:
    return [
        f"Package: p{number}\nVersion: {number}\nArchitecture: all\nDepends: p{number // 2}\n"
        for number in range(count)
    ]


def test_a_record_has_all_its_fields() -> None:
    record = only(RECORD)
    assert (record.name, record.version, record.architecture) == (
        "mutt",
        "2.2.12-0.1~deb12u1",
        "amd64",
    )
    assert record.source == "mutt"
    assert (record.section, record.priority, record.multi_arch) == ("mail", "optional", "foreign")
    assert record.essential
    assert (record.installed_size, record.size) == (7104, 1537764)
    assert record.homepage == "https://example.org/mutt"
    assert record.tags == ("interface::text-mode", "uitoolkit::ncurses", "works-with::mail")
    assert record.filename == "pool/main/m/mutt/mutt.deb"
    assert record.sha256 is not None
    assert len(bytes.fromhex(record.sha256)) == 32


def test_a_description_keeps_its_lines_and_its_indentation() -> None:
    assert only(RECORD).description == (
        "text-based mailreader\nMutt is a sophisticated\n\n text-based Mail User Agent: größer."
    )


def test_relations_are_in_a_fixed_order_with_their_alternatives() -> None:
    alternative, dependency = packages.Alternative, packages.Dependency
    assert only(RECORD).dependencies == (
        dependency("depends", (alternative("libc6", None, ">=", "2.34"),)),
        dependency(
            "depends",
            (
                alternative("default-mta"),
                alternative("exim4", "any", "<<", "5"),
                alternative("mail-transport-agent"),
            ),
        ),
        dependency("pre-depends", (alternative("dpkg", None, ">=", "1.15.6~"),)),
        dependency("provides", (alternative("imap-client"),)),
        dependency("provides", (alternative("mail-reader", None, "=", "1.0"),)),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" , ,", []),
        ("g++-12", [("g++-12", None, None, None)]),
        ("a(=1)", [("a", None, "=", "1")]),
        ("a ( >= 1:2~rc1+b2-3 )", [("a", None, ">=", "1:2~rc1+b2-3")]),
        ("a (< 1)", [("a", None, "<=", "1")]),
        ("a (> 1)", [("a", None, ">=", "1")]),
        ("a [amd64] <!nocheck>", [("a", None, None, None)]),
        ("python3:any", [("python3", "any", None, None)]),
        ("${misc:Depends} | b", [("b", None, None, None)]),
    ],
)
def test_alternatives_are_read_as_dpkg_does(text: str, expected: list[tuple[str, ...]]) -> None:
    assert list(packages.alternatives(text)) == [packages.Alternative(*item) for item in expected]


def test_a_missing_field_is_none_and_not_a_guess() -> None:
    record = only("Package: x\nVersion: 1\nInstalled-Size: many\n")
    assert (record.section, record.homepage, record.sha256, record.size) == (None,) * 4
    assert record.installed_size is None
    assert (record.dependencies, record.tags, record.description) == ((), (), "")
    assert record.source == "x"


def test_paragraphs_may_be_apart_by_several_blank_lines_and_end_without_one() -> None:
    text = "\n\nPackage: a\nVersion: 1\n \n\t\n\r\nPackage: b\r\nVersion: 2\r\n\n\n"
    text += "Package: c\nVersion: 3"
    assert [record.name for record in catalogue(text)] == ["a", "b", "c"]


def test_a_paragraph_without_package_or_version_is_left_out() -> None:
    assert [p.name for p in catalogue("Origin: x\n\nPackage: a\n\nPackage: b\nVersion: 1\n")] == [
        "b"
    ]


def test_a_removed_package_of_a_status_file_is_left_out() -> None:
    states = ("install ok installed", "deinstall ok config-files", "purge ok not-installed")
    text = "\n".join(
        f"Package: p{number}\nStatus: {state}\nVersion: 1\n" for number, state in enumerate(states)
    )
    assert [record.name for record in catalogue(text)] == ["p0"]


def test_bytes_that_are_no_utf8_do_not_stop_it() -> None:
    source = io.BytesIO(b"Package: a\nVersion: 1\nMaintainer: J\xf6rg\n")
    assert next(iter(packages.Catalogue(source))).maintainer == "J\ufffdrg"


def test_the_order_of_the_source_makes_no_difference() -> None:
    entries = world(200)
    shuffled = random.Random(1).sample(entries, len(entries))
    for limit in (None, 50):
        assert list(catalogue("\n".join(entries), limit)) == list(
            catalogue("\n".join(shuffled), limit)
        )


def test_a_package_that_is_listed_twice_is_given_once() -> None:
    assert len(catalogue("\n".join(world(5) * 2))) == 5


def test_a_catalogue_can_be_read_again_and_in_two_places_at_once() -> None:
    entries = catalogue("\n".join(world(20)))
    first, second = list(entries), list(entries)
    assert first == second
    assert [pair[0] for pair in zip(entries, entries, strict=True)] == first


def test_a_limit_keeps_a_sorted_sample_that_hardly_changes_with_the_world() -> None:
    entries = world(500)
    sample = [record.name for record in catalogue("\n".join(entries), 100)]
    assert len(sample) == 100
    assert sample == sorted(sample)
    assert sample != [record.name for record in catalogue("\n".join(entries))][:100]
    later = [record.name for record in catalogue("\n".join([*entries, *world(501)[500:]]), 100)]
    assert len(set(sample) & set(later)) >= 99


def test_a_limit_above_the_number_of_packages_keeps_all() -> None:
    assert len(catalogue("\n".join(world(10)), 100)) == 10


def test_without_apt_it_reads_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "status"
    status.write_text("Package: a\nStatus: install ok installed\nVersion: 1\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with packages.catalogue(status=status) as found:
        assert [record.name for record in found] == ["a"]


@pytest.mark.parametrize(
    "script", ["exit 100", "exit 0", "printf 'Package: b\\nVersion: 1\\n'; exit 1"]
)
def test_an_apt_that_fails_or_knows_nothing_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    status = tmp_path / "status"
    status.write_text("Package: a\nStatus: install ok installed\nVersion: 1\n")
    command = tmp_path / "apt-cache"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with packages.catalogue(status=status) as found:
        assert [record.name for record in found] == ["a"]


def test_apt_is_preferred_to_the_status_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "apt-cache"
    command.write_text("#!/bin/sh\nprintf 'Package: b\\nVersion: 2\\n'\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with packages.catalogue(status=tmp_path / "absent") as found:
        assert [record.version for record in found] == ["2"]


def test_with_neither_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        packages.catalogue(status=tmp_path / "absent")
