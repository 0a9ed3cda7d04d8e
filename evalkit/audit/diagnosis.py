"""Which mistake a failed run made: its values compared with those of every known wrong solution and mutant.

`python -m evalkit diagnose DIR` names the mistakes of a launch, writes them to `diagnosis.json` beside its results,
where reports find them, and says how different the reasons of failure are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from evalkit import report
from evalkit.audit.dictionary import Dictionary, Match
from evalkit.audit.labelled_solutions import solutions, task_folder
from evalkit.config.schema import Config
from evalkit.results.reading import CellRecord, RunRecord, load
from evalkit.results.runs import Outcome
from evalkit.results.warnings import DOMINANT, ENOUGH_FAILURES
from evalkit.sampling.problem_set import problem_set
from evalkit.sandbox.protocol import Sandbox
from evalkit.task import author_code
from evalkit.task.protocol import Task
from evalkit.util.files import write_atomically
from evalkit.util.text import counted

FILE = "diagnosis.json"
FEW = 3
"""Problems that are worked out at the end of a launch without being asked: every known mistake plays each of them."""


class TooMany(Exception):
    """More problems would have to be worked out than was allowed."""


async def diagnose(
    cell: CellRecord, config: Config, task: Task, sandbox: Sandbox, *, problems: int | None = None
) -> dict[int, Match]:
    """Run → the mistake that it made, for failed runs of a launch whose values are those of a known mistake.

    Raises `TooMany` if that takes more than `problems` different ones.
    """
    dictionary, found = Dictionary(task, config, sandbox), {}
    asked = problem_set(config, task)
    wrong = [(run, author_code.spec_for(task, asked.problem(run.number))) for run in cell.runs if _wrong_values(run)]
    answers = {run.number: run.rollout.submission.answer for run, _ in wrong if run.rollout.submission}
    if problems is not None and problems < len({dictionary.problem(answers[r.number], s).prompt for r, s in wrong}):
        raise TooMany
    for run, spec in wrong:
        match = await dictionary.name(answers[run.number], spec)
        if match:
            found[run.number] = match
    return found


def _wrong_values(run: RunRecord) -> bool:
    """Whether it failed by its values, and not before anybody looked at them."""
    return run.outcome is Outcome.FAILED and run.measurement is not None and not run.measurement.fault


async def after_launch(folder: Path, config: Config, task: Task, sandbox: Sandbox) -> str:
    """`name_mistakes` for a launch that has just ended, if that is cheap. What there is to say about it, or nothing."""
    (cell,) = load(folder).cells
    wrong = sum(map(_wrong_values, cell.runs))
    if not wrong or not solutions(task_folder(task)):
        return ""
    try:
        matches = await name_mistakes(cell, config, task, sandbox, problems=FEW)
    except TooMany:
        return f"Which known mistakes were made says: python -m evalkit diagnose {folder}"
    report.write(folder)
    known = Counter(match.mistake.partition("/")[2] for match in matches.values())
    listed = ", ".join(f"{mistake} ({count})" for mistake, count in known.most_common())
    return f"Known mistakes in {len(matches)} of {counted(wrong, 'wrong answer')}{': ' if known else '.'}{listed}"


async def name_mistakes(
    cell: CellRecord, config: Config, task: Task, sandbox: Sandbox, *, problems: int | None = None
) -> dict[int, Match]:
    """`diagnose`, with what was found written to `diagnosis.json` beside the results."""
    matches = await diagnose(cell, config, task, sandbox, problems=problems)
    found = reasons(cell.runs, matches)
    content = {
        "runs": {str(run): {**asdict(match), "words": match.words} for run, match in matches.items()},
        "reasons": dict(found.most_common()),
        "warnings": list(warnings(found)),
    }
    write_atomically(cell.folder / FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return matches


def reasons(runs: Sequence[RunRecord], matches: Mapping[int, Match]) -> Counter[str]:
    """Why runs failed: the mistake where it is known, else the category."""
    failed = [run for run in runs if run.outcome is Outcome.FAILED]
    return Counter(matches[r.number].mistake if r.number in matches else r.label or "?" for r in failed)


def warnings(found: Counter[str]) -> Iterator[str]:
    """One reason for nearly all failures: the task measures that alone."""
    total = found.total()
    for reason, count in found.most_common(1):
        if total >= ENOUGH_FAILURES and count >= DOMINANT * total:
            told = f"{count} of {counted(total, 'failure')} have one reason, {reason}"
            yield f"{told}: they say little about anything else"
