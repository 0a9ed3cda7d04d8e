"""Sampling into a shared store: several processes, damaged records, and a cost budget that runs empty."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.model.anthropic.client import AnthropicModel
from evalkit.results.runs import Outcome
from evalkit.rollout.journal import Journal, load, write_rollout
from evalkit.rollout.record import Ending
from tests.launching import Watcher, launch
from tests.model.anthropic.test_client import AGENTS

ROOT = Path(__file__).resolve().parents[2]


def runs_of(folder: Path) -> bytes:
    return (folder / "runs.jsonl").read_bytes()


def start(folder: Path, *overrides: str) -> subprocess.Popen:
    """A launch in a process of its own, with `folder/rollouts` as its store."""
    command = [sys.executable, "-m", "evalkit", *overrides, f"store={folder / 'rollouts'}"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "CI": "1"}
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def journals(folder: Path) -> list[Path]:
    return sorted((folder / "rollouts").rglob("[0-9]*.jsonl"))


def test_two_processes_share_one_launch_without_buying_twice(tmp_path):
    common = ("task=arithmetic", "model=simulated", "runs.count=20", "runs.concurrency=3")
    pair = [start(tmp_path, *common, f"hydra.run.dir={tmp_path / name}") for name in ("a", "b")]
    for process in pair:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
    assert runs_of(tmp_path / "a") == runs_of(tmp_path / "b")
    assert len(journals(tmp_path)) == 20
    for path in journals(tmp_path):
        lines = [json.loads(line)["type"] for line in path.read_text().splitlines()]
        assert lines.count("rollout") == lines.count("end") == 1  # one buyer, one end
        assert not load(path).damage
    assert not list(tmp_path.rglob("*.claim"))


async def test_a_damaged_record_is_bought_again_from_the_damage_on(tmp_path):
    common = ("task=arithmetic", "model=simulated", "runs.count=4")
    first = await launch(tmp_path / "a", *common, store=tmp_path / "rollouts")
    victim = journals(tmp_path)[1]
    whole = victim.read_bytes()
    lines = whole.splitlines(keepends=True)
    victim.write_bytes(b"".join(lines[:3]) + lines[3].replace(b"output_tokens", b"output_tokenz") + b"".join(lines[4:]))
    second = await launch(tmp_path / "b", *common, store=tmp_path / "rollouts")
    assert runs_of(tmp_path / "a") == runs_of(tmp_path / "b")
    run = first.runs[1].rollout
    assert second.source.budget.output_tokens == run.output_tokens - run.turns[0].output_tokens
    assert load(victim).complete


async def test_a_record_with_a_second_end_is_used_and_repaired(tmp_path):
    common = ("task=arithmetic", "model=simulated", "runs.count=3")
    await launch(tmp_path / "a", *common, store=tmp_path / "rollouts")
    victim = journals(tmp_path)[1]
    whole = victim.read_bytes()
    victim.write_bytes(whole + whole.splitlines(keepends=True)[-1])
    second = await launch(tmp_path / "b", *common, store=tmp_path / "rollouts")
    assert second.source.budget.output_tokens == 0
    assert victim.read_bytes() == whole
    assert runs_of(tmp_path / "a") == runs_of(tmp_path / "b")


async def test_a_record_of_another_question_is_not_used(tmp_path):
    common = ("task=arithmetic", "model=simulated", "runs.count=2")
    await launch(tmp_path / "a", *common, store=tmp_path / "rollouts")
    for path in journals(tmp_path):
        path.write_bytes(b"")
    again = await launch(tmp_path / "b", *common, store=tmp_path / "rollouts")
    assert again.source.budget.output_tokens > 0
    assert runs_of(tmp_path / "a") == runs_of(tmp_path / "b")


async def test_a_record_that_the_tools_contradict_starts_over_and_says_so(tmp_path):
    common = ("task=arithmetic", "model=simulated", "runs.count=1")
    await launch(tmp_path / "a", *common, store=tmp_path / "rollouts")
    (path,) = journals(tmp_path)
    loaded = load(path)
    lying = loaded.rollout.turns[0].__class__(
        **{**vars(loaded.rollout.turns[0]), "reply": ({"type": "tool_result", "tool_use_id": "x", "content": "9"},)}
    )
    path.unlink()
    journal = Journal(path)
    journal.begin(loaded.rollout)
    journal.response(lying, 0.0, 0.0)
    journal.reply(lying)
    journal.close()
    watcher = Watcher()
    await launch(tmp_path / "b", *common, store=tmp_path / "rollouts", view=watcher)
    assert any("starts over" in note for note in watcher.notes)
    assert runs_of(tmp_path / "a") == runs_of(tmp_path / "b")


@pytest.mark.parametrize("moment", [0.05, 0.2, 0.4, 0.7])
async def test_a_cancelled_launch_goes_on_where_it_stopped(tmp_path, moment):
    common = ("task=arithmetic", "model=simulated", "runs.count=30", "runs.concurrency=3")
    whole = await launch(tmp_path / "whole", *common, store=tmp_path / "other")
    running = asyncio.ensure_future(launch(tmp_path / "cut", *common, store=tmp_path / "rollouts"))
    while not journals(tmp_path) and not running.done():  # noqa: ASYNC110  files have no event to wait for
        await asyncio.sleep(0.01)
    await asyncio.sleep(moment)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    resumed = await launch(tmp_path / "resumed", *common, store=tmp_path / "rollouts")
    assert runs_of(tmp_path / "resumed") == runs_of(tmp_path / "whole")
    assert all(run.outcome is not Outcome.ERROR for run in resumed.runs)
    assert whole.source.budget.output_tokens >= resumed.source.budget.output_tokens


async def test_times_of_a_run_that_goes_on_are_those_of_the_whole_run(tmp_path):
    """Seconds of every turn, bought before or after the cut, and when it was begun."""
    common = ("task=arithmetic", "model=simulated", "runs.count=1")
    await launch(tmp_path / "a", *common, store=tmp_path / "rollouts")
    (path,) = journals(tmp_path)
    before = load(path).rollout
    assert before.steps == 2
    journal = Journal(path.with_suffix(".slow"))
    journal.begin(before, started=1000.0)
    journal._opened -= 107  # it took so long
    journal.response(before.turns[0], 100.0, 7.0)
    journal.reply(before.turns[0])
    journal.close()
    path.with_suffix(".slow").replace(path)
    await launch(tmp_path / "b", *common, store=tmp_path / "rollouts")
    (timing,) = json.loads((tmp_path / "b" / "timing.json").read_text())["runs"]
    assert (timing["started"], timing["turns"][0], len(timing["turns"])) == (1000.0, 100.0, 2)
    assert timing["seconds"] >= 100
    assert timing["waited"] >= 7
    again = load(path).rollout.timing
    assert round(again.seconds, 3) == timing["seconds"]  # and so for every launch that reads it later


async def test_a_cost_budget_that_is_empty_starts_no_run_and_what_is_under_way_is_finished(tmp_path, monkeypatch):
    """At one cent a model call, three cents are spent by two runs of two calls."""
    monkeypatch.setattr(AnthropicModel, "cost_usd", lambda self, usages: 0.01 * len(usages))
    common = ("task=arithmetic", "model=simulated", "runs.count=6")
    free = await launch(tmp_path / "free", *common, store=tmp_path / "other")
    calls = [run.rollout.steps for run in free.runs]
    assert calls[:2] == [2, 2]
    watcher = Watcher()
    bounded = ("limits.max_cost_usd=0.03", "runs.concurrency=1")
    cut = await launch(tmp_path / "cut", *common, *bounded, store=tmp_path / "rollouts", view=watcher)
    assert [run.number for run in cut.runs] == [1, 2]
    assert cut.source.budget.spent_usd == pytest.approx(0.04)
    assert not cut.done
    assert cut.summary.warnings[-1].startswith("2 of 6 planned runs were made: what ended the launch early")
    assert not any("planned runs" in warning for warning in free.summary.warnings)
    assert "Cost limit reached ($0.040 of $0.030): no new runs were started." in watcher.notes
    exact = ("limits.max_cost_usd=0.04", "runs.concurrency=1")
    again = await launch(tmp_path / "again", *common, *exact, store=tmp_path / "rollouts")
    assert [run.number for run in again.runs] == [1, 2, 3, 4]  # what the store has costs nothing
    assert again.source.budget.spent_usd == pytest.approx(0.01 * sum(calls[2:4]))


async def test_a_record_in_which_nothing_was_answered_is_no_result(tmp_path):
    """As older versions kept it where a prompt did not fit the server's context."""
    common = ("task=arithmetic", "model=simulated", "runs.count=1")
    first = await launch(tmp_path / "a", *common, store=tmp_path / "rollouts")
    (path,) = journals(tmp_path)
    write_rollout(path, replace(first.runs[0].rollout, turns=(), ending=Ending.CONTEXT_LIMIT))
    again = await launch(tmp_path / "b", *common, store=tmp_path / "rollouts")
    assert runs_of(tmp_path / "b") == runs_of(tmp_path / "a")
    assert again.source.budget.output_tokens > 0


async def test_an_error_leaves_its_record_open_and_the_next_launch_goes_on_from_it(tmp_path, messages_api):
    fault = {"kind": "status", "status": 500}
    messages_api.set_up(agents=AGENTS, plan=[None, fault])
    words = ("task=arithmetic", "model=local", f"model.base_url={messages_api.url}", "model.max_retries=0")
    first = await launch(tmp_path / "a", *words, "runs.count=1", store=tmp_path / "rollouts")
    assert [run.outcome for run in first.runs] == [Outcome.ERROR]
    asked = messages_api.counts["asked"]
    again = await launch(tmp_path / "b", *words, "runs.count=1", store=tmp_path / "rollouts")
    assert messages_api.counts["asked"] == asked + 1
    assert [run.rollout.steps for run in again.runs] == [2]
    assert again.runs[0].outcome is not Outcome.ERROR
