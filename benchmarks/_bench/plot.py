# SPDX-License-Identifier: GPL-3.0-or-later
"""Horizontal bars as SVG, without a library; they follow the reader's light or dark scheme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LABEL, VALUE = 900, 430, 110
ROW, BAR, MARGIN, TITLE = 26, 16, 16, 44
COLOURS = {"good": "#2a7f62", "bad": "#c0562b", "ours": "#2a5d9f", "other": "#8c97a5"}
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 15px }
.paper { fill: #ffffff } .line { stroke: #24292f; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) {
text { fill: #d5dbe1 } .paper { fill: #0d1117 } .line { stroke: #d5dbe1 } }"""


@dataclass(frozen=True)
class Bar:
    """One bar: its label, its length, the words behind it, and what it stands for."""

    label: str
    length: float
    words: str
    colour: str


def bars(title: str, entries: Sequence[Bar], mark: float | None = None) -> str:
    """Return a chart of the bars, with a line at a mark; a bar longer than three marks is cut."""
    top = max(entry.length for entry in entries)
    if mark is not None:
        top = min(max(top, mark), 3 * mark)
    scale = (WIDTH - LABEL - VALUE - 2 * MARGIN) / (top or 1)
    height = TITLE + ROW * len(entries) + MARGIN
    begin = MARGIN + LABEL
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="{MARGIN}" y="26">{escape(title)}</text>',
    ]
    for number, entry in enumerate(entries):
        y = TITLE + number * ROW
        cut = entry.length > top
        length = max(min(entry.length, top) * scale, 1)
        words = f"{entry.words} …" if cut else entry.words
        behind = begin + max(length, (mark or 0) * scale) + 6  # never on the line
        parts += [
            f'<text x="{begin - 8}" y="{y + 13}" text-anchor="end">{escape(entry.label)}</text>',
            f'<rect x="{begin}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"'
            f' fill="{COLOURS[entry.colour]}"/>',
            f'<text x="{behind:.1f}" y="{y + 13}">{escape(words)}</text>',
        ]
    if mark is not None:
        x = begin + mark * scale
        low, high = TITLE - 4, height - MARGIN + 2
        parts.append(f'<path class="line" d="M{x:.1f} {low}V{high}"/>')
    return "\n".join([*parts, "</svg>", ""])
