"""What a sweep says: every number of the landscape against the cells that the engine graded one by one."""

import asyncio
import csv
import json
import math
from dataclasses import replace

import jsonschema
import pytest

from evalkit.landscape.compute import Axis
from evalkit.landscape.files import as_json, schema
from evalkit.landscape.grids import grid
from evalkit.landscape.knobs import Entry
from evalkit.landscape.survey import survey
from evalkit.landscape.write import write
from evalkit.stats.inband import Plan, chance_in_band
from evalkit.stats.intervals import wilson
from evalkit.stats.verdict import Band
from tests.landscape.conftest import run_sweep, surveyed

BAND = ("band.low=0.02", "band.high=0.9")
ARITHMETIC = ("task=arithmetic", "model=simulated", "runs.count=80", "runs.concurrency=10")
TOKENS, ERRORS = ("110", "150", "160", "170", "400"), ("0.1", "10000", "1e9")


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """5 × 3 cells over a token limit and a tolerance."""
    folder = tmp_path_factory.mktemp("landscape") / "sweep"
    knobs = {"limits.max_tokens": TOKENS, "task.tolerances.answer": ERRORS}
    return folder, asyncio.run(run_sweep(folder, ARITHMETIC, knobs))


@pytest.fixture(scope="module")
def facts(swept):
    """landscape.json as the engine wrote it."""
    return json.loads((swept[0] / "landscape.json").read_text())


def test_the_files_are_there_and_the_json_keeps_its_schema(swept, facts):
    names = {path.name for path in swept[0].iterdir() if path.is_file()}
    assert names == {"landscape.csv", "landscape.json", "landscape.svg", "landscape.html"}
    jsonschema.validate(facts, schema())
    assert (swept[0] / "landscape.svg").read_text().startswith("<svg ")


def test_every_cell_has_the_counts_of_its_own_directory(swept, facts):
    (facet,) = facts["panels"]
    for cell in facet["cells"]:
        summary = json.loads((swept[0] / cell["folder"] / "summary.json").read_text())
        assert (cell["passed"], cell["runs"]) == (summary["passed"], summary["runs"])
        assert cell["pointwise"] == summary["pass_rate"]["interval"]
        assert cell["failures"] == {row["label"]: row["count"] for row in summary["failures"]}
        assert cell["in_band"] == (0.1 <= cell["rate"] <= 0.4)


def test_simultaneous_intervals_hold_the_pointwise_rates_and_are_wider(facts):
    for cell in facts["panels"][0]["cells"]:
        both = cell["pointwise"], cell["simultaneous"]
        assert all(interval["low"] <= cell["rate"] <= interval["high"] for interval in both)
        assert both[1]["high"] - both[1]["low"] > both[0]["high"] - both[0]["low"]


def test_curves_go_through_every_cell(facts):
    (facet,) = facts["panels"]
    assert len(facet["curves"]) == len(TOKENS) + len(ERRORS)
    for curve in facet["curves"]:
        others = {knob: value for knob, value in curve["at"].items() if knob in facet["cells"][0]["at"]}
        on_it = [cell for cell in facet["cells"] if all(cell["at"][knob] == value for knob, value in others.items())]
        assert on_it
        for cell in on_it:
            passed, graded, unknown = [step[1:] for step in curve["steps"] if step[0] <= cell["at"][curve["knob"]]][-1]
            assert (passed, graded, unknown) == (cell["passed"], cell["runs"], cell["unknown"])


def test_the_dense_map_agrees_with_every_cell(swept, facts):
    (facet,) = surveyed(swept[1]).facets
    axes = [
        Axis("limits.max_tokens", tuple(map(float, TOKENS))),
        Axis("task.tolerances.answer", tuple(map(float, ERRORS))),
    ]
    counts = grid(facet.nest, {}, axes)
    for spot in facet.spots:
        place = tuple(axis.values.index(spot.at[axis.knob]) for axis in axes)
        assert (counts.passed[place], counts.graded[place]) == (spot.passed, spot.runs)


def test_the_recommended_value_has_the_rate_that_a_launch_with_it_has(swept, facts):
    found = facts["panels"][0]["recommendations"][0]
    assert found["knob"] == "limits.max_tokens"
    assert found["low"] <= found["value"] <= found["high"]
    words = [f"limits.max_tokens={found['value']}", f"task.tolerances.answer={found['at']['task.tolerances.answer']}"]
    knobs = {word.partition("=")[0]: [word.partition("=")[2]] for word in words}
    (result,) = asyncio.run(run_sweep(swept[0].parent / "check", ARITHMETIC, knobs))
    assert (result.summary.passed, result.summary.rate.runs) == (found["passed"], found["runs"])
    interval = wilson(found["passed"], found["runs"], 0.95)
    assert found["interval"] == {"low": interval.low, "high": interval.high}


@pytest.mark.parametrize("outside", ["low", "high"])
def test_just_outside_the_recommended_range_the_rate_leaves_the_band(swept, facts, outside):
    found = facts["panels"][0]["recommendations"][0]
    limit = found["low"] - 1 if outside == "low" else found["high"] + 1
    knobs = {"limits.max_tokens": [str(limit)], "task.tolerances.answer": [str(found["at"]["task.tolerances.answer"])]}
    (result,) = asyncio.run(run_sweep(swept[0].parent / f"outside-{outside}", ARITHMETIC, knobs))
    rate = result.summary.rate.value
    assert rate < 0.1 if outside == "low" else rate > 0.4


def test_tokens_are_counted_once(swept, facts):
    largest = [result for result in swept[1] if result.limits.max_tokens == 400]
    assert facts["output_tokens"]["sampled"] == largest[0].summary.total_tokens
    assert facts["output_tokens"]["cell_by_cell"] == sum(result.summary.total_tokens for result in swept[1])
    assert swept[1][0].source.budget.output_tokens == facts["output_tokens"]["sampled"]


def test_the_table_says_the_same(swept, facts):
    rows = list(csv.DictReader((swept[0] / "landscape.csv").read_text().splitlines()))
    assert len(rows) == 15
    for row, cell in zip(rows, facts["panels"][0]["cells"], strict=True):
        assert {knob: row[knob] for knob in cell["overrides"]} == cell["overrides"]
        assert (int(row["passed"]), row["in_band"]) == (cell["passed"], str(cell["in_band"]).lower())
        assert float(row["simultaneous_low"]) == pytest.approx(cell["simultaneous"]["low"], abs=1e-6)
        assert sum(int(row[name]) for name in row if name.startswith("failed: ")) == cell["runs"] - cell["passed"]


def test_equal_sweeps_give_equal_bytes(swept, tmp_path):
    write(tmp_path, surveyed(list(reversed(swept[1]))))
    for name in ("landscape.csv", "landscape.json", "landscape.svg", "landscape.html"):
        assert (tmp_path / name).read_bytes() == (swept[0] / name).read_bytes(), name


async def test_what_needs_rollouts_of_its_own_becomes_a_panel(sweep):
    results = await sweep(
        [*ARITHMETIC[:2], "runs.count=8"],
        {"runs.seed": ["0", "1"], "limits.max_tokens": ["120", "400"], "band.high": ["0.4", "0.9"]},
    )
    landscape = surveyed(results)
    assert [(knob.name, knob.kind.value) for knob in landscape.knobs] == [
        ("runs.seed", "sampled"),
        ("limits.max_tokens", "limit"),
        ("band.high", "reported"),
    ]
    fixed = [dict(result.facet.fixed) for result in landscape.facets]
    assert fixed == [{"runs.seed": s, "band.high": b} for s in "01" for b in ("0.4", "0.9")]
    assert all([axis.knob for axis in result.facet.axes] == ["limits.max_tokens"] for result in landscape.facets)
    assert "The cells have different bands" in landscape.notes[0]
    jsonschema.validate(json.loads(as_json(landscape)), schema())


async def test_a_sweep_of_nothing_nested_still_says_what_the_limits_could_do(sweep):
    landscape = surveyed(await sweep([*ARITHMETIC[:2], "runs.count=60"], {"runs.seed": ["0", "1"]}))
    assert [len(result.facet.axes) for result in landscape.facets] == [0, 0]
    assert any("`limits.max_tokens`" in line and "set" in line.lower() for line in landscape.lines)


async def test_no_limit_at_all_is_a_value(sweep):
    landscape = surveyed(await sweep([*ARITHMETIC[:2], "runs.count=12"], {"limits.max_tokens": ["150", "null"]}))
    (result,) = landscape.facets
    assert result.facet.axes[0].values == (150.0, math.inf)
    assert result.curves[0].step(math.inf).passed == result.spots[1].passed
    jsonschema.validate(json.loads(as_json(landscape)), schema())


async def test_limits_that_the_model_can_see_are_sampled_cell_by_cell_and_the_landscape_says_so(sweep, monkeypatch):
    monkeypatch.setattr("evalkit.model.anthropic.client.AnthropicModel.floor", 2)
    results = await sweep([*ARITHMETIC[:2], "runs.count=6"], {"limits.max_tokens": ["150", "400"]})
    assert len({result.source.known.name for result in results}) == 2
    landscape = surveyed(results)
    assert [knob.kind.value for knob in landscape.knobs] == ["sampled"]
    assert "sampled one by one and not clipped" in landscape.notes[0]
    jsonschema.validate(json.loads(as_json(landscape)), schema())


@pytest.mark.parametrize("model", ["oracle", "noop"])
async def test_nothing_is_recommended_for_a_model_that_is_a_script_nor_where_it_is_replayed(sweep, model, tmp_path):
    knobs = {"limits.max_tokens": ["20", "400"]}
    results = await sweep(["task=arithmetic", f"model={model}", "runs.count=40", "band.high=0.99"], knobs)
    played = ["task=arithmetic", "model=replay", f"model.replay_from={results[1].cell.folder}", "runs.count=40"]
    for name, swept in ((model, results), (f"replay of {model}", await sweep([*played, *BAND], knobs, name="replay"))):
        landscape = surveyed(swept)
        (facet,) = landscape.facets
        said = f"Nothing is recommended for model {name}: it is a script, not a language model."
        assert said in landscape.lines
        assert (facet.recommendations, facet.best) == ((), None)
        assert facet.curves  # what the script needs stays in the picture
        jsonschema.validate(json.loads(as_json(landscape)), schema())


async def test_a_replay_of_simulated_agents_recommends_like_them_and_is_called_simulated(sweep):
    knobs = {"limits.max_tokens": ["150", "400"]}
    results = await sweep([*ARITHMETIC[:2], "runs.count=60", *BAND], knobs)
    played = ["task=arithmetic", "model=replay", f"model.replay_from={results[1].cell.folder}", "runs.count=60"]
    said = [surveyed(swept).lines[-1] for swept in (results, await sweep([*played, *BAND], knobs, name="replay"))]
    assert said[0] == said[1]
    assert "for the simulated model (which measures no LLM)" in said[0]


async def test_few_runs_recommend_nothing_on_the_console(sweep):
    landscape = surveyed(await sweep([*ARITHMETIC[:2], "runs.count=3"], {"limits.max_tokens": ["150", "400"]}))
    assert not any(line.lower().startswith("set ") for line in landscape.lines)
    assert all(found.value is None for found in landscape.facets[0].recommendations)


async def test_a_curve_that_the_runs_chose_among_others_pays_for_the_choice(sweep):
    knobs = {"limits.max_tokens": ["150", "400"], "task.tolerances.answer": ["0.1", "10000", "1e9"]}
    (facet,) = surveyed(await sweep([*ARITHMETIC[:2], "runs.count=50", *BAND], knobs)).facets
    chances = {found.knob: found.chance for found in facet.recommendations if found.chance}
    for knob, curves in (("limits.max_tokens", 3), ("task.tolerances.answer", 2)):
        (found,) = [found for found in facet.recommendations if found.knob == knob]
        if knob in chances:
            alone = chance_in_band(found.passed, found.runs, Band(0.02, 0.9), Plan(curves))
            assert found.chance == float(alone) < float(chance_in_band(found.passed, found.runs, Band(0.02, 0.9)))
    assert "limits.max_tokens" in chances


async def test_a_sampling_that_its_results_ended_is_judged_by_evalues(sweep):
    fixed = [*ARITHMETIC[:2], "runs.until=decided", "runs.max=60", "band.low=0.001", "band.high=0.9"]
    (facet,) = surveyed(await sweep(fixed, {"limits.max_tokens": ["150", "400"]})).facets
    (found,) = [found for found in facet.recommendations if found.knob == "limits.max_tokens"]
    band = Band(0.001, 0.9)
    assert found.chance == float(chance_in_band(found.passed, found.runs, band, Plan(stopped=True)))
    assert found.chance != float(chance_in_band(found.passed, found.runs, band))
    assert found.enters is None


async def test_a_sampling_that_was_cut_short_is_judged_like_one_that_its_results_ended(sweep):
    results = await sweep([*ARITHMETIC[:2], "runs.count=50", *BAND], {"limits.max_tokens": ["150", "400"]})
    entries = [Entry.of(result) for result in results]
    whole, short = (
        survey([replace(entry, asked=entry.asked + more) for entry in entries]).facets[0].recommendations[0]
        for more in (0, 5)
    )
    assert short.chance == float(chance_in_band(short.passed, short.runs, Band(0.02, 0.9), Plan(stopped=True)))
    assert short.chance < whole.chance
