"""Five tasks as people write them (tests/five): short, known answers, exact, replayed, audited."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from evalkit.engine.cells import Cell, CellResult
from evalkit.launch.pipeline import execute
from evalkit.rollout.record import Ending
from evalkit.sampling.resources import Resources
from tests.launching import Watcher, config_for
from tests.verbs import verb

one_loop = pytest.mark.asyncio(loop_scope="module")
HERE = Path(__file__).with_name("five")
TASKS = ("revenue", "clean_csv", "repair", "forecast", "handbook")
FACTS = ("runs.jsonl", "measurements.jsonl", "summary.json")


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(HERE, tmp_path_factory.mktemp("five") / "mine"))


@pytest.fixture(autouse=True)
def there(five: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(five)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    """One sandbox for all launches."""
    resources = Resources()
    yield resources
    await resources.close()


def cell(out: str, task: str, *words: str, store: str | None = None, index: int = 0) -> Cell:
    """A launch into `<task>/<out>`, with a store of its own unless one is named."""
    folder = Path(task, out).absolute()
    folder.mkdir(parents=True)
    config = config_for(f"task={task}", *words, store=Path(task, store or f"{out}-store").absolute())
    return Cell(config, folder, {}, index)


async def launched(resources: Resources, *cells: Cell) -> list[CellResult]:
    return await execute(list(cells), Watcher(), resources)


def facts(result: CellResult) -> dict[str, bytes]:
    return {name: (result.cell.folder / name).read_bytes() for name in FACTS}


def lines(path: Path) -> int:
    """Lines without blank ones, comments and docstrings of one line."""
    return sum(
        bool(line.strip()) and not line.strip().startswith(("#", '"""')) for line in path.read_text().splitlines()
    )


@pytest.mark.parametrize("task", TASKS)
def test_each_is_short(task: str) -> None:
    plugin, yaml = HERE / "tasks" / task / "__init__.py", HERE / "conf" / "task" / f"{task}.yaml"
    assert lines(plugin) + lines(yaml) <= 60 if plugin.exists() else lines(yaml) <= 20


@one_loop
@pytest.mark.parametrize("task", TASKS)
async def test_a_landscape_over_tokens_equals_fresh_launches_byte_for_byte(task: str, resources: Resources) -> None:
    """With four runs at once against one after the other; an idle model fails, the oracle passes."""
    limits = [f"limits.max_tokens={n}" for n in (1, 90, 4000)]
    simulated = ("model=simulated", "runs.concurrency=4")
    swept = [cell(f"swept{n}", task, *simulated, limit, store="s", index=n) for n, limit in enumerate(limits)]
    clipped = await launched(resources, *swept)
    for number, (result, limit) in enumerate(zip(clipped, limits, strict=True)):
        one_by_one = cell(f"fresh{number}", task, "model=simulated", "runs.concurrency=1", limit)
        (fresh,) = await launched(resources, one_by_one)
        assert facts(result) == facts(fresh), limit
    assert len({result.summary.passed for result in clipped}) > 1, "no limit changes anything here"

    replay = ("model=replay", f"model.replay_from={clipped[-1].cell.folder}", limits[-1])
    (replayed,) = await launched(resources, cell("replayed", task, *replay))
    assert facts(replayed)["runs.jsonl"] == facts(clipped[-1])["runs.jsonl"]


@one_loop
@pytest.mark.parametrize("task", TASKS)
async def test_the_oracle_passes_and_an_idle_model_fails(task: str, resources: Resources) -> None:
    (right,) = await launched(resources, cell("oracle", task, "model=oracle"))
    (idle,) = await launched(resources, cell("noop", task, "model=noop"))
    assert right.summary.passed == right.summary.total > 0
    assert idle.summary.passed == 0 and idle.summary.total == right.summary.total


@one_loop
async def test_a_hidden_test_is_passed_by_a_rollout_that_a_token_limit_ended(resources: Resources) -> None:
    (result,) = await launched(resources, cell("limited", "repair", "model=oracle", "limits.max_tokens=100"))
    passed = [run for run in result.runs if run.grade and run.grade.passed]
    assert passed and {run.rollout.ending for run in passed} == {Ending.TOKEN_LIMIT}


@pytest.mark.parametrize("task", TASKS)
def test_its_audit_finds_nothing(task: str, capsys: Any) -> None:
    words = [f"task={task}", "--quick", "--seeds", "2", "--out", f"{task}/audit"]
    status = verb("audit")(words)
    said = capsys.readouterr().out
    assert status == 0, said[-3000:]
    assert "False accepts: 0 of" in said and "False rejects: 0 of" in said
