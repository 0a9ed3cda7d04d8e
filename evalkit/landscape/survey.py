"""Survey of a finished sweep: rates with both kinds of interval, curves, recommendations."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np

from evalkit.landscape.chosen import largest_signal, nearest_to_band, proposal
from evalkit.landscape.curves import Curve, Nest
from evalkit.landscape.facets import Facet, facets
from evalkit.landscape.knobs import Entry, Kind, Knob, swept
from evalkit.landscape.landscape import FacetResult, Landscape, Spot
from evalkit.landscape.recommend import Grounds, recommend
from evalkit.landscape.round_numbers import number
from evalkit.landscape.set_curves import SetPoint
from evalkit.landscape.set_recommend import recommend_set
from evalkit.landscape.thresholds import NotMonotoneError
from evalkit.landscape.unknown import unknown_sentences
from evalkit.results.problem_tallies import outcome_tallies
from evalkit.results.runs import Outcome
from evalkit.results.set_summary import ABOUT, rate_over
from evalkit.sampling.provenance import sweep_sentence
from evalkit.stats.inband import Plan
from evalkit.stats.intervals import Interval, exact, normal_quantile
from evalkit.stats.simultaneous import simultaneous
from evalkit.stats.verdict import Band
from evalkit.util.errors import UserError

log = logging.getLogger("evalkit")

CURVE_POINTS = 50_000
"""More curves than have so many points together are left out: those through the recommended cell are always there."""

SCRIPTS = ("oracle", "noop")
"""Models whose rates say nothing about how hard a task is, for a language model or for simulated agents."""

MOST_LINES = 20
"""On the console."""


def survey(results: Sequence[Entry]) -> Landscape:
    """Analyse a sweep. Pure, but for the grader that it grades with."""
    results = sorted(results, key=lambda result: result.index)
    first = results[0]
    band, confidence = Band(first.config.band.low, first.config.band.high), first.config.band.confidence
    knobs = swept(results)
    intervals = _simultaneous(results, confidence)
    notes = _notes(results, knobs)
    facet_results = []
    for facet in facets(results, knobs):
        view, note = _view(facet, [_spot(facet, member, intervals) for member in facet.members])
        facet_results.append(view)
        notes += [note] if note else []
    sampled, afresh = _tokens(results)
    return Landscape(
        title=first.task.title,
        task=first.config.task["name"],
        band=band,
        confidence=confidence,
        knobs=tuple(knobs),
        facets=tuple(facet_results),
        tokens_sampled=sampled,
        tokens_afresh=afresh,
        notes=tuple(notes),
        lines=tuple(_lines(facet_results, sampled, afresh, len(results), notes)),
    )


def _simultaneous(results: Sequence[Entry], confidence: float) -> dict[int, Interval]:
    """By cell index. Cells on the same rollouts share their dependence; sets of rollouts are independent."""
    sets: dict[str, list[Entry]] = {}
    for result in results:
        sets.setdefault(result.rollouts, []).append(result)
    level = confidence ** (1 / len(sets))
    found: dict[int, Interval] = {}
    for members in sets.values():
        if members[0].summary.set is not None:
            found |= _of_set(members, level)
            continue
        z = _deviation(members, level)
        local = 1 - 2 * _tail(z)
        for member in members:
            passed, unknown, graded = _counts(member)
            low = exact(passed, graded, local).low
            found[member.index] = Interval(low, exact(passed + unknown, graded, local).high)
    return found


def _of_set(members: Sequence[Entry], level: float) -> dict[int, Interval]:
    """Tries at a problem go together, so cells of a set share one level among them (Bonferroni)."""
    local = 1 - (1 - level) / len(members)
    return {
        member.index: rate_over(
            list(outcome_tallies(member.runs).values()), ABOUT[member.config.band.about], local
        ).interval
        for member in members
    }


def _deviation(members: Sequence[Entry], level: float) -> float:
    """How many standard errors wide the intervals must be, from the runs that every cell could grade.

    Unknown runs are counted as failed and as passed: the wider one is taken.
    """
    graded = [{run.number: run.outcome for run in m.runs if run.outcome is not Outcome.ERROR} for m in members]
    common = sorted(set.intersection(*(set(one) for one in graded)))
    if not common:
        return normal_quantile(1 - (1 - level) / len(members))
    found = []
    for passes in ({Outcome.PASSED}, {Outcome.PASSED, Outcome.UNKNOWN}):
        matrix = np.array([[one[run] in passes for one in graded] for run in common])
        found.append(simultaneous(matrix, level).z)
        if not any(Outcome.UNKNOWN in one.values() for one in graded):
            break
    return max(found)


def _tail(z: float) -> float:
    return NormalDist().cdf(-z)


def _counts(member: Entry) -> tuple[int, int, int]:
    """Runs that passed, that may have passed, and that are not errors."""
    found = Counter(run.outcome for run in member.runs)
    return found[Outcome.PASSED], found[Outcome.UNKNOWN], found.total() - found[Outcome.ERROR]


def _spot(facet: Facet, member: Entry, intervals: Mapping[int, Interval]) -> Spot:
    summary = member.summary
    return Spot(
        index=member.index,
        folder=member.folder.name,
        overrides=dict(member.overrides),
        at=facet.at(member),
        passed=summary.passed,
        runs=summary.rate.runs,
        errors=summary.errors,
        reused=len(summary.reused.runs),
        missing=member.asked - summary.total,
        pointwise=summary.rate.interval,
        simultaneous=intervals[member.index],
        verdict=str(summary.verdict),
        unknown=summary.rate.unknown,
        in_band=summary.rate.within(summary.band),
        failures={row.label: row.count for row in summary.failures},
        output_tokens=summary.total_tokens,
        cost_usd=summary.cost_usd,
        set=SetPoint.of(summary.set),
    )


def _view(facet: Facet, spots: Sequence[Spot]) -> tuple[FacetResult, str]:
    """The facet with its curves and recommendations, and a sentence if there can be none."""
    member = facet.members[0]
    config = member.config
    band, confidence = Band(config.band.low, config.band.high), config.band.confidence
    aim = config.sweep.aim
    anchor = largest_signal(spots) if aim == "signal" and spots[0].set else nearest_to_band(spots, band)
    nest, curves, found, note = None, [], [], ""
    script = next(filter(None, map(_script, facet.members)), "")
    if facet.top is not None and facet.top.runs:
        try:
            nest = Nest(facet.top)
            names = [axis.knob for axis in facet.axes]
            at = dict(anchor.at)
            plans = {knob: _plan(facet, spots, knob) for knob in [*names, *(k for k in nest.knobs if k not in names)]}
            through = {knob: nest.curve(knob, at, plan.curves) for knob, plan in plans.items()}
            curves = _curves(facet, nest, [through[name] for name in names])
            current = {**nest.base, **at}
            for knob, curve in through.items():
                grounds = Grounds(band, confidence, plans[knob], member.simulated)
                if not curve.needed or script:
                    continue
                if curve.set:
                    found.append(recommend_set(curve, grounds, nest.terms, aim, current[knob]))
                else:
                    found.append(recommend(curve, grounds, current[knob]))
        except NotMonotoneError:
            nest, curves, found = None, [], []
            note = (
                "A looser tolerance turned a pass into a failure, which the task's grade must never do: only the swept "
                "values are shown."
            )
        except UserError as error:
            log.warning("the landscape shows the swept values only: %s", error)
    unknown = unknown_sentences(facet.members, facet.top, curves[: len(facet.axes)])
    view = FacetResult(
        facet=facet,
        model=member.model,
        simulated=member.simulated,
        spots=tuple(spots),
        anchor=anchor,
        curves=tuple(curves),
        recommendations=tuple(found),
        nest=nest,
        unknown=tuple(unknown),
        script=script,
    )
    return view, note


def _plan(facet: Facet, spots: Sequence[Spot], knob: str) -> Plan:
    """The curve along `knob` goes through the anchor, which the runs themselves chose among the swept settings."""
    others = {tuple(value for name, value in spot.at.items() if name != knob) for spot in spots}
    ended = any(member.summary.stopping or member.summary.total < member.asked for member in facet.members)
    return Plan(len(others), ended)


def _script(member: Entry) -> str:
    """The model's name if it is a reference solution or says nothing, also where such rollouts are replayed."""
    if member.config.model.kind in SCRIPTS:
        return member.config.model.kind
    if member.config.model.kind == "replay" and member.simulated:
        said = {str(turn.response.get("model")) for run in member.runs for turn in run.rollout.turns}
        return next((f"replay of {name}" for name in SCRIPTS if said == {name}), "")
    return ""


def _curves(facet: Facet, nest: Nest, through: list[Curve]) -> list[Curve]:
    """A curve along each swept knob for every combination of the others, as far as their points are not too many."""
    found = list(through)
    points = sum(len(curve.steps) for curve in found)
    for axis in facet.axes:
        others = list({tuple((k, v) for k, v in facet.at(m).items() if k != axis.knob): None for m in facet.members})
        for combination in others:
            if any(c.knob == axis.knob and all(c.at[k] == v for k, v in combination) for c in found):
                continue
            curve = nest.curve(axis.knob, dict(combination))
            points += len(curve.steps)
            if points > CURVE_POINTS:
                return found
            found.append(curve)
    return found


def _tokens(results: Sequence[Entry]) -> tuple[int, int]:
    """Output tokens of the rollouts that were needed, and of all cells sampled one by one."""
    needed: dict[tuple[str, int], int] = {}
    afresh = 0
    for result in results:
        for run in result.runs:
            key = result.rollouts, run.number
            needed[key] = max(needed.get(key, 0), run.rollout.output_tokens)
            afresh += run.rollout.output_tokens
    return sum(needed.values()), afresh


def _notes(results: Sequence[Entry], knobs: Sequence[Knob]) -> list[str]:
    notes = []
    if len({(r.config.band.low, r.config.band.high) for r in results}) > 1:
        notes.append("The cells have different bands: each facet is judged by its own.")
    limits = [knob for knob in knobs if knob.name.startswith("limits.")]
    if standing := [knob.name for knob in limits if knob.kind is Kind.JUDGED]:
        notes.append(
            "Runs are graded by the files that they leave, however they end, so more of "
            f"{' or '.join(standing)} can turn a pass into a failure: only the swept values are shown."
        )
    apart = [knob.name for knob in limits if knob.kind is Kind.SAMPLED]
    if apart:
        names = " and ".join(apart)
        notes.append(
            f"Cells that differ in {names} were sampled one by one and not clipped: their requests depend on the limit."
        )
    if said := sweep_sentence([(r.rollouts, r.summary.total, r.summary.reused) for r in results]):
        notes.append(said)
    return notes


def _lines(
    facet_results: Sequence[FacetResult], sampled: int, afresh: int, cells: int, notes: Sequence[str]
) -> list[str]:
    """For the console: what it took, then one recommendation a facet and swept knob."""
    lines = []
    if afresh > sampled > 0:
        lines.append(
            f"{cells} cells from {sampled:,} output tokens; sampled separately they would have cost {afresh:,} "
            f"({afresh / sampled:.1f} times as many)."
        )
    lines += notes
    for view in facet_results:
        name = ", ".join(f"{knob}={value}" for knob, value in view.facet.fixed.items())
        lines += [f"{name}: {text}" if name else text for text in sentences(view)]
    lines += proposal(facet_results)
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [f"… and {len(lines) - MOST_LINES} more, all in landscape.json."]
    return lines


def sentences(view: FacetResult) -> list[str]:
    """What is unknown, and what to set: about the swept knobs, or if none of these leads into the band, any other."""
    if view.script:
        return [
            *view.unknown,
            f"Nothing is recommended for model {view.script}: it is a script, not a language model.",
        ]
    names = [axis.knob for axis in view.facet.axes]
    about = [found for found in view.recommendations if found.knob in names]
    if not any(found.possible for found in about):
        about += [found for found in view.recommendations if found.knob not in names and found.possible]
    said = list(view.unknown)
    for found in about:
        others = [f"{name}={number(value)}" for name, value in view.anchor.at.items() if name != found.knob]
        start = f"With {', '.join(others)}: " if others else ""
        text = found.sentence
        said.append(f"{start}{text}." if start else f"{text[0].upper()}{text[1:]}.")
    return said
