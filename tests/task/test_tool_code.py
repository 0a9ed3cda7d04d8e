"""The key of a task with tools of its own: what a tool does, and no more than that, makes new rollouts."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.config import search_path
from evalkit.model import Opening, open_model
from evalkit.sampling.keys import question, rollout_key
from evalkit.sampling.problem_set import problem_set
from evalkit.sampling.store import same_question
from evalkit.task import tool_code
from evalkit.task.registry import load_task
from evalkit.util import file_digests
from tests.launching import config_for
from tests.owntask import write_task

ROOT = Path(__file__).parents[2]

TOOL = '''
TABLE = json.loads((HERE / "table.json").read_text()) if (HERE / "table.json").exists() else {}
LIMIT = 3


def helper(text):
    return text.upper()


class Base:
    """What tools have in common."""

    description, input_schema = "Looks something up.", {"type": "object"}

    async def __call__(self, input, context):
        return ToolResult(helper(str(self.level)))


class Lookup(Base):
    name = "look_up"

    def __init__(self, level):
        self.level = level


def unrelated():
    return 1

'''


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def own(root: Path, tool: str = TOOL, made: str = "Lookup(self.config.expression)", *more: str, **files) -> str:
    """A task with a tool; `made`: the expression that makes it."""
    imports = "from evalkit import ToolResult, ToolContext, Submission\nimport functools, random, time, types"
    words = ("# tools", tool, "# imports", imports, "(PythonExpression(),", f"({made}, PythonExpression(),", *more)
    return write_task(root, *words, **files)


def keys(name: str, *overrides: str, run: int = 1) -> tuple[str, str]:
    """What finds a set of rollouts, and what is compared for a run."""
    config = config_for("task=arithmetic", f"task.name={name}", "model=oracle", *overrides)
    task = load_task(config.task)
    model = open_model(config.model, Opening(task, problem_set(config, task).specs(task), config.runs.seed))
    return rollout_key(config, task, model, problem_set(config, task)).digest, question(
        task, problem_set(config, task), run
    ).set_up


PROMPT = ('f"Calculate {self.config.expression}."', '"Calculate."')
"""The knob out of the prompt: only the tool reads it."""
SHAPES = {
    "object": (TOOL, "Lookup(self.config.expression)"),
    "nested": (TOOL, "Lookup(types.SimpleNamespace(deep=[{1: self.config.expression}]))"),
    "slots": (
        TOOL.replace('    name = "look_up"\n', '    name = "look_up"\n    __slots__ = ("level",)\n'),
        "Lookup(self.config.expression)",
    ),
    "whole config": (TOOL, "Lookup(self.config)"),
    "spec": (TOOL, "Lookup(self)"),
    "closure": (
        TOOL
        + """
def made(level):
    class Inside(Base):
        name = "look_up"

        async def __call__(self, input, context):
            return ToolResult(str(level))

    return Inside()
""",
        "made(self.config.expression)",
    ),
    "function with attributes": (
        TOOL
        + """
def made(level):
    async def look_up(input, context):
        return ToolResult(str(level))

    look_up.name, look_up.description, look_up.input_schema = "look_up", "Looks up.", {"type": "object"}
    return look_up
""",
        "made(self.config.expression)",
    ),
    "partial": (
        TOOL
        + """
async def look_up(level, input, context):
    return ToolResult(str(level))


def made(level):
    tool = functools.partial(look_up, level)
    tool.name, tool.description, tool.input_schema = "look_up", "Looks up.", {"type": "object"}
    return tool
""",
        "made(self.config.expression)",
    ),
    "class attribute": (
        TOOL + "\n\ndef made(level):\n    Lookup.shared = level\n    return Lookup(0)\n",
        "made(self.config.expression)",
    ),
    "number at the top": (
        TOOL.replace("self.level)", "LIMIT)")
        + "\n\ndef made(level):\n    global LIMIT\n    LIMIT = level\n    return Lookup(0)\n",
        "made(self.config.expression)",
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_knob_that_only_a_tool_reads_makes_new_rollouts(root, shape):
    name = own(root, *SHAPES[shape], *PROMPT)
    assert keys(name) == keys(name)
    other = keys(name, "task.expression=7")  # which no model is shown
    assert keys(name)[0] != other[0]
    assert keys(name)[1] != other[1] or shape == "number at the top"  # which all runs share


@pytest.mark.parametrize("made", ["Lookup(self.config)", "Lookup(self)"])
def test_a_tolerance_makes_none_even_if_the_tool_holds_the_whole_config(root, made):
    name = own(root, TOOL, made)
    assert keys(name, "task.tolerances.answer=9") == keys(name)


def test_what_differs_between_two_specs_of_one_seed_is_no_set_up(root):
    odd = "types.SimpleNamespace(t=time.time(), r=random.random(), g=random.Random(), o=str(object()), k=5)"
    name = own(root, TOOL, f"Lookup({odd})", *PROMPT)
    assert keys(name) == keys(name)


GRADER = """
from .data import SCALE
from .rules import judge


class Spec:
    def tools(self):
        return Lookup(1)


class Task:
    threshold = 5

    async def measure(self, attempt, spec, context):
        return json.loads((HERE / "expected.json").read_text())
"""
START = "import json\nfrom pathlib import Path\n\nfrom evalkit import ToolResult\n\nHERE = Path(__file__).parent\n"


def behind(root: Path, tool: str = TOOL, grader: str = GRADER, paths=(), **files: str) -> str:
    """What stands behind the tool, as a new process finds it."""
    name = "evalkit_tasks.sliced"
    for module in [name, *(module for module in sys.modules if module.startswith(f"{name}."))]:
        sys.modules.pop(module, None)
    file_digests._as_imported.clear()
    folder = root / "tasks" / "sliced"
    folder.mkdir(parents=True, exist_ok=True)
    given = {"data__py": "SCALE = 1\n", "rules__py": "def judge():\n    return 1\n", "expected__json": "1"} | files
    for file, content in ({"__init____py": START + tool + grader} | given).items():
        path = folder / f"{file.removesuffix('__py')}.py" if file.endswith("__py") else folder / file.replace("__", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    search_path.expose()
    found = tool_code.reached([importlib.import_module(name).Lookup])
    return str((found.code, found.values, sorted(found.packages), tool_code.data_files(found, paths)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("text.upper()", "text.lower()"),
        ("Looks something up.", "Looks something else up."),
        ("helper(str(self.level))", "str(self.level)"),
        ("self.level = level", "self.level = 2 * level"),
        ("def unrelated", "Lookup.level = 9\n\n\ndef unrelated"),
        ("def unrelated", "if LIMIT:\n    helper = str\n\n\ndef unrelated"),
        ("def unrelated", "print('set up')\n\n\ndef unrelated"),
        ('    name = "look_up"', '    name = "look_up"\n    more = 1'),
    ],
)
def test_code_that_the_tool_reaches_makes_new_rollouts(root, old, new):
    assert old in TOOL
    assert behind(root, TOOL.replace(old, new)) != behind(root)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def unrelated():\n    return 1", "def unrelated():\n    return 2"),
        ("def helper", "# a comment\ndef helper"),
        ("text.upper()", "(text .upper( ))"),
        ("threshold = 5", "threshold = 6"),
        ("return Lookup(1)", "return (Lookup(1),)"),
        ("from .rules import judge", "from .rules import judge as j"),
    ],
)
def test_the_grader_in_the_same_file_can_change_without(root, old, new):
    assert old in TOOL + GRADER
    assert behind(root, TOOL.replace(old, new), GRADER.replace(old, new)) == behind(root)


@pytest.mark.parametrize(
    "call",
    [
        "globals()['hel' + 'per'](",
        "eval('hel' + 'per')(",
        "vars(sys.modules[__name__])['hel' + 'per'](",
        "getattr(sys.modules[__name__], 'helper')(",
    ],
)
def test_a_tool_that_can_reach_everything_in_its_module_is_made_of_all_of_it(root, call):
    tool = "import sys\n" + TOOL.replace("helper(str(self.level))", f"{call}str(self.level))")
    assert behind(root, tool.replace("text.upper()", "text.lower()")) != behind(root, tool)


def test_modules_count_as_far_as_the_tool_uses_them(root):
    tool = TOOL.replace("LIMIT = 3", "from .data import SCALE\n\nLIMIT = SCALE").replace("self.level)", "LIMIT)")
    used = behind(root, tool)
    assert behind(root, tool, data__py="SCALE = 2\n") != used
    assert behind(root, tool, data__py="SCALE = 1\nOTHER = 2\n") == used
    assert behind(root, tool, rules__py="def judge():\n    return 2\n") == used


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("from .data import *", "tasks/sliced/data.py"),
        ("from . import data as d; LIMIT = d.SCALE", "tasks/sliced/data.py"),
        ("from ..common import VALUE as LIMIT", "tasks/common.py"),
        ("from evalkit_tasks.common import VALUE as LIMIT", "tasks/common.py"),
        ("from helping import VALUE as LIMIT", "helping.py"),
        ("import helping; LIMIT = helping.VALUE", "helping.py"),
        ("from bundle.deep import VALUE as LIMIT", "bundle/deep.py"),
        ("from bundle.deep import VALUE as LIMIT", "bundle/__init__.py"),
        ("from bundle import VALUE as LIMIT", "bundle/deep.py"),
        (
            "import importlib; LIMIT = importlib.import_module('evalkit_tasks.sliced.data').SCALE",
            "tasks/sliced/data.py",
        ),
        ("import importlib; LIMIT = importlib.import_module('.data', __package__).SCALE", "tasks/sliced/data.py"),
    ],
)
def test_code_in_other_files_counts(root, line, path):
    for module in ("helping", "bundle", "bundle.deep", "evalkit_tasks.common"):
        sys.modules.pop(module, None)
    (root / "bundle").mkdir()
    (root / "tasks").mkdir()
    (root / "helping.py").write_text("VALUE = 1\n")
    (root / "tasks" / "common.py").write_text("VALUE = 1\n")
    (root / "bundle" / "deep.py").write_text("VALUE = 1\n")
    (root / "bundle" / "__init__.py").write_text("from .deep import VALUE\n")
    tool = TOOL.replace("LIMIT = 3", line).replace("self.level)", "LIMIT)")
    before = behind(root, tool)
    text = (root / path).read_text()
    changed = f"{text}\nVALUE = SCALE = 2\n"
    if path == "tasks/sliced/data.py":
        assert behind(root, tool, data__py=changed) != before
    else:
        (root / path).write_text(changed)
        assert behind(root, tool) != before


READING = TOOL.replace("self.level)", "TABLE)")


def test_data_that_a_tool_may_read_counts_and_data_that_only_the_grader_names_does_not(root):
    files = {"table__json": "{}", "unnamed__csv": "1"}
    before = behind(root, READING, **files)
    assert behind(root, READING, **files | {"table__json": "[]"}) != before
    assert behind(root, READING, **files | {"unnamed__csv": "2"}) != before
    assert behind(root, READING, **files | {"expected__json": "2"}) == before
    listing = READING.replace(".exists()", ".exists() and list(HERE.glob('*'))")
    assert behind(root, listing, expected__json="3") != behind(root, listing, expected__json="4")


def test_data_and_installed_packages_behind_a_tool_are_in_the_key(root, monkeypatch):
    name = own(root, "import yaml\n\n" + READING, table__json="{}")
    before = keys(name)
    (root / "tasks" / name / "expected.json").write_text("5")
    assert keys(name) == before
    (root / "tasks" / name / "table.json").write_text("[]")
    assert keys(name) != before
    (root / "tasks" / name / "table.json").write_text("{}")
    assert keys(name) == before
    monkeypatch.setattr("evalkit.sampling.keys.package_version", lambda name: "of another installation")
    assert keys(name) == before  # yaml is imported, and the tool does not use it
    used = own(root, "import yaml\n\n" + READING.replace("TABLE)", "yaml.dump(TABLE))"), table__json="{}")
    other = keys(used)
    monkeypatch.undo()
    monkeypatch.chdir(root)
    assert keys(used) != other


def test_a_tool_that_cannot_find_its_folder_reads_no_data_unless_it_holds_the_folder(root):
    tool = TOOL[TOOL.index("LIMIT") :]
    before = behind(root, tool, unnamed__csv="1")
    assert behind(root, tool, unnamed__csv="2") == before
    paths = [str(root / "tasks" / "sliced")]
    assert behind(root, tool, paths=paths, unnamed__csv="1") != behind(root, tool, paths=paths, unnamed__csv="2")


def test_code_without_a_file_counts_by_what_it_does():
    def made(text: str):
        space: dict = {"__name__": "notebook"}
        exec(text, space)
        return space["Lookup"]

    one, same, other = (
        tool_code.reached(
            [made(f"class Lookup:\n    async def f(self):\n        return {n} in {{'a', 'b'}}\n{tail}")]
        ).code
        for n, tail in ((1, ""), (1, "\n\n"), (2, ""))
    )
    assert one == same != other


def test_files_and_set_up_of_every_run_are_compared(root):
    files = (
        "    def tools(self):",
        "    def files(self):\n        return FILES(self)\n\n    @property\n    def tools(self):",
    )
    late = "FILES = lambda spec: {'a.txt': b'1' if spec.seed % 2 else spec.config.expression.encode()}\n\n"
    name = own(root, late + TOOL, "Lookup(self.seed % 2 and self.config.expression)", *files, *PROMPT)
    tasks = {}
    for value in ("1", "7"):
        config = config_for("task=arithmetic", f"task.name={name}", f"task.expression='{value}'", "model=oracle")
        tasks[value] = [
            question(task, problem_set(config, task), run) for task in [load_task(config.task)] for run in range(1, 30)
        ]
    pairs = list(zip(tasks["1"], tasks["7"], strict=True))
    assert {same_question(one, other) for one, other in pairs} == {True, False}
    assert {one.set_up == other.set_up for one, other in pairs} == {True, False}


PROCESS = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.task.test_tool_code import keys
print([keys(name) for name in sys.argv[2:]])
"""


def test_another_process_has_the_same_keys(root):
    names = [own(root, *shape, *PROMPT, table__json="{}") for shape in SHAPES.values()]
    command = [sys.executable, "-c", PROCESS, str(ROOT), *names]
    running = [
        subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE)
        for seed in ("1", "2")
    ]
    one, other = (process.communicate(timeout=120)[0].decode() for process in running)
    assert one == other == f"{[keys(name) for name in names]}\n"
