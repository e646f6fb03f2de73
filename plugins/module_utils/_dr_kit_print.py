# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the kit is printed: the runbook as PDF, and keys as QR codes.

The runbook is Markdown of a few forms only: headings, paragraphs, lists, and commands in fences.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_BODY, _CODE = 10, 8.5
_HEADINGS = {1: 20, 2: 14, 3: 11.5}
# Characters of a command that fit in a line of the page.
WIDTH = 92


def blocks(text: str) -> list[tuple[str, str]]:
    """Given Markdown, return its blocks in order: {h1, h2, h3, code, item, text} and what it says.

    Raise BackupError if a fence is not closed.
    """
    found: list[tuple[str, str]] = []
    parts = re.split(r"^```.*\n", text, flags=re.MULTILINE)
    if len(parts) % 2 == 0:
        raise BackupError("cannot print the runbook: a fence is not closed")
    for number, part in enumerate(parts):
        if number % 2:
            found.append(("code", part.rstrip("\n")))
            continue
        for paragraph in re.split(r"\n\s*\n|\n(?=- |#)", part):
            said = " ".join(paragraph.split())
            heading = re.match(r"(#{1,3}) (.*)", said)
            if heading:
                found.append((f"h{len(heading[1])}", heading[2]))
            elif said.startswith("- "):
                found.append(("item", said[2:]))
            elif said:
                found.append(("text", said))
    return found


def commands(text: str) -> list[str]:
    """Given the runbook, return its commands in order. One command is one line of a fence."""
    return [
        line for kind, said in blocks(text) if kind == "code" for line in said.splitlines() if line
    ]


def pdf(text: str, path: Path, title: str) -> None:
    """Given Markdown, print it as a PDF of A4 pages.

    Raise BackupError if a character is not in the fonts that every reader of PDF has.
    """
    import fpdf

    class Pages(fpdf.FPDF):
        def footer(self) -> None:
            self.set_y(-12)
            self.set_font("Helvetica", size=8)
            self.set_text_color(110)
            self.cell(0, 5, f"{title}, page {self.page_no()} of {{nb}}", align="C")
            self.set_text_color(0)

    try:
        text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise BackupError(f"cannot print the runbook: {error}") from error
    pages: Any = Pages(format="A4")
    pages.set_title(title)
    pages.set_margins(18, 16)
    pages.set_auto_page_break(True, margin=18)
    pages.add_page()
    for kind, said in blocks(text):
        _block(pages, kind, said)
    pages.output(str(path))


def _block(pages: Any, kind: str, said: str) -> None:
    """Print one block."""
    if kind.startswith("h"):
        level = int(kind[1])
        # A heading does not stand alone at the end of a page.
        if pages.will_page_break(34):
            pages.add_page()
        pages.ln(5 if level > 1 else 0)
        pages.set_font("Helvetica", "B", _HEADINGS[level])
        pages.multi_cell(0, _HEADINGS[level] * 0.5, said, new_x="LMARGIN", new_y="NEXT")
        pages.ln(1.5)
    elif kind == "code":
        _code(pages, said)
    else:
        if kind == "item":
            pages.set_font("Helvetica", size=_BODY)
            pages.cell(5, 5, "-")
            pages.set_left_margin(23)
        _prose(pages, said)
        pages.set_left_margin(18)
        pages.ln(5 if kind == "item" else 7)


def _prose(pages: Any, said: str) -> None:
    """Print running text, with what is between backticks as it is typed."""
    for number, part in enumerate(said.split("`")):
        pages.set_font("Courier" if number % 2 else "Helvetica", size=_BODY)
        # What is typed is not torn apart at the end of a line.
        if number % 2 and pages.get_x() + pages.get_string_width(part) > pages.w - pages.r_margin:
            pages.ln(5)
        pages.write(5, part)


def _code(pages: Any, said: str) -> None:
    """Print commands on grey, broken at spaces only, with a box to tick before each."""
    pages.set_font("Courier", size=_CODE)
    pages.set_fill_color(238)
    for command in filter(None, said.splitlines()):
        lines = textwrap.wrap(command, WIDTH, break_long_words=True, break_on_hyphens=False)
        if pages.will_page_break(4.6 * len(lines) + 2):
            pages.add_page()
        top = pages.get_y()
        pages.rect(pages.l_margin, top + 1.1, 2.6, 2.6)
        for line in lines:
            pages.set_x(pages.l_margin + 5)
            pages.cell(0, 4.6, line, fill=True, new_x="LMARGIN", new_y="NEXT")
        pages.ln(1.6)
    pages.ln(2)


def qr(key: str, path: Path) -> None:
    """Given an exported key, draw it as a QR code that reads back into the same file."""
    import segno

    segno.make_qr(key, error="m").save(str(path), kind="png", scale=5, border=4)
