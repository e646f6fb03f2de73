# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: the product beside a peer on the same data, as a ratio of medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

GROUPS = {
    "postgresql": "PostgreSQL: dump with data checksums from the same snapshot",
    "neo4j": "Neo4j: downtime",
    "repository": "Day 2: growth and time of a repository",
    "bed": "Whole runs: two hosts, all services",
}


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    The goal is met if the product's median is at most `goal` times the peer's plus `allowance`; a
    goal of None is none. Without a peer (`against` empty) the allowance alone is the limit.
    """

    name: str
    what: str
    unit: str
    product: list[float]
    against: str = ""
    peer: list[float] = field(default_factory=list)
    goal: float | None = None
    allowance: float = 0.0
    note: str = ""

    @property
    def value(self) -> float:
        """The median of what the product took."""
        return statistics.median(self.product)

    @property
    def ratio(self) -> float | None:
        """The product's median by the peer's, None where that means nothing."""
        other = statistics.median(self.peer) if self.peer else 0
        return self.value / other if other else None

    @property
    def bound(self) -> float | None:
        """The most that the product may take, in its unit; None if there is no goal."""
        if self.goal is None:
            return None
        return self.goal * (statistics.median(self.peer) if self.peer else 0) + self.allowance

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None if there is none."""
        return None if self.bound is None else self.value <= self.bound

    def plain(self) -> dict[str, Any]:
        """Return the figure as JSON has it, with what is computed from it."""
        return asdict(self) | {"value": self.value, "ratio": self.ratio, "met": self.met}

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Figure:
        """Return the figure that plain() gave."""
        return cls(**{key: plain[key] for key in cls.__dataclass_fields__})

    @property
    def wanted(self) -> str:
        """The goal in words."""
        if self.goal is None:
            return ""
        parts = [f"{self.goal:g} ×"] if self.against and self.goal != 1 else []
        parts += ["the same"] if self.against and self.goal == 1 and not self.allowance else []
        if self.allowance:
            sign = "+" if self.against else ""
            parts.append(f"{sign}{self.allowance:g} {self.unit}".strip())
        return "≤ " + " ".join(parts)


def timed(action: Callable[[], object]) -> float:
    """Do something and return the seconds it took."""
    began = time.monotonic()
    action()
    return time.monotonic() - began


def interleaved(
    variants: Mapping[str, Callable[[], float]],
    rounds: int,
    say: Callable[[str], None] = print,
) -> dict[str, list[float]]:
    """Given variants that return what they took, run all of them in each round, each time beginning
    with another one, and return the values of each: what disturbs the machine disturbs all alike.
    """
    names = list(variants)
    values: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            values[name].append(round(variants[name](), 3))
            say(f"    round {number + 1}: {name} {values[name][-1]:.2f}")
    return values


def slope(small: float, large: float, growth: float) -> float:
    """Given what the small and the large size took, and how many times more data the large one has,
    return how many times more than in proportion it took.
    """
    return large / small / growth
