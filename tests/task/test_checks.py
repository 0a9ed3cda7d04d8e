"""What is wrong with tools, files and scripted agents is said before the launch, in one sentence with the fix."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.__main__ import main
from evalkit.task.checks import wrong_agents, wrong_files, wrong_schema, wrong_tools
from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens, submitting
from evalkit.task.tools import PythonExpression, SubmitAnswer, ToolResult
from tests.own_tasks import IN_SPEC, Write, own_task

__all__ = ["own_task"]

SUBMIT = SubmitAnswer({"type": "number"})


@dataclass
class Own:
    name: Any = "own"
    description: Any = "Does something."
    input_schema: Any = field(default_factory=lambda: {"type": "object", "properties": {}})

    async def __call__(self, input: Any, context: Any) -> ToolResult:
        return ToolResult("done")


@dataclass
class OneArgument(Own):
    async def __call__(self, input: Any) -> ToolResult:  # type: ignore[override]
        return ToolResult("done")


@dataclass
class Shown(Own):
    shown_schema: Any = None
    preload: Any = ()
    preloads: Any = ()


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ((Own(), Own(), SUBMIT), "2 tools of the name own"),
        ((SUBMIT, SubmitAnswer({})), "2 tools of the name submit_answer"),
        ((Own(),), "no submit_answer among its tools"),
        ((Own(name="my tool"), SUBMIT), "the name 'my tool', which the API refuses"),
        ((Own(name="x" * 129), SUBMIT), "which the API refuses"),
        ((Own(name=""), SUBMIT), "which the API refuses"),
        ((Own(name="näme"), SUBMIT), "which the API refuses"),
        ((Own(name=None), SUBMIT), "which the API refuses"),
        ((Own(name="a\n"), SUBMIT), "which the API refuses"),
        ((Own(description=" "), SUBMIT), "the tool own without a description"),
        ((Own(description=None), SUBMIT), "the tool own without a description"),
        ((OneArgument(), SUBMIT), "the tool own, whose __call__ takes other arguments"),
        ((Own(input_schema=None), SUBMIT), "whose input_schema is NoneType"),
        ((Own(input_schema={"type": "string"}), SUBMIT), "whose input_schema has the type 'string'"),
        ((Own(input_schema={}), SUBMIT), "whose input_schema has the type None"),
        ((Own(input_schema={"type": "object", "properties": {"a": {1}}}), SUBMIT), "is not JSON"),
        ((Own(input_schema={"type": "object", "properties": {"a": {"type": "strin"}}}), SUBMIT), "is not JSON Schema"),
        ((Own(input_schema={"type": "object", "required": "a"}), SUBMIT), "is not JSON Schema (required"),
        ((Shown(shown_schema={"type": "array"}, preloads=None), SUBMIT), "did you mean preload"),
        ((PythonExpression, SUBMIT), "the class PythonExpression as a tool: give an instance of it"),
        ((3, SUBMIT), "a tool without name, description, input_schema, __call__: int"),
        ((SubmitAnswer({"type": "nmber"}),), "the tool submit_answer, whose shown_schema is not JSON Schema"),
        ((SubmitAnswer({"minimum": float("nan")}),), "the tool submit_answer, whose shown_schema is not JSON"),
    ],
)
def test_tools_that_no_model_could_use_are_refused(tools: Any, said: str) -> None:
    if said == "did you mean preload":  # the class has `preload` itself, so that the likeness means nothing
        assert "shown_schema has the type 'array'" in wrong_tools(tools)
    else:
        assert said in wrong_tools(tools)


def test_tools_that_are_fine_are_let_alone() -> None:
    assert wrong_tools((Own(), PythonExpression(preload=("numpy",)), SUBMIT)) == ""
    assert wrong_tools((Own(name="a-b_C9" * 20), SUBMIT)) == ""


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ("text", "files as str: use a mapping"),
        ([("a", b"")], "files as list: use a mapping"),
        ({"a": "text"}, "the file 'a' as str: encode it, text.encode()"),
        ({"a": bytearray(b"x")}, "the file 'a' as bytearray: give bytes"),
        ({"a": None}, "the file 'a' as NoneType: give bytes"),
        ({1: b""}, "a file whose path is int"),
        ({Path("a"): b""}, "a file whose path is PosixPath"),
        ({"/etc/x": b""}, "the file '/etc/x', which lies outside the workspace"),
        ({"a/../../x": b""}, "which lies outside the workspace"),
        ({"..": b""}, "which lies outside the workspace"),
        ({"": b""}, "the file '', which no file can be called"),
        ({".": b""}, "which no file can be called"),
        ({"a//b": b""}, "which no file can be called"),
        ({"./a": b""}, "which no file can be called"),
        ({"a/": b""}, "which no file can be called"),
        ({"a\0b": b""}, "which no file can be called"),
        ({"\ud800": b""}, "whose name is not valid text"),
        ({"x" * 256: b""}, "whose path is too long"),
        ({"ä" * 128: b""}, "whose path is too long"),
        ({"/".join("a" * 20): b""}, "whose path is too long"),
        ({"/".join(["x" * 200] * 6): b""}, "whose path is too long"),
        ({"a": b"", "a/b": b""}, "'a' as a file and as the folder of 'a/b'"),
        ({"a/b/c": b"", "a": b""}, "'a' as a file and as the folder of 'a/b/c'"),
        ({str(n): b"" for n in range(1_001)}, "1,001 files in 0 folders, more than the 1,000 that a workspace holds"),
        ({f"{n}/x": b"" for n in range(501)}, "501 files in 501 folders, more than the 1,000"),
        ({"a": bytes(3 << 20)}, "1 file of 3.0 MiB, more than sandbox.disk_mb=2: set sandbox.disk_mb=4"),
        ({str(n): b"x" for n in range(800)}, "800 files of 3.1 MiB, more than sandbox.disk_mb=2"),
    ],
)
def test_files_that_no_workspace_can_hold_are_refused(files: Any, said: str) -> None:
    assert said in wrong_files(files, 2)


@given(st.dictionaries(st.text(st.sampled_from("ab./\0é\ud800"), max_size=6), st.just(b"x"), max_size=4))
def test_whatever_is_accepted_can_be_written(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    if wrong_files(files, 2):
        return
    home = tmp_path_factory.mktemp("home")
    for name, content in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert {os.path.relpath(path, home) for path in home.rglob("*") if path.is_file()} == set(files)


@pytest.mark.parametrize(
    ("agents", "said"),
    [
        ([], "no agents"),
        ([1], "an item as int"),
        ([ScriptedAgent("a", (), weight=-1)], "the agent 'a' with the weight -1"),
        ([ScriptedAgent("a", (), weight="x")], "with the weight 'x'"),  # type: ignore[arg-type]
        ([ScriptedAgent("a", (), weight=0)], "only agents of weight 0"),
        ([ScriptedAgent("a", (1,))], "a turn as int"),  # type: ignore[arg-type]
        ([ScriptedAgent("a", (ScriptedTurn(60),))], "a turn whose tokens are not Tokens"),  # type: ignore[arg-type]
        ([ScriptedAgent("a", (ScriptedTurn(Tokens(float("nan"))),))], "a turn whose tokens are not Tokens"),
        ([ScriptedAgent("a", (ScriptedTurn(Tokens(1), None),))], "a turn whose text is NoneType"),  # type: ignore[arg-type]
        ([ScriptedAgent("a", (ScriptedTurn(Tokens(1), "", ({"name": "x"},)),))], "a call that is no"),
        ([submitting({1, 2})], "a call of submit_answer whose input is not JSON"),
    ],
)
def test_agents_that_nobody_can_play_are_refused(agents: Any, said: str) -> None:
    assert said in wrong_agents(agents)


def test_a_schema_that_nests_without_end_is_refused() -> None:
    endless: dict[str, Any] = {"type": "object"}
    endless["properties"] = endless
    assert "is not JSON" in wrong_schema(endless)


@pytest.mark.parametrize("files", ["'text'", "{'../x': b''}", "{'a': bytes(65 << 20)}", "{'a': 'b'}", "3"])
def test_wrong_files_end_a_launch_before_anything_is_written(
    files: str, own_task: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = own_task(IN_SPEC, f"bad = Spec(run); bad.files = {files}; return bad")
    assert main([f"task={name}", "model=oracle"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and '"def spec(self, problem):"' in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conf", "tasks"]


def test_a_knob_whose_value_stands_in_python_alone_is_named_with_its_line(
    own_task: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = own_task("class Look:", "", "    size: int", "", IN_SPEC, "assert self.config.depth == 4, self.config.depth")
    source = tmp_path / "tasks" / name / "__init__.py"
    source.write_text(source.read_text().replace("    size: int\n", "    size: int\n    depth: int = 3\n"))
    assert main([f"task={name}", "task.depth=4", "model=oracle"]) == 2
    said = capsys.readouterr().err
    assert 'its value is set in "depth: int = 3"' in said and "write +task.depth=4" in said
    assert main([f"task={name}", "+task.depth=4", "model=oracle", "runs.count=1"]) == 0
    assert main([f"task={name}", "task.dept=4", "model=oracle"]) == 2
    assert "did you mean task.depth=4?" in capsys.readouterr().err
