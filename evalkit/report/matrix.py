"""Several models over one set of problems: rates, ranks and paired differences, and what `models.json` says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from evalkit.results.problem_tallies import Tally, outcome_tallies
from evalkit.results.reading import CellRecord
from evalkit.results.set_summary import rate_over
from evalkit.stats.intervals import Interval
from evalkit.stats.paired_sets import Ranking, rank_models
from evalkit.util.records import OF_SHARES, Count, Positive, Record, Share

MODEL_KNOBS = ("model", "model.id", "model.kind")
FILE = "models.json"


class ModelLine(Record, frozen=True, kw_only=True):
    """One model of a matrix."""

    model: str
    """Its value of the swept knob."""
    simulated: bool
    """Whether it is no language model: its figures measure none."""
    rate: Share | None
    """The mean over the problems; null without a try that passed or failed."""
    interval: Annotated[Interval, OF_SHARES]
    """Of the rate, in the meaning of `about`."""
    tries: Count
    """Passed and failed ones."""
    best_rank: Positive | None
    """The best rank that the tests leave open; null where models are not ranked."""
    worst_rank: Positive | None


class ModelDifference(Record, frozen=True, kw_only=True):
    """Two models, the second minus the first, paired by problem."""

    first: str
    second: str
    difference: float | None
    """Of the mean rates; null without a problem that both tried."""
    interval: Interval
    """About problems like these."""
    p_value: Share
    """Of the permutation test, for this pair alone."""
    adjusted_p_value: Share
    """The same, adjusted for the number of pairs (Holm)."""
    problems: Count
    """Those that both tried."""


class ProblemOfModels(Record, frozen=True, kw_only=True):
    """One problem under every model."""

    problem: str
    """Its id."""
    passed: Mapping[str, Count]
    """By model."""
    tries: Mapping[str, Count]
    """Passed and failed ones, by model."""
    apart: Share | None
    """The largest observed rate minus the smallest one; null where fewer than two models tried it."""


class Matrix(Record, frozen=True, kw_only=True):
    """Several models over one set of problems."""

    knobs: Mapping[str, str]
    """The other swept knobs with their values."""
    about: Annotated[str, Meta(extra_json_schema={"enum": ["these", "like_these"]})]
    """What the rates are of: these problems, or problems like these."""
    confidence: Share
    """Of the intervals and, all together, of the ranks."""
    unknown: Count
    """Tries of which nobody knows whether they passed: with any, models are not compared."""
    models: tuple[ModelLine, ...]
    """The highest rate first; without a ranking in the order of the sweep."""
    differences: tuple[ModelDifference, ...]
    problems: tuple[ProblemOfModels, ...]
    """Those that separate the models most first; equal ones in the order of the set."""


class ModelsFile(Record, frozen=True, kw_only=True):
    """Models of a sweep over sets of problems."""

    matrices: tuple[Matrix, ...]
    """One for every setting of the other knobs under which several models tried a set."""


def matrices(cells: Sequence[CellRecord], knobs: Sequence[str]) -> Iterator[Matrix]:
    """A matrix for every setting of the other knobs under which several models tried one set of problems."""
    swept = [name for name in knobs if name in MODEL_KNOBS]
    if not swept:
        return
    groups: dict[tuple[tuple[str, str], ...], dict[str, CellRecord]] = {}
    for cell in cells:
        if cell.summary.set is not None:
            others = tuple((name, value) for name, value in cell.knobs.items() if name not in swept)
            groups.setdefault(others, {})[", ".join(cell.knobs.get(knob, "") for knob in swept)] = cell
    for others, models in groups.items():
        if len(models) > 1:
            yield _matrix(dict(others), models)


def _matrix(knobs: Mapping[str, str], models: Mapping[str, CellRecord]) -> Matrix:
    tallied = {name: outcome_tallies(cell.runs) for name, cell in models.items()}
    names = list(dict.fromkeys(problem for each in tallied.values() for problem in each))
    first = next(iter(models.values())).summary
    about = first.set.about if first.set else "these"
    unknown = sum(tally.unknown for each in tallied.values() for tally in each.values())
    counts = {name: [_counts(each.get(problem)) for problem in names] for name, each in tallied.items()}
    ranking = None if unknown else rank_models(counts, first.confidence)
    ranks = {rank.model: rank for rank in ranking.ranks} if ranking else {}
    lines = []
    for name in ranks or counts:
        found = rate_over(list(tallied[name].values()), about, first.confidence)
        rank = ranks.get(name)
        lines.append(
            ModelLine(
                model=name,
                simulated=models[name].simulated,
                rate=found.value,
                interval=found.interval,
                tries=sum(tries for _, tries in counts[name]),
                best_rank=rank.best if rank else None,
                worst_rank=rank.worst if rank else None,
            )
        )
    return Matrix(
        knobs=knobs,
        about=about,
        confidence=first.confidence,
        unknown=unknown,
        models=tuple(lines),
        differences=tuple(_differences(ranking)) if ranking else (),
        problems=tuple(_problems(names, counts)),
    )


def _differences(ranking: Ranking) -> Iterator[ModelDifference]:
    for (first, second), found in ranking.pairs.items():
        yield ModelDifference(
            first=first,
            second=second,
            difference=found.difference,
            interval=found.interval,
            p_value=found.p_value,
            adjusted_p_value=ranking.adjusted[first, second],
            problems=found.problems,
        )


def _problems(names: Sequence[str], counts: Mapping[str, Sequence[tuple[int, int]]]) -> list[ProblemOfModels]:
    found = []
    for place, problem in enumerate(names):
        of = {model: each[place] for model, each in counts.items()}
        rates = [passed / tries for passed, tries in of.values() if tries]
        found.append(
            ProblemOfModels(
                problem=problem,
                passed={model: passed for model, (passed, _) in of.items()},
                tries={model: tries for model, (_, tries) in of.items()},
                apart=max(rates) - min(rates) if len(rates) > 1 else None,
            )
        )
    return sorted(found, key=lambda each: -(each.apart or 0.0))


def _counts(tally: Tally | None) -> tuple[int, int]:
    return (tally.passed, tally.tries) if tally else (0, 0)
