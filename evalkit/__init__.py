"""evalkit: measure, map and tune the difficulty of reinforcement-learning tasks for language models.

What task authors and notebooks need can be imported from here; everything else is private to the engine.
Names are loaded when they are used, so that `import evalkit` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

# What type checkers see, each name exported on purpose (`as`); `_HOME` says the same to Python.
if TYPE_CHECKING:
    from evalkit.results.reading import load as load
    from evalkit.results.runs import Outcome as Outcome
    from evalkit.results.runs import Run as Run
    from evalkit.rollout.limits import Limits as Limits
    from evalkit.rollout.limits import clip as clip
    from evalkit.rollout.record import Ending as Ending
    from evalkit.rollout.record import Rollout as Rollout
    from evalkit.rollout.record import Submission as Submission
    from evalkit.rollout.record import Turn as Turn
    from evalkit.sandbox.functions import PURE as PURE
    from evalkit.sandbox.protocol import Builtins as Builtins
    from evalkit.sandbox.protocol import Call as Call
    from evalkit.sandbox.protocol import FunctionReply as FunctionReply
    from evalkit.sandbox.protocol import GradingSandbox as GradingSandbox
    from evalkit.sandbox.protocol import Output as Output
    from evalkit.sandbox.protocol import Sandbox as Sandbox
    from evalkit.sandbox.protocol import Session as Session
    from evalkit.sandbox.tensor_bytes import Tensor as Tensor
    from evalkit.task.attempt import Attempt as Attempt
    from evalkit.task.attempt import GradingContext as GradingContext
    from evalkit.task.base import Task as Task
    from evalkit.task.comparisons import at_least as at_least
    from evalkit.task.comparisons import at_most as at_most
    from evalkit.task.comparisons import between as between
    from evalkit.task.comparisons import close as close
    from evalkit.task.comparisons import equal as equal
    from evalkit.task.function_faults import fault_of as fault_of
    from evalkit.task.grade import Check as Check
    from evalkit.task.grade import Fault as Fault
    from evalkit.task.grade import Grade as Grade
    from evalkit.task.grade import Measurement as Measurement
    from evalkit.task.grade import as_number as as_number
    from evalkit.task.grade import preview as preview
    from evalkit.task.grade import readings as readings
    from evalkit.task.grade import within as within
    from evalkit.task.optional_parts import HasArtifacts as HasArtifacts
    from evalkit.task.optional_parts import HasDirections as HasDirections
    from evalkit.task.optional_parts import HasFiles as HasFiles
    from evalkit.task.optional_parts import HasFolder as HasFolder
    from evalkit.task.optional_parts import HasHidden as HasHidden
    from evalkit.task.optional_parts import HasKnown as HasKnown
    from evalkit.task.optional_parts import HasNeedsSubmission as HasNeedsSubmission
    from evalkit.task.optional_parts import HasPlay as HasPlay
    from evalkit.task.optional_parts import HasPreload as HasPreload
    from evalkit.task.optional_parts import HasProblems as HasProblems
    from evalkit.task.optional_parts import HasReferenceSource as HasReferenceSource
    from evalkit.task.optional_parts import HasRules as HasRules
    from evalkit.task.optional_parts import HasShownSchema as HasShownSchema
    from evalkit.task.optional_parts import HasSolution as HasSolution
    from evalkit.task.optional_parts import HasStatedAccuracy as HasStatedAccuracy
    from evalkit.task.optional_parts import HasSystem as HasSystem
    from evalkit.task.optional_parts import HasTaskKind as HasTaskKind
    from evalkit.task.optional_parts import HasValues as HasValues
    from evalkit.task.optional_parts import MeasuresMany as MeasuresMany
    from evalkit.task.optional_parts import Scalable as Scalable
    from evalkit.task.problem import Problem as Problem
    from evalkit.task.protocol import Spec as Spec
    from evalkit.task.scripted_agents import ScriptedAgent as ScriptedAgent
    from evalkit.task.scripted_agents import ScriptedTurn as ScriptedTurn
    from evalkit.task.scripted_agents import Tokens as Tokens
    from evalkit.task.scripted_agents import load_agents as load_agents
    from evalkit.task.scripted_agents import submitting as submitting
    from evalkit.task.tools import ListFiles as ListFiles
    from evalkit.task.tools import McpServer as McpServer
    from evalkit.task.tools import PythonExpression as PythonExpression
    from evalkit.task.tools import ReadFile as ReadFile
    from evalkit.task.tools import Shell as Shell
    from evalkit.task.tools import SubmitAnswer as SubmitAnswer
    from evalkit.task.tools import Tool as Tool
    from evalkit.task.tools import ToolContext as ToolContext
    from evalkit.task.tools import ToolResult as ToolResult
    from evalkit.task.tools import WriteFile as WriteFile
    from evalkit.task.tools import tool as tool
    from evalkit.util.errors import ProviderError as ProviderError
    from evalkit.util.errors import SandboxError as SandboxError
    from evalkit.util.errors import TaskError as TaskError
    from evalkit.util.errors import ToolError as ToolError
    from evalkit.util.errors import UserError as UserError
    from evalkit.util.version import __version__ as __version__

_HOME = {
    "evalkit.util.errors": ("ProviderError", "SandboxError", "TaskError", "ToolError", "UserError"),
    "evalkit.task.attempt": ("Attempt", "GradingContext"),
    "evalkit.task.problem": ("Problem",),
    "evalkit.task.comparisons": ("at_least", "at_most", "between", "close", "equal"),
    "evalkit.task.grade": ("Check", "Fault", "Grade", "Measurement", "as_number", "preview", "readings", "within"),
    "evalkit.rollout.limits": ("Limits", "clip"),
    "evalkit.results.reading": ("load",),
    "evalkit.rollout.record": ("Ending", "Rollout", "Submission", "Turn"),
    "evalkit.results.runs": ("Outcome", "Run"),
    "evalkit.sandbox.functions": ("PURE",),
    "evalkit.sandbox.protocol": ("Builtins", "Call", "FunctionReply", "GradingSandbox", "Output", "Sandbox", "Session"),
    "evalkit.task.function_faults": ("fault_of",),
    "evalkit.sandbox.tensor_bytes": ("Tensor",),
    "evalkit.task.scripted_agents": ("ScriptedAgent", "ScriptedTurn", "Tokens", "load_agents", "submitting"),
    "evalkit.task.optional_parts": (
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
        "MeasuresMany",
        "Scalable",
    ),
    "evalkit.task.protocol": ("Spec",),
    "evalkit.task.base": ("Task",),
    "evalkit.task.tools": (
        "ListFiles",
        "McpServer",
        "PythonExpression",
        "ReadFile",
        "Shell",
        "SubmitAnswer",
        "Tool",
        "ToolContext",
        "ToolResult",
        "WriteFile",
        "tool",
    ),
    "evalkit.util.version": ("__version__",),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE)

if not TYPE_CHECKING:  # else every misspelt name would be `Any` to a type checker

    def __getattr__(name):
        if name not in _MODULE:
            raise AttributeError(f"module 'evalkit' has no attribute {name!r}")
        return getattr(importlib.import_module(_MODULE[name]), name)

    def __dir__():
        return __all__
