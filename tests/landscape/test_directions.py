"""Landscapes along thresholds that loosen downwards, at 0 and below: against grading every run at every value."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from evalkit.landscape.compute import Axis
from evalkit.landscape.curves import LARGEST, Curve, Nest, Step
from evalkit.landscape.directions import line_of, turned
from evalkit.landscape.files import facts, schema
from evalkit.landscape.grids import grid
from evalkit.landscape.recommend import Grounds, Outlook, recommend
from evalkit.landscape.thresholds import KnobGrader, critical
from evalkit.stats.intervals import Interval
from evalkit.stats.verdict import Band
from evalkit.task.grade import Measurement
from tests.landscape.conftest import run_sweep, surveyed
from tests.listing_task import BY_HAND, listing_task

ITEMS, REPEATS, LOW, HIGH = (f"task.tolerances.{knob}" for knob in ("items", "repeats", "low", "high"))
RUNS = 40


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """6 cells over `at least … items` and the lower bound of the sum, which is negative."""
    root = tmp_path_factory.mktemp("listing")
    with listing_task(root) as node:
        fixed = (f"task={node['name']}", "model=simulated", f"runs.count={RUNS}", f"{HIGH}=100")
        fixed += ("band.low=0.25", "band.high=0.75", "runs.concurrency=20")
        results = asyncio.run(run_sweep(root / "sweep", fixed, {ITEMS: ("3", "6", "9"), LOW: ("-20", "-2.5")}))
        yield results, surveyed(results)


def test_a_curve_along_a_minimum_has_the_counts_of_every_cell(swept: Any) -> None:
    landscape = swept[1]
    (view,) = landscape.facets
    whole = facts(landscape)
    jsonschema.validate(whole, schema())
    panel = whole["panels"][0]
    assert {curve["knob"] for curve in panel["curves"]} == {ITEMS, LOW}
    assert len({spot.passed for spot in view.spots}) > 3
    for curve in panel["curves"]:
        values = [step[0] for step in curve["steps"]]
        assert values == sorted(values)
        for spot in view.spots:
            if all(curve["at"][knob] == value for knob, value in spot.at.items() if knob != curve["knob"]):
                step = [step for step in curve["steps"] if step[0] <= spot.at[curve["knob"]]][-1]
                assert step[1:3] == [spot.passed, spot.runs]


def test_a_larger_minimum_passes_fewer_and_whole_values_stay_whole(swept: Any) -> None:
    panel = facts(swept[1])["panels"][0]
    curve = next(curve for curve in panel["curves"] if curve["knob"] == ITEMS)
    passed = [step[1] for step in curve["steps"]]
    assert passed == sorted(passed, reverse=True)
    assert passed[-1] == 0
    assert [step[0] for step in curve["steps"][1:]] == [float(round(step[0])) for step in curve["steps"][1:]]
    assert curve["steps"][0][0] <= 0


def test_the_advice_names_a_minimum_whose_rate_is_in_the_band_and_says_which_way_it_opens(swept: Any) -> None:
    results, landscape = swept
    (view,) = landscape.facets
    found = next(found for found in view.recommendations if found.knob == ITEMS)
    assert found.candidate is not None
    nest, at = view.nest, found.at
    assert isinstance(nest, Nest)
    rates = {size: sum(_passes(nest, run, {**at, ITEMS: size}) for run in results[0].runs) / RUNS for size in range(14)}
    inside = [size for size, rate in rates.items() if 0.25 <= rate <= 0.75]
    assert (found.low, found.high) == (inside[0], inside[-1])
    assert rates[int(found.candidate)] == found.passed / found.runs
    assert (
        f"between {inside[0]} and {inside[-1]}" in found.sentence or f"`{ITEMS}` to {found.value:g}" in found.sentence
    )


def _passes(nest: Nest, run: Any, at: Any) -> bool:
    return nest.grader([at[knob] for knob in nest.tolerances], run.measurement).passed


def test_a_grid_over_a_minimum_and_a_negative_bound_is_that_of_grading_one_by_one(swept: Any) -> None:
    results, landscape = swept
    nest = landscape.facets[0].nest
    axes = [Axis(ITEMS, tuple(map(float, range(-1, 14)))), Axis(LOW, (-40.0, -3.0, -2.5, 0.0, 3.0))]
    counts = grid(nest, {REPEATS: 0.0}, axes)
    for n, size in enumerate(axes[0].values):
        for m, low in enumerate(axes[1].values):
            at = {**nest.base, REPEATS: 0.0, ITEMS: size, LOW: low}
            assert counts.passed[n, m] == sum(_passes(nest, run, at) for run in results[0].runs)


def falling(*steps: tuple[float, int], whole: bool = False) -> Curve:
    """Of 400 runs, as (the largest value at which so many pass, how many), from strict to loose."""
    places = tuple(Step(turned(value) if value < math.inf else -LARGEST, passed, 400) for value, passed in steps)
    before = [0, *(passed for _, passed in steps)]
    needed = [step.value for step, already in zip(places, before, strict=False) for _ in range(step.passed - already)]
    needed += [math.inf] * (400 - len(needed))
    return Curve("k", {}, places, tuple(needed), LARGEST, whole, falling=True)


BAND = Grounds(Band(0.4, 0.6))


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([(math.inf, 0), (10, 200), (3, 400)], "between 3.01 and 10"),
        ([(math.inf, 0), (0, 200), (-7, 400)], "between -6.99 and 0"),
        ([(math.inf, 0), (0.8, 200)], "so is every value up to 0.8"),
        ([(math.inf, 200), (10, 400)], "so is every value from 10.1 up"),
        ([(math.inf, 320), (3, 400)], "even the largest `k` is too easy"),
        ([(math.inf, 0), (3, 40)], "no `k` however loose reaches the band"),
        ([(math.inf, 0), (3.14159, 400)], "it jumps from 0.0% to 100.0% (99.0-100.0%) in 400 runs at 3.14"),
    ],
)
def test_sentences_have_the_knobs_own_values_and_round_into_their_range(steps: Any, said: str) -> None:
    assert said in recommend(falling(*steps), BAND).sentence


def test_what_is_recommended_lies_where_the_rate_is_in_the_band() -> None:
    found = recommend(falling((math.inf, 0), (10, 200), (3, 400), whole=True), BAND, current=9.0)
    assert (found.low, found.high, found.value, found.finding) == (4, 10, 9.0, Outlook.RANGE)
    assert found.certain == Interval(4, 10)
    assert found.enters is not None and found.enters.high == 10
    assert found.leaves is not None and found.leaves.low == 3
    found = recommend(falling((math.inf, 0), (10, 200), (3, 400), whole=True), BAND, current=3.0)
    assert found.value is not None and 4 <= found.value <= 10
    found = recommend(falling((math.inf, 0), (0.8, 200)), BAND)
    assert (found.low, found.high, found.finding) == (None, 0.8, Outlook.OPEN)
    assert found.value is not None and 0.4 <= found.value <= 0.8
    assert found.certain == Interval(-math.inf, 0.8)
    found = recommend(falling((math.inf, 200), (10, 400)), BAND)
    assert found.certain is not None and found.certain.high == math.inf
    assert found.value is not None and 10 < found.value <= 20


def test_steps_by_value_hold_from_their_value_on() -> None:
    steps = [(step.value, step.passed) for step in falling((math.inf, 0), (10, 200), (3, 400), whole=True).ascending]
    assert steps == [(-LARGEST, 400), (4, 200), (11, 0)]
    steps = [(step.value, step.passed) for step in falling((math.inf, 0), (0.0, 200)).ascending]
    assert steps == [(-LARGEST, 200), (5e-324, 0)]
    curve = falling((math.inf, 0), (10, 200), (3, 400))
    assert [curve.step(value).passed for value in (-1, 3, 3.5, 10, 10.5)] == [400, 400, 200, 200, 0]


SUBMISSION = Measurement({"items": 8, "repeats": 0, "sum": -2})
PLAIN = (
    "        return Grade(found['items'] >= bounds.items, '', None if found['items'] >= bounds.items else 'too_few')\n"
)
DECLARED = "directions = {'tolerances.low': 'at_least'}"
PLAIN_UP = PLAIN.replace(">=", "<=")


@pytest.mark.parametrize(
    ("source", "directions"),
    [
        ((), {ITEMS: True, REPEATS: False, LOW: True, HIGH: False}),
        ((BY_HAND, PLAIN + BY_HAND), {ITEMS: True, LOW: False}),
        ((BY_HAND, PLAIN_UP + BY_HAND), {ITEMS: False}),
        (
            (BY_HAND, PLAIN + BY_HAND, "# declared", "directions = {'tolerances.low': 'at_least'}"),
            {ITEMS: True, LOW: True},
        ),
        (("# declared", "directions = {'tolerances.items': 'at_most'}"), {ITEMS: False}),
    ],
)
def test_a_direction_is_declared_or_checked_or_shown_by_the_grades(
    tmp_path: Path, source: tuple[str, ...], directions: dict[str, bool]
) -> None:
    with listing_task(tmp_path, *source) as node:
        grader = KnobGrader(node, list(directions))
        lines = [line_of(grader, index, [SUBMISSION]) for index in range(len(directions))]
        assert [line.falling for line in lines] == list(directions.values())


@pytest.mark.parametrize("edge", [-3.5, -5e-324, 0.0, 5e-324, 7.25, -8e307])
def test_a_threshold_is_found_exactly_on_the_whole_line(edge: float) -> None:
    calls = []

    def passes(value: float) -> bool:
        calls.append(value)
        return value >= edge

    assert critical(passes, (), -LARGEST, LARGEST) == edge
    assert len(calls) < 70


@pytest.fixture(scope="module")
def swept_set(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """3 cells over `at least … items` on a set of two problems."""
    root = tmp_path_factory.mktemp("listing_set")
    rows = "    def problems(self):\n        return [{'id': 'one'}, {'id': 'two'}]\n\n    def oracle"
    with listing_task(root, "    def oracle", rows) as node:
        fixed = (f"task={node['name']}", "model=simulated", "runs.count=10", f"{LOW}=-20", "runs.concurrency=20")
        results = asyncio.run(run_sweep(root / "sweep", fixed, {ITEMS: ("3", "6", "9")}))
        yield results, surveyed(results)


def test_a_curve_of_a_set_along_a_minimum_has_the_rates_of_every_cell(swept_set: Any) -> None:
    landscape = swept_set[1]
    (view,) = landscape.facets
    (curve,) = facts(landscape)["panels"][0]["curves"]
    assert len({spot.passed for spot in view.spots}) == 3
    for spot in view.spots:
        step = [step for step in curve["set"] if step["value"] <= spot.at[ITEMS]][-1]
        assert step["rate"]["value"] == spot.set.rate.value
        passes = sum(passed for passed, _ in view.nest.counts(spot.at).values())
        assert passes == spot.passed
    found = next(found for found in view.recommendations if found.knob == ITEMS)
    assert view.nest.curve(ITEMS, {}).step(found.candidate).passed == found.passed


def test_a_threshold_beside_the_tolerances_has_a_curve_where_its_direction_is_declared(tmp_path: Path) -> None:
    beside = ("s: Tolerances\n", "s: Tolerances\n    least: int = 6\n", '("tolerances",)', '("tolerances", "least")')
    beside += ("bounds.items, knob", "self.config.least, knob", '"tolerances.items"', '"least"')
    fixed = ("model=simulated", "runs.count=10", f"{LOW}=-20", "+task.least=6")
    kinds = {}
    for number, declared in enumerate(({}, {"least": "at_least"})):
        with listing_task(tmp_path / str(number), *beside, "# declared", f"directions = {declared}") as node:
            folder, knobs = tmp_path / str(number) / "sweep", {"task.least": ("3", "9")}
            landscape = surveyed(asyncio.run(run_sweep(folder, (f"task={node['name']}", *fixed), knobs)))
        (knob,), curves = landscape.knobs, [curve for view in landscape.facets for curve in view.curves]
        kinds[knob.kind.value] = [curve.falling for curve in curves]
    assert kinds == {"judged": [], "tolerance": [True]}
