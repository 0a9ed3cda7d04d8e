"""Confirming: the recommended setting is sampled afresh, and the test can say no."""

import json

import jsonschema
import pytest

from evalkit.landscape.confirmation import Prediction, describe
from evalkit.landscape.files import schema
from evalkit.results.reading import load
from evalkit.rollout.limits import MORE_FOLLOWS
from evalkit.stats.comparisons import compare_independent
from tests.launching import Watcher
from tests.servers.fixtures import MessagesServer

FIXED = ("task=arithmetic", "model=simulated", "runs.count=60", "runs.concurrency=10", "confirm=true")


async def test_the_recommended_cell_is_sampled_afresh_at_its_own_limits(sweep, tmp_path):
    view = Watcher()
    results = await sweep(FIXED, {"limits.max_tokens": ["120", "150", "400"]}, view)
    facts = json.loads((tmp_path / "sweep" / "landscape.json").read_text())
    jsonschema.validate(facts, schema())
    confirmed = facts["confirmation"]
    (found,) = [one for one in facts["panels"][0]["recommendations"] if one["knob"] == "limits.max_tokens"]
    assert confirmed["setting"] == {"limits.max_tokens": found["value"]}
    assert confirmed["predicted"] == {"passed": found["passed"], "unknown": 0, "runs": found["runs"]}
    beside = load(tmp_path / "sweep-confirmation").cells[0]
    assert beside.limits.max_tokens == found["value"]
    assert beside.rollout_set != results[0].source.known.name
    assert (beside.summary.passed, beside.summary.total) == (confirmed["fresh"]["passed"], found["runs"])
    assert [run.output_tokens for run in beside.runs] != [run.rollout.output_tokens for run in results[1].runs]
    assert confirmed["agrees"]
    assert ("result", confirmed["sentence"]) in view.events


async def test_without_a_setting_in_the_band_there_is_nothing_to_confirm(sweep, tmp_path):
    view = Watcher()
    await sweep([*FIXED, "band.low=0.98", "band.high=0.99"], {"limits.max_tokens": ["20", "30"]}, view)
    facts = json.loads((tmp_path / "sweep" / "landscape.json").read_text())
    assert facts["confirmation"] == {
        "done": False,
        "reason": "no setting to confirm: no value of a knob reliably leads into the band",
    }
    assert not (tmp_path / "sweep-confirmation").exists()
    assert (
        "result",
        "confirm=true: no setting to confirm: no value of a knob reliably leads into the band.",
    ) in view.events


async def test_a_confirmation_that_only_met_errors_is_said_to_be_none_and_counts(sweep, tmp_path):
    server, knobs = MessagesServer("--task", "arithmetic"), {"limits.max_tokens": ["120", "150", "400"]}
    fixed = ["task=arithmetic", "model=local", f"model.base_url={server.url}", "model.max_retries=0", "runs.count=12"]
    fixed += ["band.low=0.01", "band.high=0.99"]  # that few runs are sure to be in
    try:
        sampled = await sweep(fixed, knobs, name="sampled")
        server.set_up(plan=[{"kind": "status", "status": 500}] * 100)  # for what the next sweep does not reuse
        results = await sweep([*fixed, "confirm=true"], knobs)
    finally:
        server.stop()
    assert [result.summary.passed for result in results[:3]] == [result.summary.passed for result in sampled]
    assert [result.done for result in results] == [True, True, True, False]
    confirmed = json.loads((tmp_path / "sweep" / "landscape.json").read_text())["confirmation"]
    assert confirmed["reason"].startswith("nothing to compare with: all runs in ")


@pytest.mark.parametrize(
    ("fresh", "words"),
    [((25, 100), "consistent with the prediction"), ((60, 100), "REFUTED"), ((0, 0), "consistent with")],
)
def test_either_outcome_is_said(fresh, words):
    comparison = compare_independent(30, 100, *fresh)
    said = describe(Prediction({"limits.max_tokens": 2900.0}, 30, 100), *fresh, comparison, 0.95)
    assert words in said
    assert said.startswith("Confirmation at limits.max_tokens=2,900: predicted 30.0%, sampled afresh ")


def test_the_number_of_passes_that_unknown_runs_allow_nearest_to_the_fresh_rate_is_compared():
    predicted = Prediction({"limits.max_tokens": 60.0}, 2, 12, 6)
    assert [predicted.nearest(fresh, 10) for fresh in (0, 1, 2, 5, 7, 10)] == [2, 2, 2, 6, 8, 8]
    said = describe(predicted, 5, 10, compare_independent(6, 12, 5, 10), 0.95)
    assert said.startswith(
        "Confirmation at limits.max_tokens=60: predicted between 16.7 and 66.7%, sampled afresh 50.0%"
    )


async def test_where_nothing_is_recommended_a_cell_with_unknown_runs_is_sampled_at_its_own_limits(
    sweep, tmp_path, messages_api
):
    calls = [
        {"name": "submit_answer", "input": {"answer": 8769}},
        {"name": "python_expression", "input": {"expression": "print(1)" + " " * 200}},
    ]
    agents = [{"name": "wordy", "turns": [{"text": "", "calls": calls, "tokens": {"median": 100}}]}]
    messages_api.set_up(agents=agents)
    fixed = ["task=arithmetic", "model=local", f"model.base_url={messages_api.url}", "runs.count=8"]
    knobs = {"limits.max_tokens": ["60", "400"]}
    view = Watcher()
    await sweep(fixed, knobs, view, name="before")
    before = json.loads((tmp_path / "before" / "landscape.json").read_text())
    (said,) = [line for line in before["summary"] if "unknown, so the rate is a range" in line]
    start = "With `limits.max_tokens` below 100, up to 8 of 8 runs are unknown, so the rate is a range"
    assert said.startswith(f"{start}: {MORE_FOLLOWS}.")
    assert said.endswith("With confirm=true one such cell is sampled at its own limits.")
    assert said in before["panels"][0]["sentences"]
    await sweep([*fixed, "confirm=true"], knobs, name="sweep")
    after = json.loads((tmp_path / "sweep" / "landscape.json").read_text())
    jsonschema.validate(after, schema())
    assert "confirm=true" not in " ".join(after["summary"])
    confirmed = after["confirmation"]
    assert confirmed["setting"] == {"limits.max_tokens": 60}
    assert confirmed["predicted"] == {"passed": 0, "unknown": 8, "runs": 8}
    assert (confirmed["fresh"]["passed"], confirmed["agrees"]) == (8, True)
    assert "predicted between 0.0 and 100.0%, sampled afresh 100.0%" in confirmed["sentence"]


async def test_after_the_first_sweep_of_a_real_model_a_test_of_clipping_is_proposed(sweep, tmp_path, messages_api):
    submit = [{"name": "submit_answer", "input": {"answer": 8769}}]
    turns = [{"text": "", "calls": submit, "tokens": {"median": 100, "spread": 0.5}}]
    messages_api.set_up(agents=[{"name": "short", "turns": turns}])
    fixed = ["task=arithmetic", "model=local", f"model.base_url={messages_api.url}", "runs.count=12"]
    fixed += ["band.low=0.01", "band.high=0.99"]  # that few runs are sure to be in
    knobs = {"limits.max_tokens": ["60", "100", "400"]}

    async def proposed(name, *more):
        view = Watcher()
        await sweep([*fixed, *more], knobs, view, name=name)
        return [event[1] for event in view.events if event[0] == "result" and "assume that the provider" in event[1]]

    assert len(await proposed("first")) == 1
    assert await proposed("second") == []  # everything is reused: it was said
    assert await proposed("third", "confirm=true", "runs.seed=1") == []
