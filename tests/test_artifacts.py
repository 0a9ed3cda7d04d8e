"""Files that a task grades: kept after every turn, clipped exactly, graded from what was kept alone."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from evalkit.config.saved import write_config
from evalkit.display.formatting import run_result
from evalkit.engine.cells import Cell, CellResult
from evalkit.engine.regrading import regrade
from evalkit.landscape.knobs import Entry
from evalkit.landscape.survey import survey
from evalkit.launch.pipeline import execute
from evalkit.results.reading import load
from evalkit.rollout.artifacts import at_end, names
from evalkit.rollout.record import Ending
from evalkit.sampling.resources import Resources
from evalkit.task.problem import Problem
from tests.file_task import SOURCE
from tests.launching import Watcher, config_for
from tests.own_tasks import Write, own_task  # noqa: F401

pytestmark = pytest.mark.asyncio(loop_scope="module")
FACTS = ("runs.jsonl", "summary.json", "measurements.jsonl")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    resources = Resources()
    yield resources
    await resources.close()


@pytest.fixture
def file_task(own_task: Write, tmp_path: Path) -> str:  # noqa: F811
    name = own_task(source=SOURCE)
    (tmp_path / "conf" / "task" / f"{name}.yaml").write_text(f"# @package _global_\ntask: {{name: {name}}}\n")
    return name


def cell(folder: Path, store: Path, *words: str, index: int = 0) -> Cell:
    folder.mkdir(parents=True)
    config = config_for(
        "model=simulated", "limits=unlimited", "runs.count=6", "runs.concurrency=4", *words, store=store
    )
    return Cell(config, folder, dict(word.split("=") for word in words if word.startswith("limits.")), index)


async def test_clipped_files_are_those_of_a_fresh_launch_at_every_limit_of_tokens_and_steps(
    file_task: str, tmp_path: Path, resources: Resources
) -> None:
    limits = [*(f"limits.max_tokens={n}" for n in ("null", 80)), "limits.max_steps=2"]

    def cells(kind: str, store: str) -> list[Cell]:
        task, base = f"task={file_task}", tmp_path / kind
        return [cell(base / str(n), tmp_path / store, task, limit, index=n) for n, limit in enumerate(limits)]

    clipped = await execute(cells("clipped", "one"), Watcher(), resources)
    assert len({result.source.known.name for result in clipped}) == 1
    for n, fresh in enumerate(cells("fresh", "own")):
        fresh.config.reuse = "exact"
        await execute([fresh], Watcher(), resources)
        for name in FACTS:
            assert (fresh.folder / name).read_bytes() == (tmp_path / "clipped" / str(n) / name).read_bytes(), limits[n]
        for one, other in zip(load(fresh.folder).runs, load(tmp_path / "clipped" / str(n)).runs, strict=True):
            assert at_end(one.rollout) == at_end(other.rollout)
    _landscape_shows_the_swept_values_alone(clipped[:-1])
    lines = [run_result(run) for run in clipped[1].runs if run.grade and run.grade.passed]
    assert lines and all(line.endswith("SUCCESS - 3 lines (token limit)") for line in lines)
    runs = [run for result in clipped for run in result.runs]
    passed = {run.rollout.ending for run in runs if run.grade and run.grade.passed}
    assert passed >= {Ending.SUBMITTED, Ending.TOKEN_LIMIT, Ending.STEP_LIMIT}
    assert {run.grade.category for run in runs if run.grade} == {None, "too_few", "too_many", "left_out"}


def _landscape_shows_the_swept_values_alone(results: list[CellResult]) -> None:
    """Between them nothing is known: with more tokens a file may be spoilt again."""
    found = survey([Entry.of(result) for result in results])

    spots = [spot for view in found.facets for spot in view.spots]
    passed = [sum(bool(run.grade and run.grade.passed) for run in result.runs) for result in results]
    assert [(spot.index, spot.passed, spot.runs) for spot in sorted(spots, key=lambda spot: spot.index)] == [
        (index, number, 6) for index, number in enumerate(passed)
    ]
    by_run = zip(
        *([bool(run.grade and run.grade.passed) for run in Entry.of(one).runs] for one in results), strict=True
    )
    assert any(any(smaller) and not largest for largest, *smaller in by_run)  # more tokens turned a pass into a failure
    assert not any(view.curves or view.recommendations for view in found.facets)
    assert any("more of limits.max_tokens can turn a pass into a failure" in note for note in found.notes)


async def test_an_output_directory_is_graded_again_from_what_it_keeps_alone(
    file_task: str, tmp_path: Path, resources: Resources
) -> None:
    (result,) = await execute([cell(tmp_path / "out", tmp_path / "store", f"task={file_task}")], Watcher(), resources)
    write_config(tmp_path / "out", result.cell.config, {})  # as the command line does
    shutil.copytree(tmp_path / "out", tmp_path / "copied")
    shutil.rmtree(tmp_path / "out")
    shutil.rmtree(tmp_path / "store")
    (launched,) = load(tmp_path / "copied").cells
    mentioned = set().union(*(names(run.rollout) for run in launched.runs))
    assert {path.name for path in (tmp_path / "copied" / "artifacts").iterdir()} == mentioned

    config = result.cell.config
    task, sandbox = result.task, result.source.sandbox
    config.limits.max_steps = 1  # other files than were measured
    again = await regrade(launched, task, sandbox, config=config)

    assert {run.rollout.ending for run in again} == {Ending.STEP_LIMIT}
    assert {run.measurement.values["lines"] for run in again if run.measurement} >= {2, 3}
    for content in (tmp_path / "copied" / "artifacts").iterdir():
        content.write_bytes(b"another content")
    other = type("Other", (type(task.spec(Problem.seeded(0))),), {"artifacts": ("other.txt",)})
    task.spec = lambda problem: other()  # type: ignore[method-assign]
    (first, *_) = await regrade(launched, task, sandbox, config=config)
    assert "kept numbers.txt, src/**/*.py, and the task grades other.txt now: launch again" in first.error
    del task.spec
    spoilt = await regrade(load(tmp_path / "copied").cells[0], task, sandbox, config=config)
    assert all("is damaged" in run.error or run.grade for run in spoilt)
    assert any("is damaged" in run.error for run in spoilt)


async def test_a_launch_that_was_interrupted_goes_on_with_the_files_that_it_had(
    file_task: str, tmp_path: Path, resources: Resources
) -> None:
    words = (f"task={file_task}", "runs.count=3")
    (whole,) = await execute([cell(tmp_path / "whole", tmp_path / "store", *words)], Watcher(), resources)
    folder = whole.source.known.folder
    for path in folder.glob("*.jsonl"):
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))  # as a kill leaves it
    shutil.rmtree(folder / "artifacts")
    watcher = Watcher()

    await execute([cell(tmp_path / "again", tmp_path / "store", *words)], watcher, resources)

    for name in ("runs.jsonl", "measurements.jsonl", *(f"rollouts/{run:04d}.jsonl" for run in (1, 2, 3))):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not any("starts over" in note for note in watcher.notes)
    contents = {path.name for path in (tmp_path / "whole" / "artifacts").iterdir()}
    assert {path.name for path in (tmp_path / "again" / "artifacts").iterdir()} == contents

    shutil.rmtree(folder / "artifacts")
    shutil.rmtree(folder / "measurements")
    (lost,) = await execute([cell(tmp_path / "lost", tmp_path / "store", *words)], Watcher(), resources)
    assert any("cannot be read" in run.error for run in lost.runs)
    assert load(tmp_path / "lost").runs
