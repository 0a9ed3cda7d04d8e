"""The problems of a set in a report: a row for each, and how their rates and their lengths lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.display.document import Cell, Part, Picture, Section, Table
from evalkit.display.figure import Axis, Box, Figure, Point, Segment
from evalkit.display.formatting import MARKS
from evalkit.display.rates import rate_text
from evalkit.results.reading import CellRecord, RunRecord
from evalkit.results.runs import Outcome
from evalkit.results.set_summary import SetSummary
from evalkit.stats.intervals import wilson_range
from evalkit.util.text import counted

LISTED = 300
"""Problems that a report lists; `problems.jsonl` has all of them."""
STRIP = 24
"""Tries whose marks a row shows."""


@dataclass(frozen=True)
class Row:
    """The tries at one problem."""

    problem: str
    runs: Sequence[RunRecord]

    @property
    def known(self) -> list[RunRecord]:
        """Those that passed or failed."""
        return [run for run in self.runs if run.passed is not None]

    @property
    def passes(self) -> int:
        """How many passed."""
        return sum(run.outcome is Outcome.PASSED for run in self.runs)

    @property
    def rate(self) -> float | None:
        """The share that passed; None where nothing is known."""
        return self.passes / len(self.known) if self.known else None

    @property
    def tokens(self) -> float:
        """Mean output tokens of a try that passed or failed."""
        return sum(run.output_tokens for run in self.known) / len(self.known) if self.known else 0.0


def problem_rows(cell: CellRecord) -> list[Row]:
    """The problems of a launch in the order of its runs; empty where the task has one."""
    found: dict[str, list[RunRecord]] = {}
    for run in cell.runs:
        if run.problem is not None:
            found.setdefault(run.problem, []).append(run)
    return [Row(name, runs) for name, runs in found.items()]


def problems_section(cell: CellRecord) -> Section:
    """A row for every problem, lowest rate first; without parts for a task with one."""
    rows = problem_rows(cell)
    if not rows or cell.summary.set is None:
        return Section("Problems", ())
    ordered = sorted(rows, key=lambda row: (row.rate is None, row.rate or 0.0))
    table = Table(
        ("Problem", "Tries", "Pass rate", "Tokens", "Failures"),
        tuple(_cells(row, cell.summary.confidence) for row in ordered[:LISTED]),
    )
    parts: list[Part] = [table]
    if len(rows) > LISTED:
        parts.append(f"{counted(len(rows) - LISTED, 'problem')} more in problems.jsonl.")
    return Section("Problems", tuple(parts))


def plans_section(cell: CellRecord) -> Section:
    """How narrow the interval is, and how narrow more tries or problems would make it; without parts if unknown."""
    plans = cell.summary.set.plans if cell.summary.set else ()
    rows = tuple(
        (
            str(plan["name"]),
            f"{plan['problems']:,}",
            f"{plan['tries']:,}",
            f"{plan['problems'] * plan['tries']:,}",
            f"±{100 * plan['half_width']:.1f} points",
        )
        for plan in plans
    )
    title = "What more would buy"
    return Section(title, (Table(("Plan", "Problems", "Tries at each", "Runs", "Interval"), rows),) if rows else ())


def problem_plots(cell: CellRecord) -> list[Part]:
    """How the rates and the lengths of the problems lie; empty for a task with one."""
    rows, of_set = problem_rows(cell), cell.summary.set
    if not rows or of_set is None:
        return []
    return [
        Picture((rates_figure(of_set), lengths_figure(rows)), "How problems lie", "problems.svg"),
        "Strokes: how many problems chance alone would put there if all were alike.",
    ]


def problem_facts(cell: CellRecord) -> list[dict[str, Any]]:
    """A line for each problem, for the page's table; what a row of markdown says, and what to sort by."""
    said = []
    for row in problem_rows(cell):
        _, strip, words, tokens, failures = _cells(row, cell.summary.confidence)
        facts = {"problem": row.problem, "strip": strip, "rate": row.rate, "rate_words": words}
        said.append(facts | {"tokens": row.tokens, "tokens_words": tokens, "failures": failures})
    return said


def _cells(row: Row, confidence: float) -> tuple[Cell, ...]:
    strip = "".join(MARKS[run.outcome] for run in row.runs[:STRIP]) + ("…" if len(row.runs) > STRIP else "")
    unknown = sum(run.outcome is Outcome.UNKNOWN for run in row.runs)
    interval = wilson_range(row.passes, unknown, len(row.known) + unknown, confidence)
    reasons = Counter(run.label or "" for run in row.known if not run.passed)
    failures = ", ".join(f"{label} {number}" for label, number in reasons.most_common(3))
    rate = f"{row.passes}/{len(row.known)}, {rate_text(row.rate, interval)}"
    return row.problem, strip, rate, f"{row.tokens:,.0f}" if row.known else "–", failures


def rates_figure(of_set: SetSummary) -> Figure:
    """Problems by their observed rate, and how many chance alone would put there if all were alike."""
    bars = of_set.histogram
    width = 0.8 / max(1, len(bars))
    items: list[Box | Segment] = []
    for bar in bars:
        middle = (bar["low"] + bar["high"]) / 2
        at = (middle - width / 2, middle + width / 2)
        title = (
            f"{bar['problems']:.0f} at {100 * bar['low']:.0f}-{100 * bar['high']:.0f}%, {bar['alike']:.1f} by chance"
        )
        items.append(Box(at, (0, bar["problems"]), title=title))
        items.append(Segment((at[0], bar["alike"]), (at[1], bar["alike"]), "expected"))
    most = max([1.0, *(max(bar["problems"], bar["alike"]) for bar in bars)])
    label = "Problems by observed pass rate; strokes: what chance alone would give if all problems were alike"
    x = Axis(-width, 1 + width, "observed pass rate of a problem", names=tuple((n / 4, f"{25 * n}%") for n in range(5)))
    return Figure(label, x, Axis(0, 1.08 * most, "problems", whole=True), tuple(items), "short", title="Rates")


def lengths_figure(rows: Sequence[Row]) -> Figure:
    """A dot for each problem: how often it is passed, and how long its tries are."""
    shown = [row for row in rows if row.rate is not None]
    points = tuple(Point(row.tokens, row.rate or 0.0, title=_said(row)) for row in shown)
    top = 1.05 * max([1.0, *(row.tokens for row in shown)])
    label = "A dot for each problem: pass rate by mean output tokens of a try"
    y = Axis(-0.05, 1.05, "pass rate", names=tuple((n / 4, f"{25 * n}%") for n in range(5)))
    return Figure(label, Axis(0, top, "mean output tokens of a try", whole=True), y, points, "short", title="Lengths")


def _said(row: Row) -> str:
    return f"{row.problem}: {row.passes}/{len(row.known)}, {row.tokens:,.0f} tokens"
