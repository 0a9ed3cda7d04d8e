"""The report of a launch as a document: figures, failures, runs, errors, settings. A new section is added here."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.display.document import Cell, Code, Note, Part, Section, Table, Tone, with_content
from evalkit.display.formatting import MARKS, MESSAGE_LIMIT, WORDS, closing_block, figures, observed, run_name
from evalkit.display.rates import bare_rate
from evalkit.report.problems import plans_section, problems_section
from evalkit.results.reading import CellRecord, RunRecord
from evalkit.results.runs import Outcome
from evalkit.stats.verdict import Decision
from evalkit.util.text import counted, duration, percent, plain

SIMULATED = Note("Simulated model", "these figures measure no LLM.")
DECIDED: dict[Decision, Tone] = {Decision.IN_BAND: "passed", Decision.UNDECIDED: "error"}
NO_TONE: Tone = ""
SHOWN_APART = ("Model", "Warning", "To know more")
"""Figures that notes and tables of a report show."""
REASONS = 5
"""Kinds of failed attempts that a report names; `timing.json` has more of them."""
MOST_RUNS = 5_000
"""Runs that a report has a line for; `runs.jsonl` has all of them."""
RUNS_LISTED = 20
"""Runs that a row of the failure table names; `runs.jsonl` has all of them."""
TRACEBACKS = 10
"""Different ones that a report shows; `runs.jsonl` has all of them."""


def launch_document(cell: CellRecord) -> list[Section]:
    """The report of one launch. Shows durations where the runs of `cell` have them."""
    sections = [
        Section(f"{cell.title}: {_headline(cell)}", (*notes(cell), metrics_table(cell))),
        Section("Failure analysis", _failures(cell)),
        problems_section(cell),
        plans_section(cell),
        Section("Runs", (_runs(cell),)),
        raised_section(cell),
        settings_section(cell),
    ]
    return with_content(sections)


def launch_overview(cell: CellRecord) -> list[Section]:
    """For a terminal: the block that closed the launch, a line for every run, and how to see one."""
    block = closing_block(cell.summary, cell.title, simulated=cell.simulated)
    decided = DECIDED.get(cell.summary.verdict.decision, "failed")
    tones = tuple(decided if line.startswith("Verdict:") else NO_TONE for line in block.split("\n"))
    what = "PROBLEM TRY" if cell.summary.set else "RUN"
    hint = f"python -m evalkit show {shlex.quote(plain(cell.folder))} {what}   shows a conversation"
    said = [Note("Note", note) for note in cell.notes]
    listed = problems_section(cell).parts or (_runs(cell),)
    return [Section("", (Code(block, tones=tones), *said, *listed, Code(hint, tones=("muted",))))]


def notes(cell: CellRecord) -> list[Note]:
    """What must be known before the figures."""
    simulated = [SIMULATED] if cell.simulated else []
    warned = [Note("Warning", warning) for warning in cell.summary.warnings]
    cut = f"the first {MOST_RUNS:,} of {len(cell.runs):,} runs are listed; runs.jsonl has all of them."
    left_out = [Note("Note", cut)] if len(cell.runs) > MOST_RUNS else []
    return [*simulated, *warned, *(Note("Note", note) for note in cell.notes), *left_out]


def metrics_table(cell: CellRecord) -> Table:
    """Every figure of the launch."""
    return Table(("Metric", "Result"), tuple(metric_rows(cell)))


def _failures(cell: CellRecord) -> tuple[Part, ...]:
    names = {run.number: run_name(run) for run in cell.runs} if cell.summary.set else {}
    rows = tuple(
        (row.label, counted(row.count, "run"), percent(row.share), _numbers(row.runs, names))
        for row in cell.summary.failures
    )
    return (Table(("Reason", "Runs", "Share", "Which"), rows),) if rows else ()


def raised_section(cell: CellRecord) -> Section:
    """What the task's own code raised; without parts if nothing."""
    said = _raised(cell.runs)
    parts = [part for which, words, traceback in said for part in (f"{which}: {words}", Code(traceback))]
    return Section("Errors in the task's own code", tuple(parts))


def settings_section(cell: CellRecord) -> Section:
    """What the figures rest on, and how to get them again."""
    return Section("Settings", (Table(("Setting", "Value"), tuple(setting_rows(cell))), Code(command(cell), "sh")))


def _raised(runs: Sequence[RunRecord]) -> list[tuple[str, str, str]]:
    """Which runs, in one sentence, and the traceback; equal ones once."""
    found: dict[str, list[RunRecord]] = {}
    for run in runs:
        if run.traceback:
            found.setdefault(run.traceback, []).append(run)
    return [(_which(same), same[0].message, traceback) for traceback, same in list(found.items())[:TRACEBACKS]]


def _which(runs: Sequence[RunRecord]) -> str:
    """`Runs 1, 2`; of a set, the problems and the tries."""
    if runs[0].problem is not None:
        return _numbers([run.number for run in runs], {run.number: run_name(run) for run in runs})
    return f"{'Run' if len(runs) == 1 else 'Runs'} {_numbers([run.number for run in runs])}"


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
        *(row for row in figures(summary, simulated=cell.simulated) if row[0] not in SHOWN_APART),
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


def _runs(cell: CellRecord) -> Table:
    timed = any(run.seconds is not None for run in cell.runs)
    header = ("Run", "Status", "Observation", "Tokens", "Steps", *(["Time"] if timed else []))
    rows: list[tuple[Cell, ...]] = []
    for run in cell.runs[:MOST_RUNS]:
        took = ["–" if run.seconds is None else duration(run.seconds)] if timed else []
        rows.append(
            (
                run_name(run).removeprefix("Run "),
                status(run),
                observation(run),
                f"{run.output_tokens:,}",
                str(run.steps),
                *took,
            )
        )
    return Table(header, tuple(rows))


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


def _numbers(runs: Sequence[int], names: Mapping[int, str] | None = None) -> str:
    shown = ", ".join((names or {}).get(run, str(run)) for run in runs[:RUNS_LISTED])
    return shown if len(runs) <= RUNS_LISTED else f"{shown}, and {len(runs) - RUNS_LISTED:,} more"
