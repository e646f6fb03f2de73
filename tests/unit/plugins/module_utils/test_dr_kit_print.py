# SPDX-License-Identifier: GPL-3.0-or-later
"""What is printed is what is to be typed: read back from the page and from the QR code."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from ansible_collections.janus.backup.plugins.module_utils import _dr_kit_print
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

LONG = "ansible-playbook " + " ".join(f"-e setting_{number}=value" for number in range(12))
TEXT = f"""# Title

Some text that
goes on, with `code` in it.

- an item
  of two lines
- another

## A section
```sh
true
{LONG}
```
Text right after it.
"""
KEY = "BORG_KEY " + "0f" * 32 + "\n" + base64.encodebytes(os.urandom(470)).decode()


def test_the_forms_of_the_runbook_are_told_apart() -> None:
    assert _dr_kit_print.blocks(TEXT) == [
        ("h1", "Title"),
        ("text", "Some text that goes on, with `code` in it."),
        ("item", "an item of two lines"),
        ("item", "another"),
        ("h2", "A section"),
        ("code", f"true\n{LONG}"),
        ("text", "Text right after it."),
    ]
    assert _dr_kit_print.commands(TEXT) == ["true", LONG]


def test_every_command_is_on_the_page_to_its_last_character(tmp_path: Path) -> None:
    path = tmp_path / "runbook.pdf"
    _dr_kit_print.pdf(TEXT * 6, path, "A title")
    document = pypdfium2.PdfDocument(path)
    pages = [page.get_textpage().get_text_range() for page in document]
    assert len(pages) > 1
    assert all(f"page {number} of {len(pages)}" in page for number, page in enumerate(pages, 1))
    # A long command goes on in the next line.
    typed = "".join("".join(pages).split())
    assert typed.count("".join(LONG.split())) == 6


def test_what_cannot_be_printed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="a fence is not closed"):
        _dr_kit_print.pdf("```sh\ntrue\n", tmp_path / "a.pdf", "t")
    with pytest.raises(BackupError, match="cannot print the runbook"):
        _dr_kit_print.pdf("host ☂\n", tmp_path / "a.pdf", "t")
    assert not (tmp_path / "a.pdf").exists()


def test_a_telephone_reads_the_key_back(tmp_path: Path) -> None:
    _dr_kit_print.qr(KEY, tmp_path / "key.png")
    (code,) = zxingcpp.read_barcodes(Image.open(tmp_path / "key.png"))
    assert code.text == KEY
