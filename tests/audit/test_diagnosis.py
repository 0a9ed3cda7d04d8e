"""Failed runs are told which known mistake they made."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest
from evalkit_tasks.positional_attention.mistakes import known_mistakes
from evalkit_tasks.positional_attention.reference import compute

from evalkit import Problem
from evalkit.__main__ import main
from evalkit.audit.diagnosis import warnings
from evalkit.audit.dictionary import Dictionary
from evalkit.config.saved import write_config
from evalkit.report import write
from evalkit.results.reading import load
from evalkit.sandbox import open_sandbox
from evalkit.task.registry import load_task
from tests.launching import Watcher, config_for, launch
from tests.servers.fixtures import MessagesServer


@pytest.fixture
async def dictionary(tmp_path):
    config = config_for("task=positional_attention_strict", store=tmp_path / "store")
    async with open_sandbox(config.sandbox) as sandbox:
        yield Dictionary(load_task(config.task), config, sandbox)


def rounded(answer, digits):
    return {key: [[round(x, digits) for x in row] for row in matrix.tolist()] for key, matrix in answer.items()}


async def test_values_are_traced_to_the_mistake_that_gives_them(dictionary, tmp_path):
    spec = dictionary.task.spec(Problem.seeded(3))
    for mistake in known_mistakes(spec):
        if mistake.name in ("no_mask", "mask_on_the_other_side", "no_scale", "values_from_the_other_matrix"):
            match = await dictionary.name(
                rounded(compute(spec, mistake.recipe), 4) | {"causal_mask_applied": True}, spec
            )
            assert match.mistake == f"wrong/{mistake.name}"
            assert match.distance < 1e-4
            assert match.words == f"matches `{mistake.name}` to 5e-05"
    (kept,) = (tmp_path / "mistakes" / "positional_attention").glob("*.json")
    assert "wrong/no_mask" in json.loads(kept.read_text())


async def test_values_of_nobody_and_right_ones_are_no_known_mistake(dictionary):
    spec = dictionary.task.spec(Problem.seeded(3))
    right = rounded(spec.exact, 3)
    strange = {key: [[x + 0.37 for x in row] for row in matrix] for key, matrix in right.items()}
    assert await dictionary.name(right, spec) is None
    assert await dictionary.name(strange, spec) is None
    assert await dictionary.name("not even JSON", spec) is None


async def test_functions_are_compared_by_what_they_compute(tmp_path):
    config = config_for("task=paged_attention", store=tmp_path / "store")
    task = load_task(config.task)
    async with open_sandbox(config.sandbox) as sandbox:
        dictionary = Dictionary(task, config, sandbox)
        known = [
            m
            for m in dictionary.mistakes(task.spec(Problem.seeded(1)))
            if m.name in ("missing_scale", "no_mask", "uses_numpy")
        ]
        dictionary._mistakes = known
        source = next(m.source for m in known if m.name == "missing_scale")
        renamed = source.replace("scores", "logits").replace("outside", "beyond")
        assert (await dictionary.name(renamed, task.spec(Problem.seeded(9)))).mistake == "wrong/missing_scale"


async def test_a_launch_is_diagnosed_and_its_report_says_so(tmp_path, capsys):
    result = await launch(
        tmp_path / "run", "task=arithmetic", "model=simulated", "runs.count=16", store=tmp_path / "store"
    )
    folder = result.cell.folder
    write_config(folder, result.cell.config, {})
    assert await asyncio.to_thread(main, ["diagnose", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "matches `caret_as_exclusive_or` to 1e-16" in out
    cell = load(folder).cells[0]
    named = [run for run in cell.runs if run.diagnosis]
    assert named
    assert all(run.category == "wrong_value" for run in named)
    write(folder)
    assert "caret" in (folder / "report.md").read_text()


def test_one_dominant_reason_is_a_warning():
    (said,) = warnings(Counter({"wrong/no_mask": 11, "Token limit": 1}))
    assert said.startswith("11 of 12 failures have one reason, wrong/no_mask")
    assert not list(warnings(Counter({"wrong/no_mask": 7, "wrong/no_scale": 5})))
    assert not list(warnings(Counter({"wrong/no_mask": 3})))


@pytest.mark.parametrize(("data", "named"), [("published", True), ("seeded", False)])
async def test_a_launch_of_a_language_model_names_mistakes_where_that_is_cheap(data, named, tmp_path):
    played = ("positional_attention", f"task.data={data}", "runs.count=16")
    server, view = MessagesServer("--task", *played), Watcher()
    try:
        model = ("model=local", "model.id=scripted", f"model.base_url={server.url}")
        result = await launch(tmp_path / "run", f"task={played[0]}", *played[1:], *model, store=tmp_path, view=view)
    finally:
        server.stop()
    (cell,) = load(result.cell.folder).cells
    found = {run.number: run.diagnosis for run in cell.runs if run.diagnosis}
    if named:
        assert any("matches" in words for words in found.values())
        page = (cell.folder / "report.md").read_text().replace("\\", "")
        assert all(words in page for words in found.values())
        assert f"Known mistakes in {len(found)} of" in view.notes[-1]
    else:
        assert not found
        assert view.notes[-1] == f"Which known mistakes were made says: python -m evalkit diagnose {cell.folder}"
