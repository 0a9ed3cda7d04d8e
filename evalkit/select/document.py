"""A choice of problems in sentences: what was chosen and promised, what is common, and what more tries would do."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.select.choose import Choice, lines
from evalkit.stats.selection_policy import CAPS, next_tries
from evalkit.util.text import counted, percent, plain

SHOWN = 10
"""Problems that are listed; the file has all."""


def tell(choice: Choice, cap: int | None = None) -> list[str]:
    """The document, a line each. `cap`: the most tries that a problem may get; None for that of the rule."""
    most = CAPS[choice.rule] if cap is None else cap
    return [*_heading(choice), "", *_chosen(choice), "", *_first(choice), "", *_more(choice, most)]


def _heading(choice: Choice) -> Iterator[str]:
    tried = choice.tried
    tries = [each.tries for each in tried.problems]
    span = f"{min(tries)}" if min(tries) == max(tries) else f"{min(tries)} to {max(tries)}"
    title, total = plain(tried.title, one_line=True), f"{sum(tries):,} in all"
    yield f"{title}: {counted(len(tries), 'problem')}, {span} tries each, {total}"
    model = plain(tried.model, one_line=True)
    yield f"Model: {model}" + (" (simulated: these figures measure no LLM)" if tried.simulated else "")
    if tried.left_out:
        yield f"Left out: {counted(tried.left_out, 'run')} without a verdict (errors, unknown outcomes)"


def _chosen(choice: Choice) -> Iterator[str]:
    found, total = choice.selection, len(choice.tried.problems)
    yield f"Rule `{choice.rule}`: {choice.promise}."
    yield f"Chosen: {choice.count} of {counted(total, 'problem')}."
    if not choice.count and choice.rule != "signal":
        yield "No problem is known well enough for this level: more tries, or a larger --level, would help."
    if choice.count and found.error is not None:
        wrong = (
            sum(1 - inside for inside, taken in zip(found.in_band, found.chosen, strict=True) if taken) / choice.count
        )
        fit = f"{percent(found.error)} with a margin for the uncertainty of the fit"
        yield f"Expected share of them outside {choice.band}: {percent(wrong)}, {fit}."
    if choice.count:
        chosen = [value for value, taken in zip(found.signal, found.chosen, strict=True) if taken]
        yield (
            f"Expected training signal (groups of {choice.group} tries with mixed outcomes): "
            f"{percent(sum(chosen) / len(chosen))} of the chosen, {percent(sum(found.signal) / total)} of all problems."
        )
    yield from _common(choice)


def _common(choice: Choice) -> Iterator[str]:
    """What the usual rule would have chosen, and how wrong it is expected to be."""
    pairs = zip(choice.tried.problems, choice.selection.in_band, strict=True)
    usual = [inside for each, inside in pairs if each.tries and each.passed / each.tries in choice.band]
    if usual:
        wrong = sum(1 - inside for inside in usual) / len(usual)
        rates = "observed rate lies" if len(usual) == 1 else "observed rates lie"
        yield (
            f"For comparison: the {rates} in {choice.band} for {counted(len(usual), 'problem')}, "
            f"of which {percent(wrong, 0)} are expected to be outside."
        )


def _first(choice: Choice) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("", "problem", "passed", "expected rate", "chance in band", "expected signal")]
    for line, _ in zip(lines(choice), range(SHOWN), strict=False):
        mark = "✓" if line.chosen else " "
        passed = f"{line.passed}/{line.tries}"
        shares = [percent(share, 0) for share in (line.expected_rate, line.chance_in_band, line.expected_signal)]
        rows.append((mark, plain(line.problem, one_line=True, limit=40), passed, *shares))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        left = f"  {row[0]:<{widths[0]}} {row[1]:<{widths[1]}}"
        yield left + "".join(f"  {cell:>{width}}" for cell, width in zip(row[2:], widths[2:], strict=True))
    if (rest := len(choice.tried.problems) - SHOWN) > 0:
        yield f"  … and {counted(rest, 'problem')} more"


def _more(choice: Choice, cap: int) -> Iterator[str]:
    """Which problems more tries would help."""
    count = choice.count if choice.rule == "signal" else None
    more = next_tries(
        choice.tried.counts, choice.band, rule=choice.rule, level=choice.level, cap=cap, count=count, group=choice.group
    )
    going = sum(each > 0 for each in more)
    if going:
        most = f"at most {cap:,} each"
        yield f"Worth more tries: {counted(going, 'problem')} ({sum(more)} tries in the next round, {most})."
    else:
        yield "Worth more tries: none. What is not decided by now costs more than it would add."
