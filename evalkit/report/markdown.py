"""`report.md`: tables that can be pasted into a pull request. Text of others shows as it is and does nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evalkit.display.formatting import (
    MARKS,
    MESSAGE_LIMIT,
    WORDS,
    bare_rate,
    figures,
    observed,
    range_text,
    sweep_advice,
    unknown_cells,
)
from evalkit.results.reading import CellRecord, Results, RunRecord
from evalkit.results.runs import Outcome
from evalkit.sampling.provenance import sweep_sentence
from evalkit.stats.intervals import Interval
from evalkit.util.text import counted, duration, percent, plain

REASONS = 5
"""Kinds of failed attempts that a report names; `timing.json` has more of them."""
RUNS_LISTED = 20
"""Runs that a row of the failure table names; `runs.jsonl` has all of them."""
TRACEBACKS = 10
"""Different ones that a report shows; `runs.jsonl` has all of them."""

_ACTIVE = re.compile(r"([\\`*_{}\[\]<>|~&])")
_PINGS = re.compile(r"(?<!\w)@|@(?=[a-z])|#(?=\w)|(?<=\w)://|(?<=www)\.", re.IGNORECASE)


def launch_markdown(cell: CellRecord) -> str:
    """The report of one launch. Shows durations where the runs of `cell` have them."""
    summary = cell.summary
    lines = [f"# {escaped(cell.title)}: {_headline(cell)}", ""]
    if cell.simulated:
        lines += ["> **Simulated model:** these figures measure no LLM.", ""]
    for warning in summary.warnings:
        lines += [f"> **Warning:** {escaped(warning)}", ""]
    for note in cell.notes:
        lines += [f"> **Note:** {escaped(note)}", ""]
    lines += table(("Metric", "Result"), metric_rows(cell))
    if summary.failures:
        lines += ["", "## Failure analysis", ""]
        rows = [
            (row.label, counted(row.count, "run"), percent(row.share), _numbers(row.runs)) for row in summary.failures
        ]
        lines += table(("Reason", "Runs", "Share", "Which"), rows)
    lines += ["", "## Runs", "", *_runs(cell), *_raised(cell), "", "## Settings", "", *_settings(cell)]
    return "\n".join(lines) + "\n"


def _raised(cell: CellRecord) -> list[str]:
    lines = ["", "## Errors in the task's own code"] if any(run.traceback for run in cell.runs) else []
    for which, said, traceback in raised(cell.runs):
        lines += ["", f"{which}: {escaped(said)}", "", *fenced(traceback, "text")]
    return lines


def raised(runs: Sequence[RunRecord]) -> list[tuple[str, str, str]]:
    """What the task's own code raised: which runs, in one sentence, and its traceback; equal ones once."""
    found: dict[str, list[RunRecord]] = {}
    for run in runs:
        if run.traceback:
            found.setdefault(run.traceback, []).append(run)
    return [
        (f"{'Run' if len(same) == 1 else 'Runs'} {_numbers([run.number for run in same])}", same[0].message, traceback)
        for traceback, same in list(found.items())[:TRACEBACKS]
    ]


def _headline(cell: CellRecord) -> str:
    rate = cell.summary.rate
    return f"{bare_rate(rate) if rate.runs else 'no pass rate'}, {cell.summary.verdict}"


def metric_rows(cell: CellRecord) -> list[tuple[str, str]]:
    """Metric and result, for every kind of report."""
    summary = cell.summary
    counts = f"{summary.total}: {summary.passed} passed, {summary.failed} failed"
    if summary.rate.unknown:
        counts += f", {summary.rate.unknown} unknown"
    if summary.errors:
        counts += f", {counted(summary.errors, 'error')}"
    return [
        ("Runs", counts),
        ("Pass rate", bare_rate(summary.rate) if summary.rate.runs else "unknown"),
        ("Observed", observed(summary)),
        *(row for row in figures(summary, simulated=cell.simulated) if row[0] not in ("Model", "Warning")),
        *failed_attempts(cell),
    ]


def failed_attempts(cell: CellRecord) -> list[tuple[str, str]]:
    """Attempts at model calls that failed, as a row; how long they took where runs have times."""
    facts = cell.lost.get("failed_attempts") or {}
    if not facts.get("count"):
        return []
    reasons = ", ".join(f"{number} × {reason}" for reason, number in list(facts["reasons"].items())[:REASONS])
    more = f" and {len(facts['reasons']) - REASONS} more reasons" if len(facts["reasons"]) > REASONS else ""
    timed = any(run.seconds is not None for run in cell.runs)
    took = f"; with the waiting between them {duration(cell.lost['waited_s'])}" if timed else ""
    return [
        (
            "Failed attempts",
            f"{counted(facts['count'], 'model call')} failed and counted for nothing: {reasons}{more}{took}",
        )
    ]


def _runs(cell: CellRecord) -> list[str]:
    timed = any(run.seconds is not None for run in cell.runs)
    header = ["Run", "Status", "Observation", "Tokens", "Steps", *(["Time"] if timed else [])]
    rows = []
    for run in cell.runs:
        row = [str(run.number), status(run), observation(run), f"{run.output_tokens:,}", str(run.steps)]
        if timed:
            row.append("–" if run.seconds is None else duration(run.seconds))
        rows.append(row)
    return table(header, rows)


def status(run: RunRecord) -> str:
    """`✗ FAILURE`."""
    return f"{MARKS[run.outcome]} {WORDS[run.outcome]}"


def observation(run: RunRecord) -> str:
    """What is worth knowing about a run in one line: its message, for a failure after the reason."""
    word = WORDS[run.outcome]
    message = plain(run.message, one_line=True, limit=MESSAGE_LIMIT).removeprefix(f"{word}: ")
    if run.outcome is Outcome.FAILED and run.label:
        label = plain(run.label, one_line=True)
        label += f", {plain(run.diagnosis, one_line=True)}" if run.diagnosis else ""
        message = f"{label}: {message}" if message else label
    return message + (" (LEAKED: do not trust this run)" if run.leaked else "")


def setting_rows(cell: CellRecord) -> list[tuple[str, str]]:
    """What the figures rest on."""
    facts = cell.manifest
    versions, digests = facts["versions"], facts["digests"]
    about = dict.fromkeys([str(facts["model"]["kind"]), *(["simulated"] if cell.simulated else [])])
    about.pop(cell.model, None)
    return [
        ("Task", cell.task),
        ("Model", cell.model + (f" ({', '.join(about)})" if about else "")),
        *(("Endpoint", str(facts["model"]["endpoint"])) for _ in [0] if "endpoint" in facts["model"]),
        *(("Answered by", ", ".join(map(str, names))) for names in [facts["model"].get("answered")] if names),
        ("Limits", str(cell.limits)),
        ("Seed", str(facts.get("seed", "–"))),
        ("Sandbox", str(facts.get("isolation", "–"))),
        ("Rollouts", cell.rollout_set),
        *([("Regraded", _regraded(facts["regraded"]))] if "regraded" in facts else []),
        ("Commit", str(facts.get("commit") or "–")),
        ("Digests", ", ".join(f"{name} {value}" for name, value in digests.items())),
        ("Versions", ", ".join(f"{name} {value}" for name, value in versions.items())),
    ]


def _regraded(facts: Mapping[str, Any]) -> str:
    return " ".join([f"the rollouts of {facts['from']}, graded again", *map(str, facts["overrides"])])


def command(cell: CellRecord) -> str:
    """What to type for the same launch."""
    return "python -m evalkit " + " ".join(shlex.quote(override) for override in cell.overrides)


def _settings(cell: CellRecord) -> list[str]:
    return [*table(("Setting", "Value"), setting_rows(cell)), "", *fenced(command(cell), "sh")]


def fenced(text: str, language: str) -> list[str]:
    """Lines of a block in which text shows as it is, whatever is in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return [f"{fence}{language}", plain(text), fence]


def sweep_markdown(results: Results) -> str:
    """The report of a sweep: one row a cell."""
    first = results.cells[0]
    lines = [f"# {escaped(first.title)}: {counted(len(results.cells), 'cell')}", ""]
    if all(cell.simulated for cell in results.cells):
        lines += ["> **Simulated model:** these figures measure no LLM.", ""]
    header = [*results.knobs, "Runs", "Pass rate", "Interval", "Verdict", "Mean tokens", "Errors"]
    lines += table(header, [sweep_row(results, cell) for cell in results.cells])
    if said := reuse_sentence(results):
        lines += ["", f"{said}"]
    summaries = [cell.summary for cell in results.cells]
    for said in (*unknown_cells(summaries), sweep_advice(summaries)):
        lines += ["", escaped(said)] if said else []
    if results.unfinished:
        lines += ["", f"{counted(len(results.unfinished), 'cell')} without results: the sweep is unfinished."]
    return "\n".join(lines) + "\n"


def reuse_sentence(results: Results) -> str:
    """Of a sweep: how many of its rollouts other launches sampled; empty if none."""
    return sweep_sentence([(cell.rollout_set, cell.summary.total, cell.summary.reused) for cell in results.cells])


def sweep_row(results: Results, cell: CellRecord) -> list[str]:
    """Knobs, then runs, pass rate, interval, verdict, mean tokens and errors of a cell."""
    summary = cell.summary
    return [
        *(cell.knobs.get(name, "") for name in results.knobs),
        str(summary.total),
        bare_rate(summary.rate),
        range_text(summary.rate.interval if summary.rate.runs else Interval(0.0, 1.0)),
        str(summary.verdict),
        "–" if summary.mean_tokens is None else f"{summary.mean_tokens:,.0f}",
        str(summary.errors),
    ]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a markdown table; cells are escaped."""
    return [_line(header), "|" + "---|" * len(header), *(_line(row) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"


def escaped(text: object) -> str:
    """`text` in one line as markdown that shows it: no markup, no image, no link, nobody is mentioned by it.

    Mentions, issue numbers and addresses are recognised after markdown was rendered, so no backslash helps against
    them: an empty comment keeps their first character apart.
    """
    words = _ACTIVE.sub(r"\\\1", plain(text, one_line=True))
    return _PINGS.sub(lambda found: found[0] + "<!-- -->", words)


def _numbers(runs: Sequence[int]) -> str:
    shown = ", ".join(map(str, runs[:RUNS_LISTED]))
    return shown if len(runs) <= RUNS_LISTED else f"{shown}, and {len(runs) - RUNS_LISTED:,} more"
