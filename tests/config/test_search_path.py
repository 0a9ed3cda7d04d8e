"""Task plugins: where they are found, and that a faulty one is answered with its author's own line."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from evalkit.__main__ import main
from evalkit.config import search_path
from evalkit.task.problem import Problem
from evalkit.task.registry import build_config, check_specs, load_plugin, load_task
from evalkit.util.errors import UserError

_numbers = itertools.count()

PLUGIN = """\
from dataclasses import dataclass

from evalkit.task.grade import Grade, Measurement
from evalkit.task.scripted_agents import submitting
from evalkit.task.tools import SubmitAnswer


@dataclass
class Tolerances:
    error: float


@dataclass
class Config:
    size: int
    tolerances: Tolerances


class Spec:
    prompt = "Say 1."
    answer_schema = {"type": "number"}
    tools = (SubmitAnswer({"type": "number"}),)


class Task:
    Config = Config
    title = "One"
    categories = {"wrong": "Wrong"}
    graded_by = ("tolerances",)

    def __init__(self, config):
        self.config = config

    def spec(self, problem):
        return Spec()

    async def measure(self, attempt, spec, context):
        return Measurement({"answer": attempt.answer})

    def grade(self, measurement):
        return Grade(True, "fine")

    def oracle(self, spec):
        return submitting(1)

    def agents(self, spec):
        return [submitting(1)]
"""
NODE = {"size": 1, "tolerances": {"error": 0.5}}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVALKIT_PATH", raising=False)
    return tmp_path


@pytest.fixture
def write(here: Path) -> Any:
    """`write(old, new)` puts a plugin with these replacements into ./tasks and returns its name."""

    def put(*replacements: str) -> str:
        source = PLUGIN
        for old, new in zip(replacements[::2], replacements[1::2], strict=True):
            assert old in source
            source = source.replace(old, new)
        name = f"probe_{next(_numbers)}"
        folder = here / "tasks" / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(source)
        return name

    return put


def test_a_complete_plugin_is_loaded_with_its_typed_config(write: Any) -> None:
    task: Any = load_task({"name": write(), **NODE})
    assert (task.config.size, task.config.tolerances.error) == (1, 0.5)
    check_specs(task, Problem.seeded(0))


def test_a_plugin_may_have_its_name_in_its_config(write: Any) -> None:
    name = write("    size: int\n", "    size: int\n    name: str\n")
    task: Any = load_task({"name": name, **NODE})
    assert task.config.name == name


def test_plugins_are_found_through_the_environment(
    write: Any, here: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = write()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(UserError, match="Unknown task"):
        load_plugin(name)
    monkeypatch.setenv("EVALKIT_PATH", str(here))
    assert load_plugin(name).title == "One"


def test_a_plugin_of_a_shipped_name_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = here / "tasks" / "arithmetic"
    own.mkdir(parents=True)
    (own / "__init__.py").write_text(PLUGIN)
    with pytest.raises(UserError, match="have the same name but differ: rename yours"):
        search_path.reject_duplicates()
    assert main(["task=arithmetic"]) == 2
    err = capsys.readouterr().err
    assert str(own) in err and str(search_path.bundled("tasks") / "arithmetic") in err


FAULTS = [
    # what is replaced by what | what the sentence says, among it the author's own line
    (("class Task:", "class Tsak:"), ["has no class Task", "__init__.py"]),
    (("    Config = Config\n", ""), ["lacks Config", '"class Task:"']),
    (("    Config = Config\n", "    Config = dict\n"), ['"Config = dict"', "a dataclass"]),
    (('    title = "One"\n', ""), ["lacks title", '"class Task:"']),
    (('title = "One"', "title = 1"), ['"title = 1"', "is int", "one line of text"]),
    (('categories = {"wrong": "Wrong"}', 'categories = ["wrong"]'), ["\"categories = ['wrong']\"".replace("'", '"')]),
    (('graded_by = ("tolerances",)', 'graded_by = "tolerances"'), ['"graded_by = "tolerances""', "is str"]),
    (('("tolerances",)', '("tolerance",)'), ["names 'tolerance'", "did you mean tolerances?", '"class Config:"']),
    (("    def grade(self, measurement):", "    def judje(self, measurement):"), ["lacks grade", '"class Task:"']),
    (("def grade(self, measurement)", "def grade(self)"), ['"def grade(self):"', "other arguments"]),
    (("def grade(", "async def grade("), ['"async def grade(self, measurement):"', "without async"]),
    (("async def measure(", "def measure("), ['"def measure(self, attempt, spec, context):"', "async def"]),
    (("def spec(self, problem):", "spec = 3\n\n    def _spec(self, problem):"), ['"spec = 3"', "is int"]),
    (("error: float", "error: complex"), ['"class Config:"', "cannot hold", "Optional"]),
    (("import submitting\n", "import submiting\n"), ["cannot be imported", "ImportError", "line", "submiting"][:2]),
    (("class Task:", "class Task"), ["cannot be imported", "SyntaxError", "__init__.py:"]),
    (("self.config = config", "self.config = config.nothing"), ["cannot be built", '"self.config = config.nothing"']),
    (('prompt = "Say 1."', "prompt = None"), ['"def spec(self, problem):"', "prompt as NoneType", "str"]),
    (('    answer_schema = {"type": "number"}\n', ""), ["lacks answer_schema", '"class Spec:"', "JSON Schema"]),
    (('prompt = "Say 1."', "prompt = property(lambda self: self.nothing)"), ["fails: AttributeError", "nothing"]),
    (("tools = (SubmitAnswer(", "tools = (str("), ['"def spec(self, problem):"', "a tool without name, description"]),
    (('tools = (SubmitAnswer({"type": "number"}),)', "tools = ()"), ["no submit_answer", '"def spec(self, problem):"']),
    (('tools = (SubmitAnswer({"type": "number"}),)', "tools = (1,)"), ["a tool without", "int"]),
    (("return submitting(1)", "return 1"), ['"def oracle(self, spec):"', "returns int", "ScriptedAgent"]),
    (("return [submitting(1)]", "return submitting(1)"), ['"def agents(self, spec):"', "returns ScriptedAgent"]),
    (("return [submitting(1)]", "return [1]"), ['"def agents(self, spec):"', "an item as int"]),
    (("return Spec()", "return Spec(1)"), ["fails: TypeError", '"return Spec(1)"']),
    (("return Spec()", "raise SystemExit(0)"), ["fails: SystemExit: 0", '"raise SystemExit(0)"']),
    (("return Spec()", "raise KeyboardInterrupt"), ["fails: KeyboardInterrupt", '"raise KeyboardInterrupt"']),
    (("return Spec()", "raise GeneratorExit('x')"), ["fails: GeneratorExit: x"]),
    (("self.config = config", "raise SystemExit(0)"), ["cannot be built: SystemExit: 0"]),
    (("class Tolerances:", "class Tolerances:\n    raise SystemExit(0)"), ["cannot be imported: SystemExit: 0"]),
    (('prompt = "Say 1."', "prompt = property(lambda self: exec('raise SystemExit(0)'))"), ["fails: SystemExit: 0"]),
    (('prompt = "Say 1."', 'prompt = " "'), ["gives an empty prompt"]),
    (("return Spec()", "s = Spec(); s.prompt = str(id(s)); self.s = s; return s"), ["another spec the second time"]),
    (("return submitting(1)", "return submitting({1})"), ["gives the agent 'oracle'", "not JSON"]),
    (("return [submitting(1)]", "return []"), ['"def agents(self, spec):"', "gives no agents"]),
    # names that mean nothing
    (('    prompt = "', '    hiden = (1.5,)\n    prompt = "'), ['"hiden = (1.5,)"', "did you mean hidden", "_hiden"]),
    (('    prompt = "', '    sytem = "Hi"\n    prompt = "'), ['"sytem = "Hi""', "did you mean system"]),
    (('    prompt = "', '    system_prompt = "Hi"\n    prompt = "'), ["did you mean system (the system prompt)"]),
    (('    prompt = "', '    file = {"a": b""}\n    prompt = "'), ["did you mean files"]),
    (
        ("    def oracle(", "    async def measure_mny(self, a, s, b): ...\n\n    def oracle("),
        ["did you mean measure_many"],
    ),
    (("self.config = config", "self.config = config; self.Solution = print"), ["did you mean solution"]),
    (("    def grade(self, measurement):", "    def garde(self, measurement):"), ["lacks grade (is it garde?)"]),
    # parts of the wrong kind
    (('    prompt = "', '    system = 3\n    prompt = "'), ["gives system as int: use a text"]),
    (('    prompt = "', '    files = ["a"]\n    prompt = "'), ["gives files as list: use a mapping"]),
    (('    prompt = "', '    files = {"a": "text"}\n    prompt = "'), ["gives the file 'a' as str", "text.encode()"]),
    (("    def oracle(", "    solution = 3\n\n    def oracle("), ['"solution = 3"', "use a method"]),
    (
        ("    def oracle(", '    kind = "scored"\n\n    def oracle('),
        ['kind = "scored"', "gives kind as 'scored': use one of exact, score, rubric"],
    ),
]


@pytest.mark.parametrize(("replaced", "said"), FAULTS, ids=[" -> ".join(pair) for pair, _ in FAULTS])
def test_a_faulty_plugin_is_answered_with_its_authors_own_line(
    replaced: tuple[str, str], said: list[str], write: Any, here: Path
) -> None:
    name = write(*replaced)
    with pytest.raises(UserError) as caught:
        check_specs(load_task({"name": name, **NODE}), Problem.seeded(0))
    sentence = str(caught.value)
    assert [part for part in [*said, str(here / "tasks" / name)] if part not in sentence] == []
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({**NODE, "sizes": 2}, ["task.sizes", '"class Config:"', "no field sizes", "did you mean size?"]),
        ({"tolerances": {"error": 0.5}}, ["lacks task.size", '"size: int"']),
        ({"size": 1, "tolerances": {}}, ["lacks task.tolerances.error", '"error: float"']),
        ({**NODE, "tolerances": {"eror": 1}}, ["task.tolerances.eror", '"class Tolerances:"', "did you mean error?"]),
        ({**NODE, "size": "big"}, ["task.size does not fit", '"size: int"', "big"]),
        ({**NODE, "tolerances": {"error": "x"}}, ["task.tolerances.error does not fit", '"error: float"']),
        ({**NODE, "tolerances": {"error": 0}}, ["task.tolerances.error=0", "above 0"]),
        ({**NODE, "tolerances": {"error": float("nan")}}, ["task.tolerances.error=nan"]),
        ({**NODE, "name": "prob"}, ["Unknown task 'prob'"]),
        ({**NODE, "name": None}, ["task.name is missing"]),
    ],
)
def test_a_config_and_a_plugin_that_disagree_are_both_named(node: dict[str, Any], said: list[str], write: Any) -> None:
    with pytest.raises(UserError) as caught:
        load_task({"name": write(), **node})
    assert [part for part in said if part not in str(caught.value)] == []


def test_a_knob_with_a_default_may_be_left_out(write: Any) -> None:
    name = write("    tolerances: Tolerances\n", "    tolerances: Tolerances\n    extra: str = 'x'\n")
    config: Any = build_config(load_plugin(name), {"name": name, **NODE})
    assert config.extra == "x"


@pytest.mark.parametrize("choice", ["", "defaults: [override /limits: default]\n"])
def test_a_task_file_without_its_package_line_is_told_to_have_one(
    choice: str, write: Any, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write()
    (here / "conf" / "task").mkdir(parents=True)
    (here / "conf" / "task" / f"{name}.yaml").write_text(
        f"{choice}task: {{name: {name}, size: 1, tolerances: {{error: 0.1}}}}\n"
    )
    assert main([f"task={name}"]) == 2
    assert "`# @package _global_`" in capsys.readouterr().err
    assert not (here / "outputs").exists()


def test_a_faulty_plugin_ends_a_launch_before_anything_is_written(
    write: Any, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write("def grade(self, measurement)", "def grade(self)")
    (here / "conf" / "task").mkdir(parents=True)
    (here / "conf" / "task" / f"{name}.yaml").write_text(
        f"# @package _global_\ntask: {{name: {name}, size: 1, tolerances: {{error: 0.1}}}}\n"
    )
    assert main([f"task={name}"]) == 2
    assert '"def grade(self):"' in capsys.readouterr().err
    assert sorted(path.name for path in here.iterdir()) == ["conf", "tasks"]
