# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from _bench import bed, machine, page, plot, results
from _bench.figures import GROUPS, Figure, interleaved


def figure(product: list[float], peer: list[float] | None = None, **more: float) -> Figure:
    return Figure("name", "what", "s", product, "peer" if peer else "", peer or [], **more)


@pytest.mark.parametrize(
    ("found", "ratio", "met", "wanted"),
    [
        (figure([9, 1, 5], [10, 9, 11], goal=0.5), 0.5, True, "≤ 0.5 ×"),
        (figure([5.1], [10], goal=0.5), 0.51, False, "≤ 0.5 ×"),
        (figure([11], [10], goal=1, allowance=1), 1.1, True, "≤ +1 s"),
        (figure([11.1], [10], goal=1, allowance=1), 1.11, False, "≤ +1 s"),
        (figure([10], [10], goal=1), 1.0, True, "≤ the same"),
        (figure([151], goal=0, allowance=150), None, False, "≤ 150 s"),
        (figure([150], goal=0, allowance=150), None, True, "≤ 150 s"),
        (figure([1], [2]), 0.5, None, ""),
        (figure([1], [0]), None, None, ""),
    ],
)
def test_a_goal_is_met_by_medians_only(
    found: Figure, ratio: float | None, met: bool | None, wanted: str
) -> None:
    assert found.ratio == (ratio if ratio is None else pytest.approx(ratio))
    assert (found.met, found.wanted) == (met, wanted)
    assert Figure.read(json.loads(json.dumps(found.plain()))) == found


def test_variants_are_interleaved_and_each_begins_in_turn() -> None:
    order: list[str] = []

    def variant(name: str) -> float:
        order.append(name)
        return len(order)

    ways = {name: lambda name=name: variant(name) for name in "abc"}
    values = interleaved(ways, 3, say=lambda _text: None)
    assert "".join(order) == "abcbcacab"
    assert values == {"a": [1, 6, 8], "b": [2, 4, 9], "c": [3, 5, 7]}


def entry(*figures: Figure) -> dict[str, object]:
    measured = results.record(lambda: (list(figures), {"more": 1}), 3, {})
    return measured | {"machine": {"processor": "P", "cores": 2, "memory_gb": 8}}


def test_a_group_that_is_measured_again_takes_the_place_of_its_earlier_run(tmp_path: Path) -> None:
    results.write("S", "neo4j", entry(figure([1], [2])), tmp_path)
    results.write("S", "postgresql", entry(figure([3], [4])), tmp_path)
    results.write("S", "neo4j", entry(figure([5], [6])), tmp_path)
    groups = results.read("S", tmp_path)["groups"]
    assert [groups[name]["figures"][0]["value"] for name in ("neo4j", "postgresql")] == [5, 3]
    assert results.read("M", tmp_path)["groups"] == {}
    (tmp_path / "S.json").write_text('{"format": 0}', encoding="utf-8")
    with pytest.raises(ValueError, match="has format 0"):
        results.read("S", tmp_path)


def test_the_page_says_where_we_lose(tmp_path: Path) -> None:
    lost, won = figure([20], [10], goal=0.5), figure([4], [10], goal=0.5)
    results.write("S", "neo4j", entry(lost, won), tmp_path / "results")
    target = tmp_path / "docs" / "benchmarks.md"
    target.parent.mkdir()
    page.write(tmp_path / "results", target)
    text = target.read_text(encoding="utf-8")
    assert f"### {GROUPS['neo4j']}" in text
    assert "| what | 20.0 s | peer | 10.0 s | 2.00 | ≤ 0.5 × | **not met** |" in text
    assert "| what | 4.00 s | peer | 10.0 s | 0.40 | ≤ 0.5 × | met |" in text
    assert "(benchmarks/goals-S.svg)" in text
    drawn = (tmp_path / "docs" / "benchmarks" / "goals-S.svg").read_text(encoding="utf-8")
    assert "400 % …" in drawn  # a bar longer than the plot is cut, and its number is not


def test_bars_are_as_long_as_their_values() -> None:
    drawn = plot.bars("<title>", [plot.Bar("a & b", 2, "2", "good"), plot.Bar("c", 1, "1", "bad")])
    assert "&lt;title&gt;" in drawn
    assert "a &amp; b" in drawn
    lengths = [
        float(part.split('width="')[1].split('"')[0])
        for part in drawn.splitlines()
        if 'rx="2"' in part
    ]
    assert lengths[0] == pytest.approx(2 * lengths[1])


def test_a_task_lasts_until_the_next_one_is_named() -> None:
    lines = ["PLAY [a] ***\n", "TASK [one : x] ***\n", "ok: [h]\n", "TASK [two] ***\n", "ok\n"]
    lines += ["TASK [one : x] ***\n", "PLAY RECAP ***\n", "h : ok=3 changed=0\n"]
    found = bed.slowest(lines, [0, 1, 1.5, 3, 3, 7, 8, 8])
    assert found == {"two": 4, "one : x": 3}


def test_a_step_of_a_night_lasts_until_the_words_that_begin_the_next_one() -> None:
    words = [said for _name, said in bed.STEPS]
    earlier = [(float(n), said) for n, said in enumerate(words)]
    night = [(100.0 + 2 * n, f"local: {said}…") for n, said in enumerate(words)]
    again = (night[5][0] + 1, words[5])  # partial archives are pruned too, in another step
    found = bed.steps([*earlier, *night[:6], again, *night[6:]])
    assert list(found) == [name for name, _said in bed.STEPS[:-1]]
    assert set(found.values()) == {2.0}
    with pytest.raises(RuntimeError, match="does not tell when 'borg create' began"):
        bed.steps([*earlier, *night[:3]])


def test_the_page_says_whether_time_grows_with_the_data(tmp_path: Path) -> None:
    for size, seconds, megabytes in (("S", 10, 100), ("M", 150, 1000), ("L", 900, 4000)):
        dump = Figure("postgresql-checksums", "dump", "s", [seconds])
        measured = entry(dump) | {"details": {"dump_mb": megabytes}}
        results.write(size, "postgresql", measured, tmp_path / "results")
    target = tmp_path / "docs" / "benchmarks.md"
    target.parent.mkdir()
    page.write(tmp_path / "results", target)
    text = target.read_text(encoding="utf-8")
    assert "| dump | S | M | 100 MB to 1000 MB | 10.0 s to 150 s | 1.50 | **not met** |" in text
    assert "| dump | M | L | 1000 MB to 4000 MB | 150 s to 900 s | 1.50 | **not met** |" in text


def test_processors_that_work_are_counted_and_idle_ones_are_not(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text(
        "cpu  100 20 30 5000 600 7 8 0 0 0\ncpu0 1 1 1 1 1 1 1 0 0 0\n", encoding="ascii"
    )
    assert machine.busy(stat) * os.sysconf("SC_CLK_TCK") == pytest.approx(165)
    assert machine.busy() > 0


def test_the_parts_of_the_last_drill_are_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, started, verify in (("b", "2026-01-01", 1.0), ("a", "2026-01-02", 2.0)):
        seconds = {"build": 3.0, "restore": 4.0, "verify": verify}
        report = {"verdict": "proven", "started": started, "seconds": {"total": 50, "extract": 9}}
        report["services"] = {"redis": {"seconds": seconds}}
        (tmp_path / f"{name}.json").write_text(json.dumps(report), encoding="utf-8")
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(bed, "REPORTS", tmp_path)
    details = {"dump_seconds": {}, "by_hand_seconds": {}, "step_seconds": {}}
    text = page.where_time_goes(details | {"drill_seconds": bed.Night("XS").drilled()})
    assert "took 50.0 s on its host, 9.0 s to extract" in text
    assert "| redis | 3.0 | 4.0 | 2.0 |" in text
