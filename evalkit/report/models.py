"""Several models over one set of problems, as sections: rates, ranks, paired differences, separating problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalkit.display.document import Part, Section, Table
from evalkit.display.rates import level, rate_text
from evalkit.report.matrix import Matrix, ModelLine, matrices
from evalkit.results.reading import CellRecord
from evalkit.util.text import counted

MOST_PROBLEMS = 10
"""Rows of the table of problems that separate models."""


def model_sections(cells: Sequence[CellRecord], knobs: Sequence[str]) -> Iterator[Section]:
    """A section for every setting of the other knobs under which several models tried one set of problems."""
    for matrix in matrices(cells, knobs):
        where = ", ".join(f"{name}={value}" for name, value in matrix.knobs.items())
        yield Section("Models" + (f" with {where}" if where else ""), tuple(_parts(matrix)))


def _parts(matrix: Matrix) -> Iterator[Part]:
    if matrix.unknown:
        yield "Of some runs nobody knows whether they passed, so the models are not ranked."
        return
    names = {each.model: _name(each) for each in matrix.models}
    rows = tuple(
        (
            names[each.model],
            "–" if each.rate is None else rate_text(each.rate, each.interval),
            _rank(each),
            str(each.tries),
        )
        for each in matrix.models
    )
    yield Table(("model", "pass rate", "rank", "tries"), rows)
    at = level(matrix.confidence)
    yield f"{counted(len(matrix.problems), 'problem')}; all ranks hold together at {at}."
    yield _differences(matrix, names)
    told = sum(each.adjusted_p_value <= 1 - matrix.confidence for each in matrix.differences)
    yield (
        "Differences are paired by problem, the second model minus the first; p-values of permutation tests, adjusted "
        f"for their number (Holm): {told} of {counted(len(matrix.differences), 'difference')} told from chance."
    )
    yield from _separating(matrix, names)


def _name(each: ModelLine) -> str:
    return f"{each.model} (simulated)" if each.simulated and each.model != "simulated" else each.model


def _rank(each: ModelLine) -> str:
    return str(each.best_rank) if each.best_rank == each.worst_rank else f"{each.best_rank} to {each.worst_rank}"


def _differences(matrix: Matrix, names: Mapping[str, str]) -> Table:
    rows = []
    for each in matrix.differences:
        ends = f"{100 * each.interval.low:+.1f} to {100 * each.interval.high:+.1f}"
        difference = "–" if each.difference is None else f"{100 * each.difference:+.1f} points ({ends})"
        p_value = "< 0.0001" if each.adjusted_p_value < 0.0001 else f"{each.adjusted_p_value:.2g}"
        rows.append((names[each.first], names[each.second], difference, p_value))
    return Table(("first", "second", "difference", "p"), tuple(rows))


def _separating(matrix: Matrix, names: Mapping[str, str]) -> Iterator[Part]:
    """The problems whose observed rates differ most between the models."""
    spread = [each for each in matrix.problems if each.apart][:MOST_PROBLEMS]
    if not spread:
        return
    yield "Problems that separate the models most:"
    rows = tuple(
        (
            each.problem,
            *(f"{each.passed[model]}/{each.tries[model]}" if each.tries[model] else "–" for model in each.tries),
            f"{100 * (each.apart or 0.0):.0f} points",
        )
        for each in spread
    )
    yield Table(("problem", *(names[model] for model in spread[0].tries), "apart"), rows)
