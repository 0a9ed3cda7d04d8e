"""Two launches, or two sweeps cell by cell, compared: settings, outcomes, and the grader's share in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.diff.outcomes import Outcomes, compare_outcomes
from evalkit.diff.pairs import Pairing, pair
from evalkit.diff.problems import CommonProblems
from evalkit.diff.settings import Settings, compare_settings
from evalkit.results.reading import CellRecord, Results
from evalkit.stats.problem_sets import About
from evalkit.util.errors import UserError
from evalkit.util.text import counted

MOST_NAMES = 5
"""Problems that a sentence names."""


@dataclass(frozen=True)
class GraderEffect:
    """What the grader of today says about rollouts that an earlier one graded: the same conversations, two graders."""

    folder: Path
    outcomes: Outcomes


@dataclass(frozen=True)
class LaunchDiff:
    """Two launches. Where the grader changed, `outcomes` compares both under the grader of today."""

    old: CellRecord
    new: CellRecord
    settings: Settings
    outcomes: Outcomes
    grader_effects: tuple[GraderEffect, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def differ(self) -> bool:
        """Whether anything that can change a result, or any result, differs."""
        effects = any(effect.outcomes.differ for effect in self.grader_effects)
        return self.settings.differ or self.outcomes.differ or effects


@dataclass(frozen=True)
class CellDiff:
    """One cell that both sweeps have."""

    knobs: Mapping[str, str]
    outcomes: Outcomes
    discovered: bool
    """Whether the difference is told from chance with all cells in view (Benjamini & Hochberg)."""


@dataclass(frozen=True)
class SweepDiff:
    """Two sweeps: their common cells, and those of one side only."""

    old: Results
    new: Results
    settings: Settings
    """What differs besides the swept knobs, taken from the first common cell."""
    cells: tuple[CellDiff, ...]
    only_old: tuple[Mapping[str, str], ...]
    only_new: tuple[Mapping[str, str], ...]
    notes: tuple[str, ...] = ()

    @property
    def differ(self) -> bool:
        """Whether anything that can change a result, or any result, differs."""
        return (
            self.settings.differ
            or any(cell.outcomes.differ for cell in self.cells)
            or bool(self.only_old or self.only_new)
        )


def compare(old: Results, new: Results) -> LaunchDiff | SweepDiff:
    """Compare two output directories of the same kind; `UserError` for a launch and a sweep."""
    if old.is_sweep != new.is_sweep:
        sweep, launch = (old, new) if old.is_sweep else (new, old)
        raise UserError(
            f"{sweep.folder} is a sweep and {launch.folder} a launch: name a cell of the sweep, "
            f"such as {sweep.cells[0].folder}"
        )
    return compare_sweeps(old, new) if old.is_sweep else compare_launches(old.cells[0], new.cells[0])


def compare_launches(old: CellRecord, new: CellRecord) -> LaunchDiff:
    """Two launches. Their intervals and tests are at the confidence of the second."""
    settings = compare_settings(old, new)
    pairing, confidence = pair(old, new), new.summary.confidence
    effects: list[GraderEffect] = []
    notes = [*_notes(old, new), *_paired(pairing, old, new)]
    one, other = old, new
    if settings.grader and old.task == new.task:
        try:
            one, other = (_under_current(cell, effects) for cell in (old, new))
        except UserError as error:
            effects.clear()
            one, other = old, new
            notes.append(
                f"The grader changed and the rollouts could not be graded again ({error}): "
                "what came of it mixes the effects of grader and model."
            )
    outcomes = compare_outcomes(one.runs, other.runs, pairing, confidence, _about(new))
    return LaunchDiff(old, new, settings, outcomes, tuple(effects), tuple(notes))


def _about(cell: CellRecord) -> About:
    """What the rate of a set is of; a launch without a set has no choice."""
    return cell.summary.set.about if cell.summary.set else "these"


def _under_current(cell: CellRecord, effects: list[GraderEffect]) -> CellRecord:
    """The cell as the grader of today sees it; what that changes is added to `effects`."""
    from evalkit.diff.grader import current, regraded  # loads the sandbox and the task, which few comparisons need

    if cell.manifest["digests"].get("grader") == current(cell):
        return cell
    again = regraded(cell)
    same = Pairing("rollout", tuple(run.number for run in cell.runs))
    effects.append(GraderEffect(cell.folder, compare_outcomes(cell.runs, again.runs, same, cell.summary.confidence)))
    return again


def _notes(old: CellRecord, new: CellRecord) -> Iterator[str]:
    if old.task != new.task:
        yield f"These are two tasks ({old.task} and {new.task}): their pass rates measure different things."
    if old.simulated or new.simulated:
        which = "Both models are" if old.simulated and new.simulated else "One of the models is"
        yield f"{which} simulated: the figures measure no LLM."
    if old.summary.stopping or new.summary.stopping:
        yield (
            "The number of runs was not fixed beforehand (runs.until=decided): interval and p-value below assume that "
            "it was, so read them as a description."
        )


def _paired(pairing: Pairing, old: CellRecord, new: CellRecord) -> Iterator[str]:
    """What a comparison in pairs can mean, and why there is none where one could be expected."""
    if pairing.by == "rollout":
        yield _shared(pairing.shared, min(len(old.runs), len(new.runs)))
    if pairing.common:
        yield from _problems(pairing.common)
    elif pairing.by == "problem":
        alone = len(old.runs) + len(new.runs) - 2 * len(pairing.numbers)
        rest = f"; {counted(alone, 'run')} without a partner that was graded is left out" if alone else ""
        yield (
            f"Run by run both sides have the same problem ({pairing.problems} different ones): the test compares them "
            f"in pairs{rest}."
        )
    elif pairing.problems > 1:
        yield "Run by run the sides have different problems: the test takes them for independent samples."


def _problems(common: CommonProblems) -> Iterator[str]:
    """Which problems of two sets are compared, and which are not."""
    if common.same:
        yield f"Both sides have {counted(len(common.same), 'problem')} in common: they are compared problem by problem."
    else:
        yield (
            "The sides have no problem in common: the test takes the problems of each for a sample of problems like "
            "these, and cannot tell a difference between the models from one between the problems."
        )
    if common.reworded:
        yield "The prompt differs at every problem; problems are paired by their id."
    for side, names in (("old", common.only_old), ("new", common.only_new)):
        if names:
            yield f"{counted(len(names), 'problem')} only on the {side} side: {_some(names)}."
    if common.changed:
        yield (
            f"{counted(len(common.changed), 'problem')} with one id and two questions, left out of the comparison: "
            f"{_some(common.changed)}."
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")


def _shared(shared: int, runs: int) -> str:
    """What a comparison of launches that share rollouts can mean."""
    if shared < runs:
        return (
            f"Only {shared} runs rest on the same conversation on both sides; the test uses those alone, in pairs, "
            f"and on them neither side replicates the other."
        )
    return (
        f"Both sides rest on the same {counted(shared, 'conversation')}: they can differ in how these were cut and "
        "judged, and neither replicates the other, however equal they are (reuse=never samples afresh)."
    )


def compare_sweeps(old: Results, new: Results) -> SweepDiff:
    """Cell by cell, matched by the values of the swept knobs.

    Raises `UserError` where the sweeps have no cell in common.
    """
    before, after = ({_place(cell): cell for cell in sweep.cells} for sweep in (old, new))
    common = [place for place in before if place in after]
    if not common:
        raise UserError(f"{old.folder} and {new.folder} have no cell in common: compare sweeps over the same knobs")
    swept = (*old.knobs, *new.knobs)
    first = before[common[0]], after[common[0]]
    pairings = [pair(before[place], after[place]) for place in common]
    found = [
        (
            before[place],
            compare_outcomes(
                before[place].runs,
                after[place].runs,
                pairing,
                after[place].summary.confidence,
                _about(after[place]),
            ),
        )
        for place, pairing in zip(common, pairings, strict=True)
    ]
    told = _discovered([outcomes for _, outcomes in found])
    notes = list(_notes(*first))
    if overlap := sum(pairing.shared for pairing in pairings):
        notes.append(_shared(overlap, sum(min(len(before[place].runs), len(after[place].runs)) for place in common)))
    if any(pairing.common for pairing in pairings):
        notes += _problems(next(pairing.common for pairing in pairings if pairing.common))
    elif cells := sum(pairing.by == "problem" for pairing in pairings):
        notes.append(
            f"In {cells} of {counted(len(common), 'common cell')} both sides have the same problem run by run: their "
            "tests compare these runs in pairs."
        )
    settings = compare_settings(*first, apart_from=swept)
    if settings.grader:
        notes.append("The grader changed: compare single cells to see its effect apart from the model's.")
    return SweepDiff(
        old,
        new,
        settings,
        tuple(
            CellDiff(one.knobs, outcomes, discovered) for (one, outcomes), discovered in zip(found, told, strict=True)
        ),
        tuple(before[place].knobs for place in before if place not in after),
        tuple(after[place].knobs for place in after if place not in before),
        tuple(notes),
    )


def _place(cell: CellRecord) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(cell.knobs.items()))


def _discovered(cells: list[Outcomes]) -> list[bool]:
    """Cells that differ after Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57: of many cells some differ by chance.

    Valid for cells that share rollouts too, which makes their tests positively dependent.
    """
    if all(cell.comparison.p_value == 1 for cell in cells):
        return [False] * len(cells)
    from scipy.stats import false_discovery_control  # type: ignore[import-untyped]

    adjusted = false_discovery_control([cell.comparison.p_value for cell in cells])
    return [bool(p <= 1 - cell.confidence) for p, cell in zip(adjusted, cells, strict=True)]
