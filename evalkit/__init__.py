"""evalkit: measure, map and tune the difficulty of reinforcement-learning tasks for language models.

What task authors and notebooks need can be imported from here; everything else is private to the engine.
Names are loaded when they are used, so that `import evalkit` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# What type checkers see, each name exported on purpose (`as`); `_HOME` says the same to Python.
if TYPE_CHECKING:
    from evalkit.errors import ProviderError as ProviderError
    from evalkit.errors import SandboxError as SandboxError
    from evalkit.errors import TaskError as TaskError
    from evalkit.errors import ToolError as ToolError
    from evalkit.errors import UserError as UserError
    from evalkit.grading import Check as Check
    from evalkit.grading import Fault as Fault
    from evalkit.grading import Grade as Grade
    from evalkit.grading import Measurement as Measurement
    from evalkit.grading import as_number as as_number
    from evalkit.grading import preview as preview
    from evalkit.grading import readings as readings
    from evalkit.grading import within as within
    from evalkit.limits import Limits as Limits
    from evalkit.limits import clip as clip
    from evalkit.results import load as load
    from evalkit.rollout import Ending as Ending
    from evalkit.rollout import Rollout as Rollout
    from evalkit.rollout import Submission as Submission
    from evalkit.rollout import Turn as Turn
    from evalkit.run import Outcome as Outcome
    from evalkit.run import Run as Run
    from evalkit.sandbox.api import Call as Call
    from evalkit.sandbox.api import Output as Output
    from evalkit.sandbox.api import Sandbox as Sandbox
    from evalkit.sandbox.api import Session as Session
    from evalkit.sandbox.wire import Tensor as Tensor
    from evalkit.scripted import ScriptedAgent as ScriptedAgent
    from evalkit.scripted import ScriptedTurn as ScriptedTurn
    from evalkit.scripted import Tokens as Tokens
    from evalkit.scripted import load_agents as load_agents
    from evalkit.scripted import submitting as submitting
    from evalkit.task import Spec as Spec
    from evalkit.task import Task as Task
    from evalkit.tool import PythonExpression as PythonExpression
    from evalkit.tool import SubmitAnswer as SubmitAnswer
    from evalkit.tool import Tool as Tool
    from evalkit.tool import ToolContext as ToolContext
    from evalkit.tool import ToolResult as ToolResult

_HOME = {
    "evalkit.errors": ("ProviderError", "SandboxError", "TaskError", "ToolError", "UserError"),
    "evalkit.grading": ("Check", "Fault", "Grade", "Measurement", "as_number", "preview", "readings", "within"),
    "evalkit.limits": ("Limits", "clip"),
    "evalkit.results": ("load",),
    "evalkit.rollout": ("Ending", "Rollout", "Submission", "Turn"),
    "evalkit.run": ("Outcome", "Run"),
    "evalkit.sandbox.api": ("Call", "Output", "Sandbox", "Session"),
    "evalkit.sandbox.wire": ("Tensor",),
    "evalkit.scripted": ("ScriptedAgent", "ScriptedTurn", "Tokens", "load_agents", "submitting"),
    "evalkit.task": ("Spec", "Task"),
    "evalkit.tool": ("PythonExpression", "SubmitAnswer", "Tool", "ToolContext", "ToolResult"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE)]

if not TYPE_CHECKING:  # else every misspelt name would be `Any` to a type checker

    def __getattr__(name):
        if name not in _MODULE:
            raise AttributeError(f"module 'evalkit' has no attribute {name!r}")
        return getattr(importlib.import_module(_MODULE[name]), name)

    def __dir__():
        return __all__
