"""Tools, where task plugins of before 0.1 import them from; `from evalkit import Tool` is the way for new ones."""

from evalkit.task.tools import PythonExpression as PythonExpression
from evalkit.task.tools import SubmitAnswer as SubmitAnswer
from evalkit.task.tools import Tool as Tool
from evalkit.task.tools import ToolContext as ToolContext
from evalkit.task.tools import ToolResult as ToolResult
