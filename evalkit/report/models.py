"""Several models over one set of problems, as sections: rates, ranks, paired differences, separating problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalkit.display.document import Part, Section, Table
from evalkit.display.rates import level, rate_text
from evalkit.results.problem_tallies import Tally, outcome_tallies
from evalkit.results.reading import CellRecord
from evalkit.results.set_summary import rate_over
from evalkit.stats.paired_sets import Rank, Ranking, rank_models
from evalkit.util.text import counted

MODEL_KNOBS = ("model", "model.id", "model.kind")
MOST_PROBLEMS = 10
"""Rows of the table of problems that separate models."""


def matrices(cells: Sequence[CellRecord], knobs: Sequence[str]) -> Iterator[Section]:
    """A section for every setting of the other knobs under which several models tried one set of problems."""
    swept = [name for name in knobs if name in MODEL_KNOBS]
    if not swept:
        return
    groups: dict[tuple[tuple[str, str], ...], dict[str, CellRecord]] = {}
    for cell in cells:
        if cell.summary.set is not None:
            others = tuple((name, value) for name, value in cell.knobs.items() if name not in swept)
            groups.setdefault(others, {})[_name(cell, swept)] = cell
    for others, models in groups.items():
        if len(models) > 1:
            where = ", ".join(f"{name}={value}" for name, value in others)
            yield Section("Models" + (f" with {where}" if where else ""), tuple(_parts(models)))


def _name(cell: CellRecord, swept: Sequence[str]) -> str:
    name = ", ".join(cell.knobs.get(knob, "") for knob in swept)
    return f"{name} (simulated)" if cell.simulated and name != "simulated" else name


def _parts(models: Mapping[str, CellRecord]) -> Iterator[Part]:
    tallied = {name: outcome_tallies(cell.runs) for name, cell in models.items()}
    problems = list(dict.fromkeys(problem for each in tallied.values() for problem in each))
    first = next(iter(models.values())).summary
    if any(tally.unknown for each in tallied.values() for tally in each.values()):
        yield "Of some runs nobody knows whether they passed, so the models are not ranked."
        return
    counts = {name: [_counts(each.get(problem)) for problem in problems] for name, each in tallied.items()}
    ranking = rank_models(counts, first.confidence)
    about = first.set.about if first.set else "these"
    rates = {name: rate_over(list(each.values()), about, first.confidence) for name, each in tallied.items()}
    rows = tuple(
        (
            rank.model,
            "–" if rank.rate is None else rate_text(rank.rate, rates[rank.model].interval),
            _rank(rank),
            str(sum(tries for _, tries in counts[rank.model])),
        )
        for rank in ranking.ranks
    )
    yield Table(("model", "pass rate", "rank", "tries"), rows)
    at = level(first.confidence)
    yield f"{counted(len(problems), 'problem')}; all ranks hold together at {at}."
    yield _differences(ranking)
    yield (
        "Differences are paired by problem, the second model minus the first; p-values of permutation tests, "
        f"adjusted for their number (Holm): {_told(ranking, 1 - first.confidence)}."
    )
    yield from _separating(problems, counts)


def _rank(rank: Rank) -> str:
    return str(rank.best) if rank.best == rank.worst else f"{rank.best} to {rank.worst}"


def _differences(ranking: Ranking) -> Table:
    rows = []
    for pair, found in ranking.pairs.items():
        ends = f"{100 * found.interval.low:+.1f} to {100 * found.interval.high:+.1f}"
        difference = "–" if found.difference is None else f"{100 * found.difference:+.1f} points ({ends})"
        p_value = ranking.adjusted[pair]
        rows.append((*pair, difference, "< 0.0001" if p_value < 0.0001 else f"{p_value:.2g}"))
    return Table(("first", "second", "difference", "p"), tuple(rows))


def _told(ranking: Ranking, alpha: float) -> str:
    told = sum(p_value <= alpha for p_value in ranking.adjusted.values())
    return f"{told} of {counted(len(ranking.pairs), 'difference')} told from chance"


def _separating(problems: Sequence[str], counts: Mapping[str, Sequence[tuple[int, int]]]) -> Iterator[Part]:
    """The problems whose observed rates differ most between the models."""
    spread = []
    for place, problem in enumerate(problems):
        rates = [of[place][0] / of[place][1] for of in counts.values() if of[place][1]]
        if len(rates) > 1 and max(rates) > min(rates):
            spread.append((max(rates) - min(rates), place, problem))
    spread.sort(key=lambda each: (-each[0], each[1]))
    if spread:
        yield "Problems that separate the models most:"
        rows = tuple(
            (problem, *(_passes(of[place]) for of in counts.values()), f"{100 * apart:.0f} points")
            for apart, place, problem in spread[:MOST_PROBLEMS]
        )
        yield Table(("problem", *counts, "apart"), rows)


def _passes(count: tuple[int, int]) -> str:
    return f"{count[0]}/{count[1]}" if count[1] else "–"


def _counts(tally: Tally | None) -> tuple[int, int]:
    return (tally.passed, tally.tries) if tally else (0, 0)
