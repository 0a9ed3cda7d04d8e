"""What an author gets wrong in the files of a new task: each slip is one sentence that quotes the author's line.

Each case is an edit of what `init --kind python` writes. More cases: parts of a plugin that are missing or of the wrong
kind in tests/config/test_search_path.py; values that graders return in test_author_code.py; tools, files and agents in
test_checks.py; rows of problem files in test_problem_files.py.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalkit import Attempt, Problem, TaskError, UserError
from evalkit.__main__ import main
from evalkit.task import author_code
from evalkit.task.registry import check_specs, load_task
from evalkit.task.tools import PythonExpression, SubmitAnswer
from evalkit.task.tools.workbench import Workbench
from evalkit.testing import load
from tests.verbs import verb

_numbers = itertools.count()
init, audit = verb("init"), verb("audit")

CONF, PLUGIN, AGENTS = "conf/task/NAME.yaml", "tasks/NAME/__init__.py", "tasks/NAME/agents.yaml"
WRONG, KNOWN = "tasks/NAME/solutions/wrong/no_quantities.py", "tasks/NAME/known_findings.yaml"
ROWS, COUNT, TOTAL = "  rows: 6", "  count: 20", "    total: 0.005"
TOLERANCES = "  tolerances:\n    # Largest error of the total in euros, strictly less.\n    total: 0.005"
SPEC = "        return Spec(tuple((draw"
MEASURES = '        return Measurement({"got": float(number), "expected": spec.expected, "error": error})'
PASSES = "            return Grade(True, f\"Got {measurement.values['got']}\", checks=(check,))"
TOOLS = "        return PythonExpression(), SubmitAnswer(self.answer_schema)"
CHECK = 'within("total", measurement.values["error"], self.config.tolerances.total)'
MINE = """
class Mine:
    name = "mine"
    description = "Mine."
    input_schema = {"type": "object"}

    async def __call__(self, input, context):
        return "fine"


class Task:
"""
HAS_MINE = "        return Mine(), SubmitAnswer(self.answer_schema)"


def mine(old: str, new: str) -> tuple[str, ...]:
    """Edits that give the task a tool of its own with a slip."""
    return "class Task:\n", MINE.replace(old, new), TOOLS, HAS_MINE


# What is replaced by what; the author's line as the sentence quotes it; what it says.
YAML = [
    ((ROWS, "\trows: 6"), '"rows: 6"', "indent with spaces"),
    ((ROWS, "  rows 6"), '"rows 6"', "write key: value"),
    ((ROWS, '  rows: "6'), '"rows: "6"', "close the quotes"),
    ((ROWS, "  rows: [6"), '"rows: [6"', "close the bracket"),
    ((ROWS, "  rows: 6\n  rows: 7"), '"rows: 7"', "duplicate key rows"),
    ((ROWS, "   rows: 6"), '"rows: 6"', "indent items of one level alike"),
    ((ROWS, "  rows: @six"), '"rows: @six"', "put text with % @ ` in quotes"),
    ((COUNT, "  cuont: 20"), '"cuont: 20"', "runs has no key cuont: did you mean count?"),
    ((COUNT, "  count: many"), '"count: many"', "runs.count must be a whole number"),
    (("runs:\n", "limits: {max_token: 9}\nruns:\n"), '"limits: {max_token: 9}"', "did you mean max_tokens?"),
    (("runs:\n  # How often the model is asked.\n  count: 20", "runs: 20"), '"runs: 20"', "runs is a group of keys"),
    (("task:\n", "taks:\n"), '"taks:"', "did you mean task?"),
    (("# @package _global_\n", ""), "task.task", "make `# @package _global_` the first line"),
    ((COUNT, "  count: 0"), "runs.count=0", "use a whole number from 1 up"),
    ((ROWS, "  rows: six"), '"rows: int"', "task.rows does not fit"),
    ((ROWS, "  rows: 6.5"), '"rows: int"', "Value '6.5'"),
    ((ROWS, "  rows: null"), '"rows: int"', "task.rows does not fit"),
    ((ROWS, "  rows: ${rowz}"), "task.rows", "'rowz' not found"),
    ((ROWS, "  rwos: 6"), '"class Config:"', "sets task.rwos, but", "did you mean rows?"),
    ((ROWS, ""), '"rows: int"', "lacks task.rows"),
    ((TOTAL, "    total: 0,005"), '"total: float"', "'0,005'"),
    ((TOTAL, "    total: -1"), "task.tolerances.total=-1", "use a number above 0"),
    ((TOTAL, "    totel: 0.005"), '"class Tolerances:"', "did you mean total?"),
    ((TOLERANCES, "  tolerances: 0.005"), '"tolerances: Tolerances"', "task.tolerances does not fit"),
    ((TOLERANCES, "  tolerances: [0.005]"), '"tolerances: Tolerances"', "write its keys below it"),
    (("  name: NAME", "  name: NAMES"), "'NAMES'", "did you mean NAME?"),
    (("  name: NAME", "  nmae: NAME"), "task.name is missing", "name the folder"),
]
LOADED = [
    (("import random\n", "import randon\n"), '"import randon"', "No module named 'randon'"),
    (("    Grade,\n", "    Grad,\n"), '"from evalkit import ("', "cannot import name 'Grad'"),
    (("class Task:", "class Task"), '"class Task"', "SyntaxError: expected ':'"),
    (("class Task:", "class MyTask:"), '"class MyTask:"', "has no class Task"),
    (("@dataclass\nclass Config:", "class Config:"), '"class Config:"', "put @dataclass above it"),
    (("    rows: int", "    rows = 6"), '"rows = 6"', "has no type", "write rows: <type>"),
    (("    rows: int", "    rows: integer"), '"rows: integer"', "'integer' is not defined"),
    (("    def __init__(self, config):", "    def __init__(self):"), '"def __init__(self):"', "(self, config)"),
    (("def spec(self, problem)", "def spec(problem)"), '"def spec(problem):"', "takes other arguments"),
    (("    def spec(", "    async def spec("), '"async def spec(self, problem):"', "without async"),
    (("    def grade(", "    async def grade("), '"async def grade(self, measurement):"', "without async"),
    (("    def agents(", "    async def agents("), '"async def agents(self, spec):"', "without async"),
    (("    async def measure(", "    def measure("), '"def measure(self, attempt, spec, context):"', "async def"),
    (
        ("def measure(self, attempt, spec,", "def measure(self, attempt,"),
        "measure(self, attempt, context)",
        "arguments",
    ),
    ((SPEC, "        Spec(tuple((draw"), '"def spec(self, problem):"', "returns None: let it return"),
    ((SPEC, "        return (tuple((draw"), '"def spec(self, problem):"', "returns tuple, which has no prompt"),
    (("    @property\n    def prompt", "    def prompt"), '"def prompt(self):"', "put @property above it"),
    (("    @property\n    def tools", "    def tools"), '"def tools(self):"', "put @property above it"),
    (("    def prompt", "    def promt"), '"class Spec:"', "lacks prompt"),
    ((TOOLS, "        return SubmitAnswer(self.answer_schema)"), '"def spec(self, problem):"', "tools as SubmitAnswer"),
    ((TOOLS, "        yield PythonExpression()"), '"def spec(self, problem):"', "gives tools as generator"),
    (
        (TOOLS, "        return PythonExpression(), SubmitAnswer"),
        '"def spec(self, problem):"',
        "the class SubmitAnswer",
    ),
    ((TOOLS, "        return (PythonExpression(),)"), '"def spec(self, problem):"', "no submit_answer"),
    (('{"type": "number"}', '"number"'), '"def spec(self, problem):"', "answer_schema as str"),
    (('{"type": "number"}', '{"type": "numbr"}'), '"def spec(self, problem):"', "'numbr' is not valid"),
    (("random.Random(problem.seed)", "random"), '"def spec(self, problem):"', "draw everything from `problem.seed`"),
    (("        draw =", "        self.config.rows += 1\n        draw ="), '"def spec(self, problem):"', "another spec"),
    (("        draw =", "        problem.sed\n        draw ="), '"problem.sed"', "no attribute 'sed'"),
    (("        draw =", "        problem.row['x']\n        draw ="), "column 'x'", "set problems.file"),
    (('("tolerances",)', '("tolerances")'), '"graded_by = ("tolerances")"', "a sequence of knob names"),
    (('("tolerances",)', '("tolerance",)'), '"graded_by = ("tolerance",)"', "did you mean tolerances?"),
    (('    title = "Total of an order"\n', ""), '"class Task:"', "lacks title"),
    (("        self.config = config\n", "        self.cfg = config\n"), 'range(self.config.rows)))"', "'config'"),
    (
        ("        return self.solution(spec.program, spec)", "        self.solution"),
        '"def oracle(self, spec):"',
        "NoneType",
    ),
    (("        return load_agents(", "        load_agents("), '"def agents(self, spec):"', "returns NoneType"),
    (('with_name("agents.yaml")', 'with_name("agent.yaml")'), 'with_name("agent.yaml")', "FileNotFoundError"),
    (("Tokens(90), ", "90, "), '"def oracle(self, spec):"', "a turn whose tokens are not Tokens"),
    (('"", (call,)', '"", call'), '"def oracle(self, spec):"', 'no {"name": …, "input": …}'),
    (("    rules = {", "     rules = {"), '"rules = {', "IndentationError"),
    (("    answer_schema", "    sytem = 'Hi'\n    answer_schema"), "\"sytem = 'Hi'\"", "did you mean system"),
    (
        ("    answer_schema", '    files = {"a": "b"}\n    answer_schema'),
        '"def spec(self, problem):"',
        "'a' as str: encode",
    ),
    (("def reference_source(", "def reference_sourc("), '"def reference_sourc(self, spec):"', "reference_source"),
    (mine('name = "mine"', 'name = "my tool"'), '"def spec(self, problem):"', "the name 'my tool'"),
    (mine("    description", "    _"), '"def spec(self, problem):"', "a tool without description: Mine"),
    (mine("self, input, context", "self, input"), '"def spec(self, problem):"', "must be `async def __call__(self, in"),
    (mine('"object"}', '"number"}'), '"def spec(self, problem):"', "input_schema has the type 'number'"),
]
AGENT, TOKENS = "- name: careful\n  weight: 0.6", "{median: 110, spread: 0.25}"
PLAYERS = [
    ((AGENT, "- nam: careful\n  weight: 0.6"), '"- nam: careful"', "an agent has name, turns"),
    ((AGENT, "- name: careful\n  weight: lots"), '"weight: lots"', "a number from 0 up"),
    ((AGENT, "- name: careful\n  weight: -1"), '"weight: -1"', "a number from 0 up"),
    (
        ("  turns:\n    - text: I will", "  turn:\n    - text: I will"),
        '"- name: careful"',
        "got ['name', 'turn', 'weight']",
    ),
    (("python: $program", "pyhton: $program"), '"pyhton: $program"', "did you mean python?"),
    (("python: $program", "python: $progam"), '"python: $progam"', "did you mean $program?"),
    (("python: $program", "python: $program\n      submit: 3"), '"- text: I will', "at most one of python, submit"),
    ((TOKENS, "{mean: 110}"), '"tokens: {mean: 110}"', "tokens are {median: <number>"),
    ((TOKENS, "110"), '"tokens: 110"', "tokens are {median: <number>"),
    ((f"      tokens: {TOKENS}\n", ""), '"- text: I will', "a turn has tokens"),
    (("submit_output: true", "submit_output: yes please"), '"- submit_output: yes please"', "true or false"),
    (("      python: $program", "\tpython: $program"), '"python: $program"', "indent with spaces"),
]
PLAYED = [
    ((MEASURES, MEASURES.replace("return ", "")), "async def measure(", "returned NoneType"),
    ((MEASURES, '        return {"error": error}'), "async def measure(", "returned dict where Measurement is wanted"),
    (('"error": error}', '"error": error / 0}'), '"error": error / 0})"', "ZeroDivisionError"),
    (('"error": error}', '"error": {error}}'), "async def measure(", "values['error'] as set, which JSON cannot hold"),
    (('"error": error}', '"error": error * float("nan")}'), "async def measure(", "nan, which JSON cannot hold"),
    (("        number =", "        with context.sandbox.session(): 1\n        number ="), "session(): 1", "TypeError"),
    (("as_number(attempt.answer)", "as_number(attempt.answers)"), 'as_number(attempt.answers)"', "'answers'"),
    (("as_number(attempt.answer)", "as_number(spec.answer)"), 'as_number(spec.answer)"', "no attribute 'answer'"),
    (("        number =", "        self.lost.count += 1\n        number ="), '"self.lost.count += 1"', "'lost'"),
    ((PASSES, "            return True"), "def grade(self, measurement):", "returned bool where Grade is wanted"),
    ((PASSES, "            return Grade(True)"), '"return Grade(True)"', "missing 1 required positional argument"),
    ((PASSES, '            return Grade(True, "", "fine")'), '"return Grade(True, "", "fine")"', "a passed one has"),
    ((PASSES, '            return Grade(False, "", "fine")'), "def grade(", "'fine', which `categories` does"),
    ((PASSES, '            return Grade(True, "", checks=check)'), "def grade(", "use a tuple of Check"),
    (("if check.passed", "if check.pased"), '"if check.pased:"', "no attribute 'pased'"),
    (('measurement.values["error"]', 'measurement.values["eror"]'), 'values["eror"]', "KeyError: 'eror'"),
    (('measurement.values["error"]', 'measurement["error"]'), 'measurement["error"]', "not subscriptable"),
    (("self.config.tolerances.total", "self.config.tolerance.total"), "self.config.tolerance.total", "'tolerance'"),
    ((CHECK, CHECK.replace(", self.config.tolerances.total", "")), 'measurement.values["error"])"', "'tolerance'"),
    (mine('return "fine"', 'input["number"]'), '"input["number"]"', "the task's tool mine raised KeyError: 'number'"),
    (mine('return "fine"', "pass"), "async def __call__(", "the task's tool mine returned NoneType"),
    (mine('return "fine"', "return 3"), "async def __call__(", "the task's tool mine returned int"),
]  # fmt: skip
AUDITED = [
    (WRONG, "# expect: wrong_value", "# expect: wrng_value", "did you mean wrong_value?"),
    (WRONG, "# expect: wrong_value", "# expects: wrong_value", "did you mean `# expect: wrong_value`?"),
    (WRONG, "# breaks: quantity", "# breaks: quantiti", "did you mean quantity?"),
    (KNOWN, "", "NAME: [false-accept wrong/x", "close the bracket"),
    (KNOWN, "", "NAME: [false-acept wrong/x]", "did you mean false-accept?"),
    (KNOWN, "", "- false-accept wrong/x", "no map from configs to findings"),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVALKIT_PATH", raising=False)
    return tmp_path


def written(file: str, *edits: str) -> str:
    """A new task of its own name whose `file` has these edits; `NAME` stands for the task's name."""
    name = f"slip_{next(_numbers)}"
    init([name, "--kind", "python"])
    path = Path(file.replace("NAME", name))
    text = path.read_text() if path.exists() else ""
    for old, new in zip(edits[::2], edits[1::2], strict=True):
        assert old.replace("NAME", name) in text
        text = text.replace(old.replace("NAME", name), new.replace("NAME", name), 1)
    path.write_text(text)
    return name


def tells(caught: pytest.ExceptionInfo[Any], name: str, parts: tuple[str, ...]) -> None:
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert [part for part in parts if part.replace("NAME", name) not in sentence] == [], sentence


def ids(cases: Any) -> list[str]:
    return [" ".join(case[0][1].split())[:40] or "left out" for case in cases]


@pytest.mark.parametrize("case", YAML, ids=ids(YAML))
def test_a_slip_in_the_yaml(case: Any, here: Path) -> None:
    edits, *parts = case
    name = written(CONF, *edits)
    with pytest.raises(UserError) as caught:
        load(name)
    tells(caught, name, tuple(parts))


def loaded(name: str) -> Any:
    node = yaml.safe_load(Path(CONF.replace("NAME", name)).read_text())["task"]
    task = load_task(node)
    check_specs(task, Problem.seeded(0), audit=True)
    return task


@pytest.mark.parametrize("case", LOADED, ids=ids(LOADED))
def test_a_slip_that_shows_when_the_task_is_loaded(case: Any, here: Path) -> None:
    edits, *parts = case
    name = written(PLUGIN, *edits)
    with pytest.raises(UserError) as caught:
        loaded(name)
    tells(caught, name, tuple(parts))


@pytest.mark.parametrize("case", PLAYERS, ids=ids(PLAYERS))
def test_a_slip_in_the_simulated_agents(case: Any, here: Path) -> None:
    edits, *parts = case
    name = written(AGENTS, *edits)
    with pytest.raises(UserError) as caught:
        loaded(name)
    tells(caught, name, (f"tasks/{name}/agents.yaml:", *parts))


@pytest.mark.parametrize("case", PLAYED, ids=ids(PLAYED))
async def test_a_slip_that_shows_in_a_run(case: Any, here: Path) -> None:
    edits, *parts = case
    name = written(PLUGIN, *edits)
    task = loaded(name)
    sandbox: Any = None  # nothing gets that far
    spec: Any = task.spec(Problem.seeded(0))
    with pytest.raises(TaskError) as caught:
        for tool in spec.tools:
            if not isinstance(tool, PythonExpression | SubmitAnswer):
                await author_code.call_tool(tool, {}, Workbench(sandbox, 5))
        measurement = await author_code.measure(task, Attempt(spec.expected), spec, sandbox)
        author_code.grade_now(task, measurement)
    tells(caught, name, (f"tasks/{name}/__init__.py:", *parts))


@pytest.mark.parametrize("case", AUDITED, ids=[case[2] for case in AUDITED])
def test_a_slip_in_what_only_audits_read(case: Any, here: Path) -> None:
    file, old, new, said = case
    name = written(file, old, new)
    with pytest.raises(UserError) as caught:
        audit([f"task={name}", "--quick", "--seeds", "1"])
    tells(caught, name, (said, new))


def test_state_that_leaks_from_one_answer_to_the_next_is_a_finding_with_the_solution(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leak = "        self.seen = getattr(self, 'seen', 0) + 1\n        number = as_number(attempt.answer)"
    name = written(
        PLUGIN, "        number = as_number(attempt.answer)", leak, '"error": error', '"error": self.seen % 2'
    )
    assert main(["audit", f"task={name}", "--quick", "--seeds", "2"]) == 1
    assert "changing-verdict" in capsys.readouterr().out
