"""Text of runs and analyses: the run line, the closing block, one line for a cell of a sweep."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from evalkit.display.rates import bare_rate, level, range_text, rate_text, rate_words
from evalkit.display.set_figures import set_figures
from evalkit.results.reading import RunRecord
from evalkit.results.runs import Outcome, Run
from evalkit.results.summary import Summary
from evalkit.rollout.record import Ending
from evalkit.stats.verdict import Decision
from evalkit.util.text import counted, dollars, duration, percent, plain

WIDTH = 80
MARKS = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.UNKNOWN: "?", Outcome.ERROR: "!"}
WORDS = {
    Outcome.PASSED: "SUCCESS",
    Outcome.FAILED: "FAILURE",
    Outcome.UNKNOWN: "UNKNOWN",
    Outcome.ERROR: "ERROR",
}
PLANNED = 200
"""Runs that `runs.until=decided` takes at most where nobody sets `runs.max`."""
MESSAGE_LIMIT = 600
"""Characters of a grader's or provider's message that a line shows; files keep all of it."""


def run_line(run: Run) -> str:
    """`✓ Run 3: SUCCESS - Got VERIFIED`."""
    return f"{MARKS[run.outcome]} {run_result(run)}"


def run_result(run: Run) -> str:
    """The run line without its mark. A message that starts with the verdict does not say it twice.

    Of a run that was graded without a submission it says how it ended, too.
    """
    word = WORDS[run.outcome]
    message = plain(run.message, one_line=True, limit=MESSAGE_LIMIT).removeprefix(f"{word}: ")
    if run.measurement is not None and run.rollout.ending is not Ending.SUBMITTED:
        message = f"{message} ({run.rollout.ending.value.replace('_', ' ')})".lstrip()
    return f"{run_name(run)}: {word} - {message}" if message else f"{run_name(run)}: {word}"


def run_name(run: Run | RunRecord) -> str:
    """`Run 3`; of a set, the problem and the try: `HumanEval/11 try 3`."""
    if run.problem is None:
        return f"Run {run.number}"
    return f"{plain(run.problem, one_line=True)} try {run.attempt}"


def closing_block(summary: Summary, title: str, *, simulated: bool = False, published: bool = False) -> str:
    """The analysis that ends a launch, in one block of 80 columns.

    `published`: the form in which the tasks were published, whose last line says where the observed rate lies, whatever
    that proves. Else what is observed and what is decided, each once, and everything that evalkit adds.
    """
    rule = "=" * WIDTH
    lines = [rule, f"TASK ANALYSIS - {plain(title, one_line=True)}", rule, *_counts(summary), ""]
    if summary.failures:
        lines += ["Failure Analysis:", *_failure_rows(summary), ""]
    lines += [published_line(summary)] if published else _additions(summary, simulated)
    return "\n".join([*lines, rule])


def published_line(summary: Summary) -> str:
    """Whether the observed pass rate lies in the target range; says nothing about how sure that is."""
    rate, band = summary.rate.value, summary.band
    if summary.rate.unknown and summary.rate.within(band):
        return f"✓ PASS RATE IN TARGET RANGE ({band})"
    if summary.rate.unknown:
        unknown = f"{summary.rate.unknown} of {counted(summary.rate.runs, 'run')} are unknown"
        return f"? PASS RATE KNOWN AS A RANGE ONLY (target range {band}): {unknown}"
    if rate is None:
        return f"! NO PASS RATE (target range {band}): " + (
            "every run ended in an error" if summary.total else "there are no runs"
        )
    if rate in band:
        return f"✓ PASS RATE IN TARGET RANGE ({band})"
    return f"✗ PASS RATE {'ABOVE' if rate > band.high else 'BELOW'} TARGET RANGE ({band})"


def observed(summary: Summary) -> str:
    """Where the observed rate lies: `above the target range (10-40%)`."""
    rate, band = summary.rate.value, summary.band
    if summary.rate.unknown:
        inside = "in" if summary.rate.within(band) else "not known to be in"
        return f"{inside} the target range ({band})"
    if rate is None:
        return f"nothing (target range {band}): " + (
            "every run ended in an error" if summary.total else "there are no runs"
        )
    return f"{'in' if rate in band else 'above' if rate > band.high else 'below'} the target range ({band})"


def mark(summary: Summary) -> str:
    """One character for what is decided: ✓ in the band, ✗ outside, ? not known, ! nothing observed."""
    if not summary.rate.runs:
        return "!"
    return {Decision.IN_BAND: "✓", Decision.UNDECIDED: "?"}.get(summary.verdict.decision, "✗")


def advice(summary: Summary) -> str | None:
    """What to do where nothing is decided: the only way to go on from the runs at hand that keeps the level."""
    if summary.verdict.decision is not Decision.UNDECIDED or summary.rate.value is None:
        return None
    if summary.stopping:
        more = f"runs.max={2 * summary.stopping.planned}"
        more = "more problems" if summary.stopping.unit == "problem" else more
        return f"the same command with {more} keeps these runs and goes on until it is known"
    kept = f"keeps {'this run' if summary.total == 1 else f'these {summary.total:,} runs'}"
    most = f" runs.max={5 * summary.total}" if summary.total > PLANNED // 2 and not summary.set else ""
    return f"the same command with runs.until=decided{most} {kept} and goes on until it is known"


def sweep_advice(summaries: Sequence[Summary]) -> str:
    """The same for a sweep, in one sentence; empty if every cell is decided."""
    undecided = [summary for summary in summaries if advice(summary)]
    if not undecided:
        return ""
    what = advice(max(undecided, key=lambda summary: summary.total))
    return f"UNDECIDED: {len(undecided)} of {counted(len(summaries), 'cell')}; {what}."


def _counts(summary: Summary) -> Iterator[str]:
    yield f"Total Runs: {summary.total}"
    yield f"Successful: {summary.passed}"
    yield f"Failed: {summary.failed}"
    if summary.rate.unknown:
        yield f"Unknown: {summary.rate.unknown}"
    if summary.errors:
        yield f"Errors: {summary.errors}"
    yield f"Pass Rate: {bare_rate(summary.rate) if summary.rate.runs else 'unknown'}"


def _failure_rows(summary: Summary) -> Iterator[str]:
    for row in summary.failures:
        yield f"  {plain(row.label, one_line=True)}: {counted(row.count, 'run')} ({percent(row.share)})"


def figures(summary: Summary, *, simulated: bool = False) -> list[tuple[str, str]]:
    """Name and text of everything that evalkit says beside counts and pass rate; what does not apply is left out."""
    of_set = list(set_figures(summary.set)) if summary.set else []
    rows = [
        (f"{level(summary.confidence)} interval", None if of_set else _interval(summary)),
        *of_set,
        ("Verdict", _verdict(summary)),
        ("To decide", advice(summary)),
        ("Stopping", str(summary.stopping) if summary.stopping else None),
        ("Rollouts", summary.reused.sentence(summary.total)),
        ("Errors", _errors(summary)),
        *(("Unknown", text) for text in unknown_sentences(summary)),
        ("pass@k", _pass_k(summary)),
        ("Stability", _stability(summary)),
        ("Run time", _run_time(summary)),
        ("Tokens", _tokens(summary)),
        ("Cost", _cost(summary, simulated)),
        ("Model", "simulated: these figures measure no LLM" if simulated else None),
        *(("Warning", plain(warning, one_line=True)) for warning in summary.warnings),
    ]
    return [(name, text) for name, text in rows if text]


def _additions(summary: Summary, simulated: bool) -> Iterator[str]:
    shown = [("Observed", observed(summary)), *figures(summary, simulated=simulated)]
    indent = max(len(name) for name, _ in shown) + 2
    for name, text in shown:
        # a name stays beside its figure and its interval
        kept = re.sub(r"(pass[@^]\d+) ([\d.]+%) ", "\\1\N{NO-BREAK SPACE}\\2\N{NO-BREAK SPACE}", text)
        kept = kept.replace("p = ", "p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")
        first = f"{name + ':':<{indent}}{kept}"
        for line in textwrap.wrap(first, WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False):
            yield line.replace("\N{NO-BREAK SPACE}", " ")


def _interval(summary: Summary) -> str | None:
    kind = "confidence sequence, holds at every look; the verdict tests each end by itself"
    kind = kind if summary.stopping else "Wilson"
    return f"{range_text(summary.rate.interval)} ({kind})" if summary.rate.runs else None


def _verdict(summary: Summary) -> str:
    about = f", about {summary.set.meanings[0][0]}" if summary.set else ""
    return f"{summary.verdict} at {level(summary.confidence)} confidence{about}"


def _errors(summary: Summary) -> str | None:
    if not summary.errors:
        return None
    cover, whole = summary.coverage or 0.0, summary.rate_with_errors
    runs = ", ".join(map(str, summary.error_runs[:10])) + (", …" if summary.errors > 10 else "")
    which = "" if summary.set else f" ({runs})"
    return (
        f"{counted(summary.errors, 'run')} ended by a fault that is not the model's{which}; "
        f"the rate covers {percent(cover)} of the runs; with errors counted as failures it is "
        f"{rate_words(whole)}"
    )


def unknown_sentences(summary: Summary) -> list[str]:
    """How many runs are unknown and why, one sentence a reason, with the way to know."""
    return [
        f"{len(each.runs)} of {counted(summary.rate.runs, 'run')} may have passed or not: {each.reason}; "
        "reuse=exact samples at these limits"
        for each in summary.unknown
    ]


def unknown_cells(summaries: Sequence[Summary]) -> list[str]:
    """Of a sweep: in how many cells how many runs are unknown, one sentence a reason."""
    found: dict[str, list[int]] = {}
    for summary in summaries:
        for each in summary.unknown:
            found.setdefault(each.reason, []).append(len(each.runs))
    return [
        f"UNKNOWN: up to {counted(max(runs), 'run')} in {len(runs)} of {counted(len(summaries), 'cell')}, whose rates "
        f"are therefore ranges: {reason}. A launch of such a cell alone with reuse=exact samples at its own limits."
        for reason, runs in found.items()
    ]


def _pass_k(summary: Summary) -> str | None:
    if summary.set:
        return None
    if summary.problems > 1:
        return (
            f"not estimated: the {summary.rate.runs:,} runs were {summary.problems:,} different problems, and a rate "
            "over all of them says nothing about k tries at one"
        )
    if summary.passed == 0 or summary.failed == 0 or len(summary.pass_at_k) < 2:
        return None
    shown, found = [k for k in summary.pass_at_k if 1 < k <= 8], summary.of_k()
    some = ", ".join(f"pass@{k} {rate_text(summary.pass_at_k[k], found['pass_at_k'][k])}" for k in shown)
    every = ", ".join(f"pass^{k} {rate_text(summary.pass_hat_k[k], found['pass_hat_k'][k])}" for k in shown)
    return f"{some}; {every}"


def _stability(summary: Summary) -> str | None:
    found = summary.stability
    if found is None:
        return None
    told = "no test: the results decided how many runs there are"
    if found.p_value is not None:
        told = f"p = {found.p_value:.2g} that it gives as much as observed"
    rates = ", ".join(percent(rate) for rate in found.rates[:8]) + (", …" if len(found.rates) > 8 else "")
    return (
        f"standard deviation {100 * found.std:.1f} points over {counted(len(found.rates), 'batch', 'batches')} "
        f"({rates}); chance alone gives {100 * found.expected:.1f} "
        f"({told})"
    )


def _run_time(summary: Summary) -> str | None:
    times = summary.times()
    if times["mean_s"] is None:
        return None
    return f"mean {duration(times['mean_s'])}, 95th percentile {duration(times['p95_s'])}"


def _tokens(summary: Summary) -> str | None:
    if summary.mean_tokens is None or summary.mean_steps is None:
        return None
    steps = f"{summary.mean_steps:.1f} step" + ("" if f"{summary.mean_steps:.1f}" == "1.0" else "s")
    return f"mean {summary.mean_tokens:,.0f} output tokens and {steps} a run, {summary.total_tokens:,} in all"


def _cost(summary: Summary, simulated: bool) -> str | None:
    if simulated:
        return None
    return "unknown price" if summary.cost_usd is None else dollars(summary.cost_usd)


def cell_line(index: int, cells: int, knobs: str, summary: Summary) -> str:
    """One cell of a sweep: `? [3/16] limits.max_tokens=2900: 26.7% (10.9-52.0%), UNDECIDED`."""
    errors = f", {counted(summary.errors, 'error')}" if summary.errors else ""
    unknown = f", {counted(summary.rate.unknown, 'run')} unknown" if summary.rate.unknown else ""
    told = f"{rate_words(summary.rate)}, {summary.verdict}{unknown}{errors}"
    return f"{mark(summary)} [{index + 1}/{cells}] {knobs}: {told}"
