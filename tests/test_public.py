"""What `import evalkit` offers: the same names to Python, to type checkers, and to whoever reads this list."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import evalkit
from evalkit.task.problem import Problem
from evalkit.task.registry import _check_parts, check_specs
from tests import typed_task

NAMES = [
    "Attempt",
    "Builtins",
    "Call",
    "Check",
    "Ending",
    "Fault",
    "FunctionReply",
    "Grade",
    "GradingContext",
    "GradingSandbox",
    "HasArtifacts",
    "HasDirections",
    "HasFiles",
    "HasFolder",
    "HasHidden",
    "HasKnown",
    "HasNeedsSubmission",
    "HasPlay",
    "HasPreload",
    "HasProblems",
    "HasReferenceSource",
    "HasRules",
    "HasShownSchema",
    "HasSolution",
    "HasStatedAccuracy",
    "HasSystem",
    "HasTaskKind",
    "HasValues",
    "Limits",
    "ListFiles",
    "McpServer",
    "Measurement",
    "MeasuresMany",
    "Outcome",
    "Output",
    "PURE",
    "Problem",
    "ProviderError",
    "PythonExpression",
    "ReadFile",
    "Rollout",
    "Run",
    "Sandbox",
    "SandboxError",
    "Scalable",
    "ScriptedAgent",
    "ScriptedTurn",
    "Session",
    "Shell",
    "Spec",
    "Submission",
    "SubmitAnswer",
    "Task",
    "TaskError",
    "Tensor",
    "Tokens",
    "Tool",
    "ToolContext",
    "ToolError",
    "ToolResult",
    "Turn",
    "UserError",
    "WriteFile",
    "as_number",
    "at_least",
    "at_most",
    "between",
    "clip",
    "close",
    "equal",
    "fault_of",
    "load",
    "load_agents",
    "preview",
    "readings",
    "submitting",
    "tool",
    "within",
]


def test_the_public_names_are_these() -> None:
    assert sorted(evalkit.__all__) == sorted(["__version__", *NAMES])


def test_type_checkers_see_what_python_finds() -> None:
    """Each name is imported `as` itself, from the module where Python finds it."""
    tree = ast.parse(inspect.getsource(evalkit))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module != "typing"]
    static = {name.asname: node.module for node in imports for name in node.names if name.asname == name.name}
    static.pop(None, None)
    assert static == evalkit._MODULE
    for name in NAMES:
        assert getattr(evalkit, name) is getattr(sys.modules[static[name]], name)


def test_a_typed_task_is_held_against_the_protocols_and_is_one() -> None:
    """`python -m mypy` checks the file; that it really is a task is checked here."""
    settings = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert "tests/typed_task.py" in settings["tool"]["mypy"]["files"] and settings["tool"]["mypy"]["strict"]
    _check_parts("typed", typed_task.Mine)
    check_specs(typed_task.Mine(typed_task.Knobs(1)), Problem.seeded(0))


def test_importing_evalkit_imports_nothing_else() -> None:
    show = "import sys, evalkit; print([name for name in sys.modules if name.startswith('evalkit')])"
    assert subprocess.run([sys.executable, "-c", show], capture_output=True, text=True).stdout == "['evalkit']\n"
