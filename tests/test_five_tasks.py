"""Five tasks as people write them (tests/five): short, known answers in a table, exact, replayable, audited."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from evalkit.__main__ import main
from tests.verbs import verb

HERE = Path(__file__).with_name("five")
TASKS = ("revenue", "clean_csv", "repair", "forecast", "handbook")
FACTS = ("runs.jsonl", "measurements.jsonl", "summary.json")


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(HERE, tmp_path_factory.mktemp("five") / "mine"))


@pytest.fixture(autouse=True)
def there(five: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(five)


def launched(task: str, out: str, *words: str) -> dict[str, bytes]:
    """The results of a launch, by file; a store of its own unless the words name one."""
    common = [f"task={task}", "quiet=true", f"hydra.run.dir={task}/{out}", f"store={task}/{out}-store"]
    assert main([*common, *words]) == 0
    return {name: Path(task, out, name).read_bytes() for name in FACTS}


def lines(path: Path) -> int:
    """Lines that somebody wrote: without blank ones and comments, and of Python without the docstring of the file."""
    kept = [
        line for line in path.read_text().splitlines() if line.strip() and not line.strip().startswith(("#", '"""'))
    ]
    return len(kept)


@pytest.mark.parametrize("task", TASKS)
def test_each_is_short(task: str) -> None:
    plugin = HERE / "tasks" / task / "__init__.py"
    yaml = HERE / "conf" / "task" / f"{task}.yaml"
    if plugin.exists():
        assert lines(plugin) + lines(yaml) <= 60
    else:
        assert lines(yaml) <= 20


@pytest.mark.parametrize("task", TASKS)
def test_the_oracle_passes_and_an_idle_model_fails(task: str) -> None:
    right, idle = (json.loads(launched(task, model, f"model={model}")["summary.json"]) for model in ("oracle", "noop"))
    assert right["passed"] == right["total"] > 0
    assert idle["passed"] == 0 and idle["total"] == right["total"]


@pytest.mark.parametrize("task", TASKS)
def test_four_at_once_are_the_same_bytes_as_one_after_the_other_and_as_a_replay(task: str) -> None:
    one = launched(task, "one", "model=simulated", "runs.concurrency=1")
    assert launched(task, "four", "model=simulated", "runs.concurrency=4") == one
    replayed = launched(task, "replay", "model=replay", f"model.replay_from={task}/one")
    assert replayed["runs.jsonl"] == one["runs.jsonl"]


@pytest.mark.parametrize("task", TASKS)
def test_a_landscape_over_tokens_equals_fresh_launches_byte_for_byte(task: str) -> None:
    budgets = (1, 90, 200, 4000)
    sweep = f"limits.max_tokens={','.join(map(str, budgets))}"
    assert main(["-m", f"task={task}", "model=simulated", "quiet=true", sweep, f"hydra.sweep.dir={task}/sweep",
                 f"store={task}/sweep-store", "hydra.sweep.subdir=${hydra.job.num}"]) == 0  # fmt: skip
    rates = set()
    for number, budget in enumerate(budgets):
        fresh = launched(task, f"fresh{budget}", "model=simulated", f"limits.max_tokens={budget}", "reuse=never")
        clipped = {name: Path(task, "sweep", str(number), name).read_bytes() for name in FACTS}
        assert clipped == fresh
        rates.add(json.loads(fresh["summary.json"])["passed"])
    assert len(rates) > 1, "no budget changes anything here"


def test_a_hidden_test_is_passed_by_a_rollout_that_a_token_limit_ended() -> None:
    launched("repair", "limited", "model=oracle", "limits.max_tokens=100")
    runs = [json.loads(line) for line in Path("repair/limited/runs.jsonl").read_text().splitlines()]
    assert runs and all(run["passed"] and run["ending"] == "token_limit" for run in runs)


@pytest.mark.parametrize("task", TASKS)
def test_its_audit_finds_nothing_new(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    quick = ["--quick", "--seeds", "2"]
    status = verb("audit", f"task={task}", *quick, "--out", f"{task}/audit")
    said = capsys.readouterr().out
    assert status == 0, said[-3000:]
    assert "False accepts: 0 of" in said and "False rejects: 0 of" in said
