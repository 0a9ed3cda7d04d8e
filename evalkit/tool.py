"""Tools, where task plugins of before 0.1 import them from; `from evalkit import Tool` is the way for new ones."""

import sys
import types
from typing import Any

from evalkit.task.tools import PythonExpression as PythonExpression
from evalkit.task.tools import SubmitAnswer as SubmitAnswer
from evalkit.task.tools import Tool as Tool
from evalkit.task.tools import ToolContext as ToolContext
from evalkit.task.tools import ToolResult as ToolResult
from evalkit.task.tools import tool as _tool


class _Callable(types.ModuleType):
    """Once this module was imported, `evalkit.tool` is it: called, it is the function that has the name by right."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        return _tool(*given, **named)


sys.modules[__name__].__class__ = _Callable
