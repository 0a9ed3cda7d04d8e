"""Comparisons as sentences and tables, the same for the terminal, for markdown and for a page."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from evalkit.diff.compare import CellDiff, GraderEffect, LaunchDiff, SweepDiff
from evalkit.diff.knobs import Change
from evalkit.diff.outcomes import Figures, Flip, Outcomes
from evalkit.diff.problems import POWER, SetDifference
from evalkit.diff.settings import Settings
from evalkit.display.document import Changes, Code, Section, Table, with_content
from evalkit.display.formatting import MARKS, MESSAGE_LIMIT, WORDS
from evalkit.display.rates import level, rate_words
from evalkit.results.runs import Outcome
from evalkit.stats.paired_sets import DRAWS
from evalkit.util.text import counted, dollars, duration, percent, plain, short_names

_NONE = "–"
MOST_PROBLEMS = 10
"""Rows of the table of problems that changed."""
_ALPHA = "0.0001"
_PAIRS = {
    "rollout": ("shared rollout", "shared rollouts"),
    "problem": ("pair of runs with the same problem", "pairs of runs with the same problem"),
}


def tell(diff: LaunchDiff | SweepDiff) -> list[Section]:
    """All sections, the empty ones left out."""
    return with_content(list(_launches(diff) if isinstance(diff, LaunchDiff) else _sweeps(diff)))


def _launches(diff: LaunchDiff) -> Iterator[Section]:
    old, new = str(diff.old.folder), str(diff.new.folder)
    verdict = "different" if diff.differ else "the same settings and the same results"
    yield Section(f"{old} → {new}", (f"{verdict[0].upper()}{verdict[1:]}.", *diff.notes))
    yield from _changed(diff.settings)
    for effect in diff.grader_effects:
        yield from _grader(effect)
    if diff.differ:
        yield from _results("What came of it", diff.outcomes, regraded=bool(diff.grader_effects))


def _changed(settings: Settings) -> Iterator[Section]:
    if settings.config:
        yield Section("Config", (Code("\n".join(map(_override, settings.config)), "sh"),))
    yield Section("Config that no override can write", _changes(settings.unwritable))
    for title, pieces in (("Prompt", settings.prompt), ("System prompt", settings.system)):
        yield Section(title, (Changes(pieces),) if pieces else ())
    rest = [*settings.model, *settings.tools, *settings.grader, *settings.versions]
    yield Section("Model, tools, grader, versions", _changes(rest))
    yield Section("Provenance (no difference)", _changes(settings.provenance))


def _override(change: Change) -> str:
    """As it is pasted into a shell behind the command of the first launch, and what it replaces."""
    override = f"~{change.name.lstrip('~')}" if change.new is None else f"{change.name}={change.new}"
    was = _NONE if change.old is None else change.old
    return f"{shlex.quote(override)}  # was {was or 'not there'}"


def _changes(changes: Sequence[Change]) -> tuple[Table, ...]:
    rows = tuple((change.name, change.old or _NONE, change.new or _NONE) for change in changes)
    return (Table(("what", "was", "is"), rows),) if rows else ()


def _grader(effect: GraderEffect) -> Iterator[Section]:
    outcomes = effect.outcomes
    before, after = _rate(outcomes.old), _rate(outcomes.new)
    sentence = (
        f"The grader of today gives the rollouts of {effect.folder} a pass rate of {after} instead of {before}: "
        f"{counted(len(outcomes.flips), 'verdict')} changed."
    )
    parts = (sentence, _flips(outcomes.flips)) if outcomes.flips else (sentence,)
    yield Section("Effect of the grader alone", parts)


def _results(title: str, outcomes: Outcomes, *, regraded: bool) -> Iterator[Section]:
    under = ("Both sides under the grader of today.",) if regraded else ()
    parts = (*under, _figures(outcomes), *_breakdowns(outcomes), *sentences(outcomes))
    yield Section(title, parts)
    if outcomes.set and any(each.difference for each in outcomes.set.problems):
        yield Section("Problems that changed most", (_problems(outcomes.set),))
    if outcomes.flips:
        yield Section("Flipped runs", (_flips(outcomes.flips),))


def _problems(found: SetDifference) -> Table:
    """The largest differences of observed rates."""
    changed = [each for each in found.problems if each.difference][:MOST_PROBLEMS]
    rows = tuple(
        (each.problem, f"{each.old[0]}/{each.old[1]}", f"{each.new[0]}/{each.new[1]}", points(each.difference))
        for each in changed
    )
    return Table(("problem", "old", "new", "difference"), rows)


def sentences(outcomes: Outcomes) -> Iterator[str]:
    """What test was made, what it says, and how many runs could tell."""
    found, pairs = outcomes.comparison, outcomes.pairs
    units, basis = "runs on each side", "independent rollouts"
    if pairs and outcomes.paired_by:
        unit, units = _PAIRS[outcomes.paired_by]
        basis = counted(pairs.total, unit, units)
        yield (
            f"Of {basis} {pairs.both} passed on both sides, {pairs.only_old} only on the old one, "
            f"{pairs.only_new} only on the new one, {pairs.neither} on neither."
        )
    if outcomes.unknown:
        yield (
            f"Of {counted(outcomes.unknown, 'run')} nobody knows whether they passed, so the difference is not tested: "
            "launch both sides with reuse=exact, which samples at their own limits."
        )
        return
    if outcomes.set and not pairs:
        yield from _by_problem(outcomes.set, outcomes)
        return
    yield f"{found.method}'s exact test on {basis}: p = {p_text(found.p_value)}."
    at = level(outcomes.confidence)
    if outcomes.tells:
        yield f"The pass rates differ: chance alone is rejected at {at}."
    elif outcomes.runs_needed is None:
        yield f"The pass rates are equal{' on these' if pairs else ''}: there is no difference to tell from chance."
    else:
        yield (
            f"The difference cannot be told from chance at {at}: a true difference of this size would take new "
            f"launches with about {outcomes.runs_needed:,} {units} (power {percent(POWER, 0)})."
        )
    if outcomes.tells == (0 in found.interval):
        yield "Interval and test disagree about 0: the interval is an approximation, the test is exact and decides."
    if outcomes.set:
        yield from _beyond_these(outcomes.set, outcomes)


def _by_problem(found: SetDifference, outcomes: Outcomes) -> Iterator[str]:
    """The test by problem, what pairing saved, and how many problems could tell."""
    yield f"{_permutation(found)}: p = {p_text(found.comparison.p_value)}."
    yield from _saved(found)
    at = level(outcomes.confidence)
    if outcomes.tells:
        yield f"The pass rates differ: chance alone is rejected at {at}."
    elif not found.comparison.difference:
        yield "The pass rates are equal on these problems: there is no difference to tell from chance."
    elif found.problems_needed is None:
        yield f"The difference cannot be told from chance at {at}."
    else:
        problems = f"{found.problems_needed:,} problems" + ("" if found.common.same else " each")
        yield (
            f"The difference cannot be told from chance at {at}: a true difference of this size would take new "
            f"launches with about {problems} and as many tries (power {percent(POWER, 0)})."
        )
    if outcomes.tells == (0 in found.comparison.interval):
        yield "Interval and test disagree about 0: the interval is an approximation, the test decides."


def _beyond_these(found: SetDifference, outcomes: Outcomes) -> Iterator[str]:
    """Shared tries tell about these conversations; problems like these are told about by whole problems."""
    told = "is" if found.comparison.differs(outcomes.confidence) else "cannot be"
    yield (
        f"For problems like these, {_lower(_permutation(found))} says p = {p_text(found.comparison.p_value)}: the "
        f"difference {told} told from chance at {level(outcomes.confidence)}."
    )


def _permutation(found: SetDifference) -> str:
    problems = counted(found.comparison.problems, "problem")
    if not found.common.same:
        drawn = "" if found.comparison.method == "exact permutation" else f" ({DRAWS:,} permutations drawn)"
        return f"The permutation test of the rates of {problems}, dealt to the two sides at random{drawn}"
    if found.comparison.method == "exact permutation":
        return f"The exact permutation test of the differences of {problems}"
    return f"The permutation test of the differences of {problems} ({DRAWS:,} permutations drawn)"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _saved(found: SetDifference) -> Iterator[str]:
    """How many runs two launches over different problems would take for an interval as narrow."""
    times = found.comparison.saved
    if times is None:
        return
    runs = found.tries
    if times > 1:
        yield (
            f"Pairing by problem saved about {round((times - 1) * runs):,} runs: two sets of different problems would "
            f"take {times:.1f} times the {runs:,} of these launches for an interval as narrow."
        )
    else:
        yield "Pairing by problem saved no runs: the rates of the two sides do not go together from problem to problem."


def p_text(p_value: float) -> str:
    """`0.034`, `< 0.0001`."""
    return f"< {_ALPHA}" if p_value < float(_ALPHA) else f"{p_value:.2g}" if p_value < 0.1 else f"{p_value:.2f}"


def points(difference: float) -> str:
    """A difference of shares as `+12.5 points`."""
    return f"{100 * difference:+.1f} points"


def _figures(outcomes: Outcomes) -> Table:
    old, new, found = outcomes.old, outcomes.new, outcomes.comparison
    ends = f"{100 * found.interval.low:+.1f} to {100 * found.interval.high:+.1f}"
    told = f"{points(found.difference)} ({ends})"
    rows = [
        ("pass rate", _rate(old), _rate(new), _difference(outcomes) if outcomes.unknown else told),
        ("runs", _runs(old), _runs(new), ""),
        ("of them reused", _reused(old), _reused(new), ""),
        (
            "mean output tokens",
            _mean(old.mean_tokens),
            _mean(new.mean_tokens),
            _ratio(old.mean_tokens, new.mean_tokens),
        ),
        ("mean steps", _mean(old.mean_steps, 1), _mean(new.mean_steps, 1), _ratio(old.mean_steps, new.mean_steps)),
        ("cost", _cost(old), _cost(new), _ratio(old.cost_usd, new.cost_usd)),
        ("mean run time", _time(old), _time(new), _ratio(old.mean_seconds, new.mean_seconds)),
    ]
    shown = [row for row in rows if row[1:3] != (_NONE, _NONE)]
    return Table(("", "old", "new", "difference"), tuple(shown))


def _breakdowns(outcomes: Outcomes) -> Iterator[Table]:
    old, new = outcomes.old, outcomes.new
    for name, before, after in (("ending", old.endings, new.endings), ("failure", old.failures, new.failures)):
        rows = tuple(_breakdown(before, after))
        if rows:
            yield Table((name, "old", "new", "difference"), rows)


def _breakdown(before: Mapping[str, int], after: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name, 0), after.get(name, 0)
        yield name, str(one), str(other), f"{other - one:+d}" if one != other else ""


def _rate(side: Figures) -> str:
    return rate_words(side.rate)


def _difference(outcomes: Outcomes) -> str:
    """Of rates of which one is a range."""
    return f"{100 * outcomes.differences.low:+.1f} to {points(outcomes.differences.high)}"


def _runs(side: Figures) -> str:
    unknown = f", {side.rate.unknown} unknown" if side.rate.unknown else ""
    return str(side.runs) + unknown + (f", {counted(side.errors, 'error')}" if side.errors else "")


def _reused(side: Figures) -> str:
    return str(side.reused) if side.reused else _NONE


def _mean(value: float | None, digits: int = 0) -> str:
    return _NONE if value is None else f"{value:,.{digits}f}"


def _cost(side: Figures) -> str:
    return dollars(side.cost_usd) if side.cost_usd else _NONE


def _time(side: Figures) -> str:
    return _NONE if side.mean_seconds is None else duration(side.mean_seconds)


def _ratio(old: float | None, new: float | None) -> str:
    return f"{100 * (new / old - 1):+.0f}%" if old and new is not None else ""


def _flips(flips: Sequence[Flip]) -> Table:
    rows = tuple((_run(flip), _said(flip.old, flip.old_message), _said(flip.new, flip.new_message)) for flip in flips)
    return Table(("run", "old", "new"), rows)


def _run(flip: Flip) -> str:
    """As `show` takes it: the number, or problem and try."""
    return str(flip.run) if flip.problem is None else f"{flip.problem} {flip.attempt}"


def _said(outcome: Outcome, message: str) -> str:
    words = plain(message, one_line=True, limit=MESSAGE_LIMIT).removeprefix(f"{WORDS[outcome]}: ")
    return f"{MARKS[outcome]} {words}"


def _sweeps(diff: SweepDiff) -> Iterator[Section]:
    told = sum(cell.discovered for cell in diff.cells)
    changed = sum(cell.outcomes.differ for cell in diff.cells)
    sentence = (
        "The same settings and the same results."
        if not diff.differ
        else f"{changed} of {counted(len(diff.cells), 'common cell')} differ in some run; {told} in the pass rate "
        "beyond chance, all cells considered together (Benjamini-Hochberg)."
    )
    lonely = [
        f"{counted(len(cells), 'cell')} only in the {side}: {', '.join(map(_knobs, cells[:5]))}"
        + (", …" if len(cells) > 5 else "")
        for side, cells in (("old", diff.only_old), ("new", diff.only_new))
        if cells
    ]
    yield Section(f"{diff.old.folder} → {diff.new.folder}", (sentence, *diff.notes, *lonely))
    yield from _changed(diff.settings)
    if changed:
        yield Section("Difference map", (_map(diff.cells), "Points of pass rate, new minus old; * beyond chance."))
        yield Section("Cells", (_cells(diff.cells),))


def _knobs(knobs: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in knobs.items())


def _map(cells: Sequence[CellDiff]) -> Table:
    """The differences as a grid over two knobs; over any other number of them, a line a cell."""
    names = list(cells[0].knobs)
    if len(names) != 2:
        rows = [(_knobs(cell.knobs), _mark(cell)) for cell in cells]
        return Table(("cell", "difference"), tuple(rows))
    down, across = names
    columns = list(dict.fromkeys(cell.knobs[across] for cell in cells))
    at = {(cell.knobs[down], cell.knobs[across]): _mark(cell) for cell in cells}
    lines = tuple(
        (value, *(at.get((value, column), "") for column in columns))
        for value in dict.fromkeys(cell.knobs[down] for cell in cells)
    )
    return Table((" \\ ".join(short_names(names)), *columns), lines)


def _mark(cell: CellDiff) -> str:
    if cell.outcomes.unknown:
        return _difference(cell.outcomes)
    return f"{100 * cell.outcomes.comparison.difference:+.1f}{'*' if cell.discovered else ''}"


def _cells(cells: Sequence[CellDiff]) -> Table:
    header = (*short_names(list(cells[0].knobs)), "old", "new", "difference", "p", "flipped")
    rows = tuple(
        (
            *cell.knobs.values(),
            _rate(cell.outcomes.old),
            _rate(cell.outcomes.new),
            _mark(cell),
            _NONE if cell.outcomes.unknown else p_text(cell.outcomes.comparison.p_value),
            str(len(cell.outcomes.flips)) if cell.outcomes.paired_by else _NONE,
        )
        for cell in cells
    )
    return Table(header, rows)
