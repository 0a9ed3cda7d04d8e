"""Judging again what is on disk: the new verdicts are those of a launch with the new knobs, and nothing is sampled."""

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.cli.resume import _complete
from evalkit.config.saved import read_config, write_config
from evalkit.engine.regrading import regrade
from evalkit.results.reading import load
from evalkit.results.runs import Outcome
from evalkit.rollout.limits import MORE_FOLLOWS
from evalkit.rollout.record import Ending
from evalkit.task.registry import load_task
from evalkit.util.errors import UserError
from tests.launching import config_for, launch
from tests.owntask import write_task
from tests.verbs import verb

main = verb("regrade")

COMMON = ("task=arithmetic", "model=simulated", "runs.count=25", "runs.concurrency=8")


@pytest.fixture(scope="module")
def launched(tmp_path_factory) -> Path:
    """A finished launch of 25 runs."""
    root = tmp_path_factory.mktemp("regrade")
    folder = root / "launch"
    asyncio.run(launch(folder, *COMMON, "limits.max_tokens=400", store=root / "store"))
    write_config(folder, config_for(*COMMON, "limits.max_tokens=400", store=root / "store"), {})
    return folder


def fresh(launched: Path, tmp_path: Path, *overrides: str) -> bytes:
    """`runs.jsonl` of a launch with these overrides, from the same store."""
    command = [*COMMON, "limits.max_tokens=400", *overrides]
    asyncio.run(launch(tmp_path / "fresh", *command, store=launched.parent / "store"))
    return (tmp_path / "fresh" / "runs.jsonl").read_bytes()


@pytest.mark.parametrize(
    "overrides",
    [
        ["task.tolerances.answer=10000"],
        ["limits.max_tokens=150"],
        ["limits.max_steps=1"],
        ["limits.max_tokens=170", "task.tolerances.answer=10000", "runs.count=20"],
    ],
)
def test_verdicts_are_those_of_a_launch_with_these_knobs(launched, tmp_path, overrides, capsys):
    assert main([str(launched), *overrides, "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "runs.jsonl").read_bytes() == fresh(launched, tmp_path, *overrides)
    assert "changed" in capsys.readouterr().out


def test_the_new_directory_is_complete_and_can_be_judged_again(launched, tmp_path):
    main([str(launched), "task.tolerances.answer=10000", "--out", str(tmp_path / "out")])
    record = load(tmp_path / "out").cells[0]
    assert record.manifest["regraded"] == {"from": "launch", "overrides": ["task.tolerances.answer=10000"]}
    assert record.summary.total == 25
    assert read_config(tmp_path / "out").task["tolerances"]["answer"] == 10000
    assert main([str(tmp_path / "out"), "task.tolerances.answer=1.0e-9", "--out", str(tmp_path / "back")]) == 0
    assert (tmp_path / "back" / "runs.jsonl").read_bytes() == (launched / "runs.jsonl").read_bytes()


def test_it_shows_run_by_run_what_changed(launched, tmp_path, capsys):
    main([str(launched), "task.tolerances.answer=10000", "--out", str(tmp_path / "out")])
    lines = capsys.readouterr().out.splitlines()
    before = {run.number: run.outcome for run in load(launched).runs}
    flipped = [run.number for run in load(tmp_path / "out").runs if run.outcome is not before[run.number]]
    assert flipped
    changed = [line for line in lines if line.startswith("✗ failed → ✓ Run ")]
    assert [int(line.split("Run ")[1].split(":")[0]) for line in changed] == flipped
    assert f"{len(flipped)} runs changed: {len(flipped)} now pass, 0 now fail" in lines[-2]
    assert "McNemar p = " in lines[-2]


def test_without_a_change_it_says_so_and_writes_beside_the_launch(launched, capsys):
    assert main([str(launched)]) == 0
    assert "Nothing changed: 25 runs got the same grade." in capsys.readouterr().out
    beside = launched.with_name("launch-regraded")
    assert (beside / "runs.jsonl").read_bytes() == (launched / "runs.jsonl").read_bytes()
    shutil.rmtree(beside)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.id=other"], "model.id cannot be changed for existing rollouts"),
        (["runs.seed=1"], "runs.seed cannot be changed for existing rollouts"),
        (["agent.nudges=3"], "agent.nudges cannot be changed"),
        (["task.expression=1+1"], "task.expression changes what the model is asked or what its tools do"),
        (["limits.max_tokens=5000"], "limits.max_tokens=5000 exceeds what was sampled (400)"),
        (["limits.max_tokens=null"], "limits.max_tokens=None exceeds what was sampled (400)"),
        (["limits.timeout_s=3"], "limits.timeout_s=3.0 exceeds what was sampled (None)"),
        (["limits=steps"], "limits=… replaces a whole group"),
        (["runs.count=26"], "runs.count=26 needs new rollouts: this launch has 25"),
        (["task.tolerances.answr=1"], "Unknown config key task.tolerances.answr"),
        (["task.tolerances.answer=much"], "task.tolerances.answer"),
        (["task.tolerances.answer=-1"], "task.tolerances.answer=-1"),
        (["--out"], "--out: expected one argument"),
        (["another"], "regrade takes one output directory"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_sentence_and_nothing_is_written(launched, words, message):
    before = sorted(launched.parent.iterdir())
    with pytest.raises(UserError) as caught:
        main([str(launched), *words])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(launched.parent.iterdir()) == before


async def test_under_limits_for_which_the_record_does_not_tell_runs_are_unknown_wherever_they_are_read(
    tmp_path, messages_api, capsys
):
    calls = [{"name": "submit_answer", "input": {"answer": 8769}}, {"name": "python_expression", "input": {}}]
    agents = [{"name": "wordy", "turns": [{"text": "", "calls": calls, "tokens": {"median": 100}}]}]
    messages_api.set_up(agents=agents)
    words = ("task=arithmetic", "model=local", f"model.base_url={messages_api.url}", "runs.count=3")
    words = (*words, "limits.max_tokens=400")
    await launch(tmp_path / "whole", *words, store=tmp_path / "store")
    write_config(tmp_path / "whole", config_for(*words, store=tmp_path / "store"), {})
    status = await asyncio.to_thread(
        main, [str(tmp_path / "whole"), "limits.max_tokens=60", "--out", str(tmp_path / "cut")]
    )
    said = capsys.readouterr().out
    assert status == 0  # nothing failed
    assert f"✓ passed → ? Run 1: UNKNOWN - {MORE_FOLLOWS}" in said
    assert "3 runs changed; 3 are unknown under their limits, so no test was made" in said
    (cell,) = load(tmp_path / "cut").cells
    assert (cell.summary.errors, cell.summary.rate.unknown, [run.passed for run in cell.runs]) == (0, 3, [None] * 3)
    assert [run.rollout.ending for run in cell.runs] == [Ending.UNKNOWN] * 3
    assert _complete(cell.folder)  # a resumed launch would find the same
    from hydra_plugins.evalkit_find import _SearchBudget  # Hydra finds it once a config was composed

    with pytest.raises(UserError, match="search with reuse=exact"):
        _SearchBudget(None).results(cell.folder)
    report = (cell.folder / "report.md").read_text()
    assert "# Arithmetic with a Python tool: between 0.0 and 100.0%, UNDECIDED" in report
    assert "3: 0 passed, 0 failed, 3 unknown" in report


def test_limits_are_not_turned_where_requests_depend_on_what_is_left(launched, tmp_path):
    shutil.copytree(launched, tmp_path / "thinking")
    config = tmp_path / "thinking" / ".hydra" / "config.yaml"
    thinking = "params: {thinking: {type: enabled, budget_tokens: 100}}"
    config.write_text(config.read_text().replace("params: {}", thinking, 1))
    assert thinking in config.read_text()
    with pytest.raises(UserError, match="fixed thinking budget"):
        main([str(tmp_path / "thinking"), "limits.max_tokens=300"])
    assert main([str(tmp_path / "thinking"), "task.tolerances.answer=1", "--out", str(tmp_path / "out")]) == 0


async def test_a_measurement_is_not_made_again_for_another_tolerance(launched):
    config = read_config(launched, ["task.tolerances.answer=10000"])
    task = load_task(config.task)

    async def measure(attempt, spec, context):
        raise AssertionError("measured again")

    task.measure = measure
    runs = await regrade(load(launched).cells[0], task, None, config=config)
    assert Outcome.ERROR not in {run.outcome for run in runs}


def test_a_changed_grader_measures_again_and_a_failing_one_is_an_exit_status(tmp_path):
    """In processes of their own: a grader is edited between them, like an author does."""
    root = Path(__file__).parents[2]
    plugin = tmp_path / "tasks" / "sums"
    shutil.copytree(root / "tasks" / "arithmetic", plugin, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "conf" / "task").mkdir(parents=True)
    config = (root / "conf" / "task" / "arithmetic.yaml").read_text().replace("name: arithmetic", "name: sums")
    (tmp_path / "conf" / "task" / "sums.yaml").write_text(config)

    def evalkit(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "evalkit", *words]
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(root),
            "EVALKIT_MODEL": "simulated",
            "HOME": str(tmp_path),
        }
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    done = evalkit("task=sums", "runs.count=6", "hydra.run.dir=launch")
    assert done.returncode == 0, done.stderr
    grader = plugin / "__init__.py"
    right = grader.read_text()
    grader.write_text(right.replace("float(error)", "float(error) + 1"))
    done = evalkit("regrade", "launch")
    assert (done.returncode, done.stderr) == (0, "")
    assert "now fail" in done.stdout
    assert json.loads((tmp_path / "launch-regraded" / "summary.json").read_text())["passed"] == 0
    grader.write_text(right.replace("float(error)", "1 / 0"))
    done = evalkit("regrade", "launch", "--out", "broken")
    assert done.returncode == 1
    assert "the task's measure raised ZeroDivisionError" in done.stdout


def test_a_knob_that_only_a_tool_feels_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blind = ('f"Calculate {self.config.expression}."', '"Calculate."')
    tool = "(Probe(self.config.expression), SubmitAnswer(self.answer_schema))"
    name = write_task(
        tmp_path, "# tools", PROBE, "(PythonExpression(), SubmitAnswer(self.answer_schema))", tool, *blind
    )
    words = ("task=arithmetic", f"task.name={name}", "model=oracle", "runs.count=2")
    asyncio.run(launch(tmp_path / "launch", *words, store=tmp_path / "store"))
    write_config(tmp_path / "launch", config_for(*words, store=tmp_path / "store"), {})
    with pytest.raises(UserError, match=r"task\.expression changes what the model is asked or what its tools do"):
        main(["launch", "task.expression=7"])
    assert main(["launch", "task.tolerances.answer=7", "--out", "looser"]) == 0


PROBE = """
class Probe:
    name, description, input_schema = "probe", "Probes.", {"type": "object"}

    def __init__(self, level):
        self.level = level

    async def __call__(self, input, context):
        return self.level
"""


def test_corrected_data_and_another_version_of_what_grades_measure_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "tasks" / write_task(tmp_path)
    words = ("task=arithmetic", f"task.name={own.name}", "model=oracle", "runs.count=1")
    asyncio.run(launch(tmp_path / "launch", *words, store=tmp_path / "store"))
    write_config(tmp_path / "launch", config_for(*words, store=tmp_path / "store"), {})
    assert main(["launch", "--out", "same"]) == 0
    assert "Nothing changed" in capsys.readouterr().out
    (own / "expected.json").write_text("5")
    assert main(["launch", "--out", "corrected"]) == 0
    assert "✓ passed → ✗ Run 1" in capsys.readouterr().out
    (own / "expected.json").write_text("4")

    measured = tmp_path / "launch" / "measurements.jsonl"
    measured.write_text(measured.read_text().replace('"got": 4', '"got": 6'))
    manifest = tmp_path / "launch" / "manifest.json"
    assert main(["launch", "--out", "recorded"]) == 0
    assert "✓ passed → ✗ Run 1" in capsys.readouterr().out  # what is on record is used …
    manifest.write_text(manifest.read_text().replace('"numpy": "', '"numpy": "0.'))
    assert main(["launch", "--out", "upgraded"]) == 0
    assert "Nothing changed" in capsys.readouterr().out  # … unless another version made it
