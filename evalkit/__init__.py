"""evalkit: measure, map and tune the difficulty of reinforcement-learning tasks for language models.

What task authors and notebooks need can be imported from here; everything else is private to the engine.
Names are loaded when they are used, so that `import evalkit` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from evalkit.errors import ProviderError, SandboxError, UserError
    from evalkit.grading import Check, Fault, Grade, Measurement, as_number, preview, within
    from evalkit.limits import Limits, clip
    from evalkit.rollout import Ending, Rollout, Submission, Turn
    from evalkit.run import Outcome, Run
    from evalkit.sandbox.api import Call, Output, Sandbox, Session
    from evalkit.sandbox.wire import Tensor
    from evalkit.scripted import ScriptedAgent, ScriptedTurn, Tokens, load_agents, submitting
    from evalkit.task import Spec, Task
    from evalkit.tool import PythonExpression, SubmitAnswer, Tool, ToolContext, ToolResult

_HOME = {
    "evalkit.errors": ("ProviderError", "SandboxError", "UserError"),
    "evalkit.grading": ("Check", "Fault", "Grade", "Measurement", "as_number", "preview", "within"),
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


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module 'evalkit' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE[name]), name)


def __dir__() -> list[str]:
    return __all__
