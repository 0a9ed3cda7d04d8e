"""A fault in a task's own code ends the run that it strikes, with its traceback, and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from evalkit.engine.cells import Cell
from evalkit.launch.pipeline import execute
from evalkit.results.runs import Outcome
from evalkit.rollout.record import Submission
from evalkit.task.returned_values import told as tool_result
from evalkit.task.tools import ToolResult
from evalkit.util.errors import TaskError
from tests.engine.test_engine import facts
from tests.launching import Watcher, config_for, launch
from tests.own_tasks import IN_AGENTS, IN_JUDGE, IN_MEASURE, IN_SPEC, IN_TOOL, PLUGIN, Write, own_task

__all__ = ["own_task"]

FAULTS = [
    "raise ValueError('odd')",
    "raise SystemExit(0)",
    "raise KeyboardInterrupt",
    "raise asyncio.CancelledError",
    "raise GeneratorExit",
    "raise StopIteration",
    "raise BaseExceptionGroup('two', [SystemExit(1), OSError(2)])",
    "raise type('Odd', (Exception,), {'__str__': lambda self: self.nothing})",
    "raise ValueError('x' * 10**6 + chr(0xD800) + chr(27))",
    "(f := lambda: f())()",
]
PLACES = [
    (IN_TOOL, "the task's tool look"),
    (IN_SPEC, "the task's spec"),
    (IN_MEASURE, "the task's measure"),
    (IN_JUDGE, "the task's grade"),
    (IN_AGENTS, "the task's agents"),
]


P, E = Outcome.PASSED, Outcome.ERROR


async def outcomes(name: str, folder: Path, *overrides: str) -> list[Outcome]:
    """What the runs of one launch come to; four unless told otherwise."""
    store = folder.parent / "store"
    result = await launch(folder, f"task={name}", "model=simulated", "runs.count=4", *overrides, store=store)
    return [run.outcome for run in sorted(result.runs, key=lambda run: run.number)]


def told(folder: Path) -> dict[str, bytes]:
    """What a launch found out; what says where its rollouts came from apart."""
    return {name: data for name, data in facts(folder).items() if name.endswith(".jsonl")}


def messages(folder: Path) -> list[str]:
    return [json.loads(line)["message"] for line in (folder / "runs.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("place", "what"), PLACES, ids=[what.split()[2] for _, what in PLACES])
async def test_whatever_is_raised_ends_that_run_with_its_traceback(
    place: str, what: str, own_task: Write, tmp_path: Path
) -> None:
    """Run 2 meets the first fault, run 3 the second, …; the last run meets none."""
    name = own_task(place, "\n".join(f"if run == {run}: {fault}" for run, fault in enumerate(FAULTS, 2)))
    out = tmp_path / "out"
    count = len(FAULTS) + 2
    assert await outcomes(name, out, f"runs.count={count}") == [P, *[E] * len(FAULTS), P]
    lines = [json.loads(line) for line in (out / "runs.jsonl").read_text().splitlines()][1:-1]
    for line in lines:
        assert line["message"].startswith(f"{what} raised ")
        assert f'File "tasks/{name}/__init__.py", line' in line["traceback"]
    log = (out / "evalkit.log").read_text(encoding="utf-8")
    assert log.count("the task's own code raised\n") == len(FAULTS)
    assert "ValueError: odd\n" in log
    report = (out / "report.md").read_text(encoding="utf-8")
    assert f"0 failed, {len(FAULTS)} errors" in report
    assert "## Errors in the task's own code" in report and "ValueError: odd\n" in report
    assert f"File &quot;tasks/{name}/__init__.py" in (out / "report.html").read_text(encoding="utf-8")


async def test_the_same_command_gives_the_same_bytes_and_buys_nothing_twice(own_task: Write, tmp_path: Path) -> None:
    name = own_task(IN_TOOL, "if run == 2: raise ValueError(object())")
    await outcomes(name, tmp_path / "a")
    await outcomes(name, tmp_path / "b")
    one, other = facts(tmp_path / "a"), facts(tmp_path / "b")
    told = {"summary.json", "manifest.json", "report.md", "report.html"}  # that the second one reused
    assert {name for name in one if one[name] != other[name]} == told
    assert json.loads((tmp_path / "b" / "runs.jsonl").read_text().splitlines()[1])["output_tokens"] > 20


MEASUREMENTS = {
    "None": "returned NoneType where Measurement is wanted",
    "{'answer': 1}": "returned dict where Measurement is wanted",
    "Measurement([1])": "gave values as list",
    "Measurement({'e': float('nan')})": "gave values['e'] as nan, which JSON cannot hold",
    "Measurement({'e': [0, float('inf')]})": "gave values['e'][1] as inf",
    "Measurement({'e': np.float32(1)})": "gave values['e'] as numpy.float32, which JSON cannot hold: use .tolist()",
    "Measurement({'e': np.ones(3)})": "gave values['e'] as numpy.ndarray, which JSON cannot hold: use .tolist()",
    "Measurement({'e': np.bool_(True)})": "gave values['e'] as numpy.bool",
    "Measurement({'e': {1: 2}})": "gave values['e'] with the key 1, and keys of JSON are text: use str(1)",
    "Measurement({'e': {1}})": "gave values['e'] as set",
    "Measurement({'e': b'x'})": "gave values['e'] as bytes",
    "Measurement({'e': deep(500)})": "gave values that nest deeper than 200 levels",
    "Measurement({'e': 'x' * 40_000_000})": "gave values of 40,000,009 characters of JSON: keep 32,000,000 at most",
    "Measurement(fault='no')": "gave fault as str where Fault is wanted",
    "Measurement(fault=Fault(None, 'no'))": "gave the fault's category as NoneType where str is wanted",
}
GRADES = {
    "True": "returned bool where Grade is wanted",
    "None": "returned NoneType where Grade is wanted",
    "Grade(np.bool_(True), 'fine')": "gave passed as numpy.bool where bool is wanted (use bool(…))",
    "Grade(True, None)": "gave message as NoneType where str is wanted",
    "Grade(True, 'fine', score=1.5)": "gave the score 1.5: use a number from 0 to 1",
    "Grade(True, 'fine', score=float('nan'))": "gave the score nan",
    "Grade(True, 'fine', score='1')": "gave the score '1'",
    "Grade(False, 'no', 'wrnog')": "gave the category 'wrnog', which `categories` does not list: did you mean wrong?",
    "Grade(False, 'no')": "raised ValueError: a failed grade names its category",
    "Grade(True, 'fine', checks=(('c', True),))": "gave a check as tuple where Check is wanted",
    "Grade(True, 'fine', checks=(Check('c', 1),))": "gave the check 'c' with passed as int where bool is wanted",
    "Grade(True, 'fine', checks=(Check('c', True, 'x'),))": "gave the check 'c' with value as str",
    "Grade(True, 'fine', checks=Check('c', True))": "gave checks as evalkit.task.grade.Check: use a tuple of Check",
}
MORE = """
import numpy as np
from evalkit import Fault


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value
"""


@pytest.mark.parametrize(("place", "given"), [(IN_MEASURE, MEASUREMENTS), (IN_JUDGE, GRADES)], ids=["measure", "grade"])
async def test_whatever_is_returned_ends_that_run_in_one_sentence(
    place: str, given: dict[str, str], own_task: Write, tmp_path: Path
) -> None:
    returns = "\n".join(f"if run == {run}: return {text}" for run, text in enumerate(given, 2))
    name = own_task(place, returns, "@dataclass\nclass Config:", MORE)
    count = len(given) + 2
    out = tmp_path / "out"
    assert await outcomes(name, out, f"runs.count={count}") == [P, *[E] * len(given), P]
    assert f'File "tasks/{name}/__init__.py", line' in (out / "report.md").read_text(encoding="utf-8")
    for message, (text, said) in zip(messages(out)[1:], given.items(), strict=False):
        assert f"the task's {'measure' if place == IN_MEASURE else 'grade'} {said}" in message, text
    assert await outcomes(name, tmp_path / "again", f"runs.count={count}") == [P, *[E] * len(given), P]
    assert told(tmp_path / "again") == told(out)


SPECS = {
    "return None": "spec gives prompt",
    "bad = Spec(run); bad.prompt = 3; return bad": "gives prompt as int where str is wanted",
    "bad = Spec(run); bad.prompt = ' '; return bad": "gives an empty prompt",
    "bad = Spec(run); bad.files = {'../x': b''}; return bad": "gives the file '../x', which lies outside the workspace",
    "bad = Spec(run); bad.system = 3; return bad": "gives system as int: use a text, the system prompt",
}


async def test_what_a_timeout_of_its_own_raises_is_a_fault_like_any_other(own_task: Write, tmp_path: Path) -> None:
    name = own_task(IN_MEASURE, "raise TimeoutError('mine')")
    assert await outcomes(name, tmp_path / "out", "runs.count=1") == [E]
    assert messages(tmp_path / "out")[0].startswith("the task's measure raised TimeoutError: mine")


async def test_a_grade_that_contradicts_itself_is_blamed_on_the_line_that_makes_it(
    own_task: Write, tmp_path: Path
) -> None:
    name = own_task(IN_JUDGE, "return Grade(False, 'no category')")
    assert await outcomes(name, tmp_path / "out", "runs.count=1") == [E]
    line = next(
        n for n, text in enumerate(Path(f"tasks/{name}/__init__.py").read_text().split("\n"), 1) if "no cat" in text
    )
    (said,) = messages(tmp_path / "out")
    place = f"(tasks/{name}/__init__.py:{line}: \"return Grade(False, 'no category')\")"
    assert said.endswith(f"names its category, a passed one has none {place}")


async def test_what_a_library_raises_is_blamed_on_the_authors_line(own_task: Write, tmp_path: Path) -> None:
    name = own_task(IN_MEASURE, "from pathlib import Path\nPath('nowhere').read_text()")
    assert await outcomes(name, tmp_path / "out", "runs.count=1") == [E]
    (said,) = messages(tmp_path / "out")
    place = rf"tasks/{name}/__init__\.py:\d+: \"Path\('nowhere'\)\.read_text\(\)\""
    assert re.search(rf"FileNotFoundError: .* \({place}\)$", said)


async def test_a_plain_def_may_return_what_is_awaited(own_task: Write, tmp_path: Path) -> None:
    later = "async def later(): return 'a door'\nreturn later()"
    name = own_task(IN_TOOL, later, source=PLUGIN.replace("async def __call__", "def __call__"))
    assert await outcomes(name, tmp_path / "out", "runs.count=1") == [P]


async def test_a_problem_that_is_wrong_in_a_later_run_ends_that_run(own_task: Write, tmp_path: Path) -> None:
    returns = "\n".join(f"if run == {run}:\n    {text}" for run, text in enumerate(SPECS, 2))
    name = own_task(IN_SPEC, returns)
    out = tmp_path / "out"
    count = len(SPECS) + 2
    assert await outcomes(name, out, f"runs.count={count}") == [P, *[E] * len(SPECS), P]
    for message, said in list(zip(messages(out)[1:], SPECS.values(), strict=False))[1:]:
        assert said in message
        assert str(tmp_path) not in message


RESULTS = {
    "ToolResult(b'x')": "content",
    "ToolResult(5)": "content",
    "ToolResult({'a': 1})": "content",
    "ToolResult('', submission=3)": "submission",
    "ToolResult('', submission=Submission({1}))": "JSON",
}


@pytest.mark.parametrize("text", RESULTS)
def test_what_a_tool_gives_back_can_be_recorded_and_sent(text: str) -> None:
    given = eval(text, {"ToolResult": ToolResult, "Submission": Submission})
    with pytest.raises(TaskError, match=RESULTS[text]):
        tool_result(given, "the task's tool look")


HANGS = {
    "asyncio": (IN_MEASURE, "await asyncio.sleep(3600)"),
    "sleep": (IN_MEASURE, "time.sleep(3)"),
    "loop": (IN_MEASURE, "while True: pass"),
    "grade": (IN_JUDGE, "while True: pass"),
    "spec": (IN_SPEC, "while True: pass"),
}


@pytest.mark.parametrize("how", HANGS)
async def test_what_hangs_in_one_run_ends_that_run(how: str, own_task: Write, tmp_path: Path) -> None:
    place, statement = HANGS[how]
    name = own_task(place, f"if run == 2: {statement}" if ":" not in statement else f"if run == 2:\n    {statement}")
    out = tmp_path / "out"
    assert await outcomes(name, out, "runs.grading_timeout_s=0.5", "runs.concurrency=4") == [P, E, P, P]
    what = "grade" if how == "grade" else "spec" if how == "spec" else "measure"
    said = f"the task's {what} had not returned after 0.5 s: raise runs.grading_timeout_s if it needs longer"
    assert messages(out)[1] == said
    assert statement in json.loads((out / "runs.jsonl").read_text().splitlines()[1])["traceback"]


async def test_a_tool_that_hangs_ends_that_run(own_task: Write, tmp_path: Path) -> None:
    name = own_task(IN_TOOL, "if run == 2: time.sleep(3)\nif run == 3: await asyncio.sleep(3600)")
    out = tmp_path / "out"
    assert await outcomes(name, out, "limits.tool_timeout_s=0.2") == [P, E, E, P]
    fix = "let it end within context.timeout_s, which is limits.tool_timeout_s"
    assert messages(out)[1:3] == [f"the task's tool look had not returned after 0.2 s: {fix}"] * 2
    lines = [json.loads(line) for line in (out / "runs.jsonl").read_text().splitlines()]
    assert [bool(line["output_tokens"]) for line in lines] == [True] * 4
    assert "time.sleep(3)" in lines[1]["traceback"] and "await asyncio.sleep(3600)" in lines[2]["traceback"]


async def test_a_tool_without_async_may_block_and_the_launch_goes_on(own_task: Write, tmp_path: Path) -> None:
    name = own_task(IN_TOOL, "time.sleep(0.05)")
    source = tmp_path / "tasks" / name / "__init__.py"
    source.write_text(source.read_text().replace("async def __call__", "def __call__"))
    assert await outcomes(name, tmp_path / "out", "runs.concurrency=4") == [P] * 4


async def test_a_time_limit_in_a_tool_call_keeps_what_was_bought_and_gives_the_same_bytes_again(
    own_task: Write, tmp_path: Path
) -> None:
    name = own_task(IN_TOOL, "if run == 2: await asyncio.sleep(3600)")
    more = ("limits.timeout_s=1.0", "limits.tool_timeout_s=30")
    assert await outcomes(name, tmp_path / "a", *more) == [P, Outcome.FAILED, P, P]
    assert await outcomes(name, tmp_path / "b", *more) == [P, Outcome.FAILED, P, P]
    assert told(tmp_path / "a") == told(tmp_path / "b")
    lines = [json.loads(line) for line in (tmp_path / "a" / "runs.jsonl").read_text().splitlines()]
    assert (lines[1]["ending"], lines[1]["steps"]) == ("time_limit", 1)
    assert lines[1]["output_tokens"] > 20


async def test_what_grading_may_take_is_no_part_of_a_rollout(own_task: Write, tmp_path: Path) -> None:
    name = own_task()
    await outcomes(name, tmp_path / "a")
    store = tmp_path / "store"
    words = (f"task={name}", "model=simulated", "runs.count=4", "runs.grading_timeout_s=5")
    again = await launch(tmp_path / "b", *words, store=store)
    assert sorted(again.source.reused) == [1, 2, 3, 4]


async def test_a_judge_that_fails_at_other_tolerances_costs_the_landscape_alone(
    own_task: Write, tmp_path: Path
) -> None:
    name = own_task(IN_JUDGE, "if self.config.tolerances.error > 1: raise ValueError('odd')", "    size: int", "")
    source = tmp_path / "tasks" / name / "__init__.py"
    text = source.read_text().replace("    size: int\n", "    size: int\n    tolerances: Tolerances\n")
    text = text.replace(
        "@dataclass\nclass Config:", "@dataclass\nclass Tolerances:\n    error: float\n\n\n@dataclass\nclass Config:"
    )
    source.write_text(text.replace("graded_by = ()", 'graded_by = ("tolerances",)'))
    (tmp_path / "conf" / "task" / f"{name}.yaml").write_text(
        f"# @package _global_\ntask: {{name: {name}, size: 1, tolerances: {{error: 0.5}}}}\n"
    )
    cells = []
    for index, error in enumerate((0.2, 0.5)):
        words = (f"task={name}", "model=simulated", "runs.count=3", f"task.tolerances.error={error}")
        folder = tmp_path / "sweep" / str(index)
        folder.mkdir(parents=True)
        cells.append(
            Cell(config_for(*words, store=tmp_path / "s"), folder, {"task.tolerances.error": str(error)}, index)
        )
    view = Watcher()
    results = await execute(cells, view)
    assert [len(result.runs) for result in results] == [3, 3]
    said = [words[0] for name, *words in view.events if name == "result"]
    assert any("The landscape could not be drawn: the task's grade raised ValueError: odd" in text for text in said)
    assert "ValueError: odd" in (cells[0].folder / "evalkit.log").read_text()
