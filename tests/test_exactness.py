"""Clipping is exact on the main tasks, a sweep buys one cell's tokens, and the tempting wrong way is biased."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator

from evalkit.engine.cells import Cell
from evalkit.landscape.files import schema as landscape_schema
from evalkit.launch.pipeline import execute
from evalkit.rollout.limits import Limits, clip
from evalkit.rollout.record import Ending
from evalkit.sampling.resources import Resources
from tests.builders import rollout, turn
from tests.landscape.conftest import run_sweep
from tests.launching import Watcher, config_for, launch
from tests.servers.fixtures import MessagesServer
from tests.test_schemas import schema, values

ROOT = Path(__file__).resolve().parents[1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    """Sandboxes and clients that all launches share: only what is sampled differs."""
    resources = Resources()
    yield resources
    await resources.close()


@pytest.mark.parametrize(
    ("task", "runs", "limits"),
    [
        ("paged_attention", 6, [f"limits.max_tokens={n}" for n in range(500, 4700, 350)]),
        ("positional_attention", 12, [f"limits.max_tokens={n}" for n in range(300, 1700, 175)]),
        ("positional_attention", 12, [f"limits.max_steps={n}" for n in (1, 2, 3, 5)]),
        ("positional_attention", 12, [f"limits.max_tokens={n} limits.max_steps=2" for n in (500, 900, 1300)]),
        ("positional_attention", 12, [f"limits.max_tokens_per_turn={n}" for n in (300, 600, 900, 1200)]),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_clipped_cells_equal_cells_sampled_afresh(resources, tmp_path, task, runs, limits):
    """Bit for bit, for every limit of a grid: one sampling at the largest limits against one sampling a cell."""

    def cells(kind: str, store: str, reuse: str) -> list[Cell]:
        made = []
        for index, limit in enumerate(["limits=unlimited", *limits]):
            overrides = [
                f"task={task}",
                "model=simulated",
                f"runs.count={runs}",
                "runs.concurrency=4",
                f"reuse={reuse}",
            ]
            overrides += ["limits=unlimited", *limit.split()] if index else [limit]
            folder = tmp_path / kind / f"{index:02d}"
            folder.mkdir(parents=True)
            made.append(Cell(config_for(*overrides, store=tmp_path / store), folder, {"limits": limit}, index))
        return made

    clipped = await execute(cells("clipped", "one-set", "dominating"), Watcher(), resources)
    assert len({result.source.known.name for result in clipped}) == 1
    for cell in cells("fresh", "own-sets", "exact"):
        (fresh,) = await execute([cell], Watcher(), resources)
        assert fresh.source.known.limits == fresh.limits  # sampled under its own limits
        for name in ("runs.jsonl", "summary.json", "measurements.jsonl"):
            own, other = (tmp_path / kind / cell.folder.name / name for kind in ("fresh", "clipped"))
            assert own.read_bytes() == other.read_bytes(), (cell.overrides, name)
    endings = {run.rollout.ending for result in clipped for run in result.runs}
    assert endings >= {Ending.SUBMITTED} and endings & {Ending.TOKEN_LIMIT, Ending.STEP_LIMIT}


def test_a_sweep_buys_its_largest_cell_once_and_a_second_sweep_nothing(tmp_path):
    """What is bought is what the server says it delivered, not what we believe."""
    server = MessagesServer("--task", "positional_attention", "task.data=seeded", "runs.count=6")
    try:
        spent = []
        for sweep in ("one", "two"):
            command = [
                *(sys.executable, "-m", "evalkit", "-m", "task=positional_attention", "task.data=seeded"),
                *("model=local", "model.id=scripted", f"model.base_url={server.url}", "runs.count=6"),
                *("task.tolerances.attention_weights=0.05,0.1,0.15,0.3", "limits.max_tokens=1500,2000,2900,4000"),
                *(f"hydra.sweep.dir={tmp_path / sweep}", f"store={tmp_path / 'rollouts'}"),
            ]
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "CI": "1"}
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stderr[-2000:]
            spent.append(server.counts["output_tokens"])
    finally:
        server.stop()
    cells = sorted(path.parent for path in (tmp_path / "one").glob("*/runs.jsonl"))
    assert len(cells) == 16
    lines = [(cell / "runs.jsonl").read_text().splitlines() for cell in cells]
    tokens = [sum(json.loads(line)["output_tokens"] for line in runs) for runs in lines]
    assert spent[0] == max(tokens)
    assert spent[1] == spent[0]
    assert sum(tokens) > 10 * spent[0]


SUBMIT = {"name": "submit_answer", "input": {"answer": 8769}}
LOOK = {"name": "python_expression", "input": {"expression": "print(1)" + " " * 200}}


async def ranges_and_fresh_rates(tmp_path, server, limits, **script):
    """One sweep at the server, with its landscape, and every cell of it launched for itself."""
    common = ["task=arithmetic", "model=local", f"model.base_url={server.url}", "model.max_retries=0", "runs.count=12"]
    server.set_up(**script)
    swept = await run_sweep(tmp_path / "sweep", common, {"limits.max_tokens": limits})
    fresh = []
    for limit in limits:
        server.set_up(**script)
        words = [*common, f"limits.max_tokens={limit}"]
        fresh.append(await launch(tmp_path / f"fresh-{limit}", *words, store=tmp_path / f"store-{limit}"))
    assert all(result.summary.rate.value is not None for result in fresh)  # exact at its own limits
    for clipped, alone in zip(swept, fresh, strict=True):
        found, rate = clipped.summary.rate, alone.summary.rate
        assert rate.value in found.range
        assert rate.interval.within(found.interval)
        if not found.unknown:
            assert found == rate
    return swept, fresh


@pytest.mark.asyncio(loop_scope="module")
async def test_the_range_of_a_context_that_was_full_holds_the_rate_of_a_fresh_launch(tmp_path, messages_api):
    agents = [
        {
            "name": "long",
            "turns": [
                {"text": "word " * 400, "calls": [LOOK], "tokens": {"median": 500}},
                {"text": "", "calls": [SUBMIT], "tokens": {"median": 50}},
            ],
        }
    ]
    messages_api.set_up(agents=agents)
    base = ["task=arithmetic", "model=local", f"model.base_url={messages_api.url}", "runs.count=1"]
    probe = await launch(tmp_path / "probe", *base, "limits.max_tokens=2000", store=tmp_path / "probed")
    first, second = (turn.input_tokens for turn in probe.runs[0].rollout.turns)
    context = first + 2000
    assert second + 1500 > context >= second + 500  # the second request of the largest cell does not fit, others do
    swept, fresh = await ranges_and_fresh_rates(
        tmp_path, messages_api, ("400", "1000", "2000"), agents=agents, context=context, reserves=True
    )
    assert [result.summary.passed for result in fresh] == [0, 12, 0]
    assert [result.summary.rate.unknown for result in swept] == [0, 12, 0]
    facts = json.loads((tmp_path / "sweep" / "landscape.json").read_text())
    assert list(Draft202012Validator(landscape_schema()).iter_errors(facts)) == []
    for name, pattern in (
        ("run", "001/runs.jsonl"),
        ("summary", "001/summary.json"),
        ("rollout", "*/rollouts/*.jsonl"),
    ):
        validator = Draft202012Validator(schema(name))
        assert [error for value in values(tmp_path / "sweep", pattern) for error in validator.iter_errors(value)] == []
    cell = facts["panels"][0]["cells"][1]
    assert (cell["rate"], cell["range"], cell["unknown"]) == (None, {"low": 0.0, "high": 1.0}, 12)
    row = (tmp_path / "sweep" / "landscape.csv").read_text().splitlines()[2].split(",")
    assert row[3:8] == ["", "0.000000", "1.000000", "0", "12"]


@pytest.mark.asyncio(loop_scope="module")
async def test_the_range_of_what_follows_a_submission_holds_the_rate_of_a_fresh_launch(tmp_path, messages_api):
    turns = [{"text": "", "calls": [SUBMIT, LOOK], "tokens": {"median": 100, "spread": 0.3}}]
    agents = [{"name": "wordy", "turns": turns}]
    swept, fresh = await ranges_and_fresh_rates(
        tmp_path, messages_api, ("5", "60", "110", "400"), agents=agents, seed=3
    )
    assert [result.summary.passed for result in fresh][1:] == [12, 12, 12]
    unknown = [result.summary.rate.unknown for result in swept]
    assert unknown[0] == 12 and 12 > unknown[2] > 0 and unknown[3] == 0


def drawn(rng: random.Random):
    """A rollout of an agent that is right when it is quick: one turn, lengths log-normal."""
    tokens = max(1, round(rng.lognormvariate(7.0, 0.6)))
    right = rng.random() < (0.7 if tokens < 1500 else 0.2)
    return rollout(turn(tokens, answer=right))


def test_resampling_only_what_was_cut_is_biased():
    """Keep the rollouts that ended under the small limit, buy the cut ones anew at the large one: the rate comes out
    too high, because quick rollouts get two chances to be quick. Clipping the large set has no such bias."""
    rng, small, large, runs = random.Random(7), Limits(max_tokens=1200), Limits(max_tokens=4000), 40_000

    def rate(limits: Limits, rollouts) -> float:
        clipped = [clip(each, limits) for each in rollouts]
        return sum(bool(each.submission and each.submission.answer) for each in clipped) / runs

    truth = rate(large, [drawn(rng) for _ in range(runs)])
    first = [drawn(rng) for _ in range(runs)]
    patched = [drawn(rng) if clip(each, small).ending is Ending.TOKEN_LIMIT else each for each in first]
    assert abs(rate(large, first) - truth) < 0.01  # noise of this many runs: 0.0035
    assert rate(large, patched) > truth + 0.05
