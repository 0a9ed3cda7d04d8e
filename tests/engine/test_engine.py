"""Whole launches with embedded models: the same inputs give the same bytes, in any order, and nothing twice."""

import asyncio
import hashlib
import json
import sys
from importlib import metadata
from pathlib import Path

import pytest

from evalkit.config.schema import Config
from evalkit.engine.cells import Cell
from evalkit.launch.pipeline import execute
from evalkit.results.runs import Outcome
from tests.launching import Watcher, config_for, launch
from tests.outputs import TIMED
from tests.owntask import write_task

COMMON = ("task=arithmetic", "model=simulated")


def facts(folder: Path) -> dict[str, bytes]:
    """Every file of an output directory that holds no times."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in paths if str(path.relative_to(folder)) not in TIMED
    }


async def test_a_launch_writes_everything(tmp_path):
    result = await launch(tmp_path / "out", *COMMON, "runs.count=6", store=tmp_path / "s")
    out = tmp_path / "out"
    lines = [json.loads(line) for line in (out / "runs.jsonl").read_text().splitlines()]
    assert [line["run"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert {path.name for path in (out / "rollouts").iterdir()} == {f"{n:04d}.jsonl" for n in range(1, 7)}
    assert json.loads((out / "summary.json").read_text())["runs"] == 6
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["model"] == {"id": "simulated", "kind": "simulated", "simulated": True}
    assert result.done


async def test_equal_inputs_give_equal_bytes(tmp_path):
    for name in ("one", "two"):
        await launch(tmp_path / name, *COMMON, "runs.count=8", store=tmp_path / f"s-{name}")
    assert facts(tmp_path / "one") == facts(tmp_path / "two")


async def test_concurrent_runs_get_the_grades_of_sequential_ones(tmp_path):
    for name, concurrency in (("one", 1), ("four", 4)):
        await launch(
            tmp_path / name,
            *(*COMMON, "runs.count=12", f"runs.concurrency={concurrency}"),
            store=tmp_path / f"s-{name}",
        )
    assert (tmp_path / "one" / "runs.jsonl").read_bytes() == (tmp_path / "four" / "runs.jsonl").read_bytes()


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_so_many_runs_are_under_way_at_once_as_are_asked_for(tmp_path, concurrency):
    view = Watcher()
    await launch(
        tmp_path / "a", *COMMON, "runs.count=9", f"runs.concurrency={concurrency}", store=tmp_path / "s", view=view
    )
    running, most = 0, 0
    for event in view.events:
        running += {"run_started": 1, "run_done": -1}.get(event[0], 0)
        most = max(most, running)
    assert most == concurrency


async def test_a_second_launch_buys_nothing(tmp_path):
    first = await launch(tmp_path / "a", *COMMON, "runs.count=5", store=tmp_path / "s")
    second = await launch(tmp_path / "b", *COMMON, "runs.count=5", store=tmp_path / "s")
    assert first.source.budget.output_tokens > 0
    assert second.source.budget.output_tokens == 0
    one, other = facts(tmp_path / "a"), facts(tmp_path / "b")
    told = {"summary.json", "manifest.json", "report.md", "report.html"}  # that the second one reused: test_provenance
    assert {name for name in one if one[name] != other[name]} == told


async def test_more_runs_extend_the_set(tmp_path):
    few = await launch(tmp_path / "a", *COMMON, "runs.count=3", store=tmp_path / "s")
    more = await launch(tmp_path / "b", *COMMON, "runs.count=7", store=tmp_path / "s")
    assert sorted(more.source.reused) == [1, 2, 3]
    assert [run.line for run in more.runs[:3]] == [run.line for run in few.runs]


@pytest.mark.parametrize(("model", "outcome"), [("oracle", Outcome.PASSED), ("noop", Outcome.FAILED)])
async def test_the_oracle_passes_and_doing_nothing_fails(tmp_path, model, outcome):
    result = await launch(tmp_path / "out", "task=arithmetic", f"model={model}", "runs.count=1", store=tmp_path / "s")
    assert [run.outcome for run in result.runs] == [outcome]


async def test_cells_of_a_sweep_share_one_sampling(tmp_path):
    sizes = (120, 170, 230, 4000)
    cells = [
        Cell(
            config_for(*COMMON, "runs.count=10", f"limits.max_tokens={n}", store=tmp_path / "s"),
            tmp_path / str(n),
            {"limits.max_tokens": str(n)},
            index,
        )
        for index, n in enumerate(sizes)
    ]
    for cell in cells:
        cell.folder.mkdir()
    results = await execute(cells, Watcher())
    bought = results[0].source.budget.output_tokens
    assert bought == sum(run.rollout.output_tokens for run in results[-1].runs)
    assert len({result.source.known.name for result in results}) == 1
    passed = [sum(run.outcome is Outcome.PASSED for run in result.runs) for result in results]
    assert passed == sorted(passed)
    assert passed[0] < passed[-1]


@pytest.mark.parametrize("limit", [60, 100, 150, 175, 200, 225, 260, 400])
async def test_a_clipped_rollout_is_the_rollout_under_the_smaller_limit(tmp_path, limit):
    """Bit for bit: sampling afresh at each limit and clipping one set give the same runs."""
    common = (*COMMON, "runs.count=12")
    await launch(tmp_path / "large", *common, "limits.max_tokens=4000", store=tmp_path / "s")
    clipped = await launch(tmp_path / "clipped", *common, f"limits.max_tokens={limit}", store=tmp_path / "s")
    fresh = await launch(tmp_path / "fresh", *common, f"limits.max_tokens={limit}", store=tmp_path / "s2")
    assert clipped.source.budget.output_tokens == 0
    assert fresh.source.budget.output_tokens > 0
    assert (tmp_path / "clipped" / "runs.jsonl").read_bytes() == (tmp_path / "fresh" / "runs.jsonl").read_bytes()


async def test_a_grader_that_raises_loses_no_other_run(tmp_path, monkeypatch):
    import evalkit_tasks.arithmetic as arithmetic

    grade = arithmetic.Task.grade

    def fragile(self, measurement):
        if measurement.values.get("got") != 8769:
            raise ZeroDivisionError("a bug of the grader")
        return grade(self, measurement)

    monkeypatch.setattr(arithmetic.Task, "grade", fragile)
    result = await launch(tmp_path / "out", *COMMON, "runs.count=30", store=tmp_path / "s")
    outcomes = [run.outcome for run in result.runs]
    assert Outcome.ERROR in outcomes
    assert Outcome.PASSED in outcomes
    assert not result.done
    assert any("ZeroDivisionError" in run.message for run in result.runs)


async def test_only_runs_that_can_start_are_made(tmp_path):
    class Counting(Watcher):
        most = 0

        def run_done(self, *event):
            self.most = max(self.most, len(asyncio.all_tasks()))

    view = Counting()
    many = ("runs.until=decided", "runs.max=200000", "runs.concurrency=4", "limits.max_tokens=100")
    result = await launch(tmp_path / "out", *COMMON, *many, store=tmp_path / "s", view=view)
    assert result.summary.stopping.decided_at < 200
    assert 0 < view.most < 50


def test_a_config_is_what_hydra_composes():
    assert isinstance(config_for("task=arithmetic", "model=noop"), Config)


@pytest.mark.parametrize("change", ["prompt", "system", "files", "tools", "set-up of a tool"])
async def test_a_run_that_would_be_asked_something_else_is_sampled_anew_and_the_others_not(
    tmp_path, monkeypatch, change
):
    """The key holds the first run's question alone; what the task's author changed shows in the third."""
    monkeypatch.chdir(tmp_path)
    part = {
        "prompt": ('f"Calculate {self.config.expression}."', "'Calculate.' + TEXT * (self.number == 3)"),
        "system": ("# more", "system = property(lambda self: TEXT * (self.number == 3))"),
        "files": ("# more", "files = property(lambda self: {'a.txt': (TEXT * (self.number == 3)).encode()})"),
        "tools": ("(PythonExpression(),", "(PythonExpression(note=TEXT * (self.number == 3)),"),
        "set-up of a tool": ("(PythonExpression(),", "(Probe(TEXT * (self.number == 3)), PythonExpression(),"),
    }[change]
    source = (
        "self.config, self.seed = config, seed",
        NUMBERED,
        "# tools",
        f"TEXT = (HERE / 'text').read_text()\n{PROBE}",
    )
    name = write_task(tmp_path, *source, "    answer_schema", "    # more\n    answer_schema", *part, text="one")
    own = tmp_path / "tasks" / name
    await launch_own(own, "a", "runs.count=4")
    monkeypatch.setattr(sys.modules[f"evalkit_tasks.{name}"], "TEXT", "two")
    view = Watcher()
    again = await launch_own(own, "b", "runs.count=4", view=view)
    assert again.source.known.name == (await launch_own(own, "c", "runs.count=4")).source.known.name
    assert sorted(again.source.reused) == [1, 2, 4]
    monkeypatch.setattr(sys.modules[f"evalkit_tasks.{name}"], "TEXT", "one")
    back = await launch_own(own, "d", "runs.count=4")
    assert back.source.budget.output_tokens == 0  # what was bought for the first question is still there
    shown = again.runs[2].rollout
    digest = {"a.txt": hashlib.sha256(b"two").hexdigest()}
    if change != "set-up of a tool":
        assert "two" in str((shown.prompt, shown.system, shown.tools)) or shown.files == digest


PROBE = """
class Probe:
    name, description, input_schema = "probe", "Probes.", {"type": "object"}

    def __init__(self, hidden):
        self.hidden = hidden

    async def __call__(self, input, context):
        return self.hidden
"""


NUMBERED = """self.config, self.seed = config, seed
        from evalkit.sampling.seeds import run_seed

        self.number = next(n for n in range(1, 9) if run_seed(0, n) == seed)"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The folder of a task whose grader reads expected.json; `launch_own` launches it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "tasks" / write_task(tmp_path)


async def launch_own(own: Path, out: str, *overrides: str, view=None):
    common = ("task=arithmetic", f"task.name={own.name}", "model=oracle", "runs.count=2", *overrides)
    return await launch(own.parents[1] / out, *common, store=own.parents[1] / "s", view=view)


async def test_corrected_data_of_a_grader_grades_the_same_rollouts_anew(tmp_path, own):
    await launch_own(own, "a")
    (own / "expected.json").write_text("5")
    again = await launch_own(own, "b")
    assert [run.outcome for run in again.runs] == [Outcome.FAILED] * 2
    assert sorted(again.source.reused) == [1, 2]
    digests = [json.loads((tmp_path / name / "manifest.json").read_text())["digests"]["grader"] for name in "ab"]
    assert digests[0] != digests[1]
    (own / "expected.json").write_text("4")
    assert [run.outcome for run in (await launch_own(own, "c")).runs] == [Outcome.PASSED] * 2


async def test_a_grader_that_is_edited_while_it_grades_has_a_digest_of_its_own_and_says_so(tmp_path, own):
    class Editor(Watcher):
        def run_done(self, cell, run):
            (own / "expected.json").write_text("5")

    view = Editor()
    mixed = await launch_own(own, "a", view=view)
    assert [run.outcome for run in mixed.runs] == [Outcome.PASSED, Outcome.FAILED]
    assert any("were changed while it was graded" in note for note in view.notes)
    assert "were changed while it was graded" in (tmp_path / "a" / "evalkit.log").read_text()
    pure = await launch_own(own, "b")
    assert [run.outcome for run in pure.runs] == [Outcome.FAILED] * 2
    (own / "expected.json").write_text("4")
    assert [run.outcome for run in (await launch_own(own, "c")).runs] == [Outcome.PASSED] * 2
    digests = {json.loads((tmp_path / name / "manifest.json").read_text())["digests"]["grader"] for name in "abc"}
    assert len(digests) == 3


async def test_installed_packages_that_grade_are_in_the_manifest(tmp_path, own):
    (own / "more.py").write_text("import yaml")
    await launch_own(own, "a")
    assert json.loads((tmp_path / "a" / "manifest.json").read_text())["versions"]["yaml"] == metadata.version("pyyaml")
