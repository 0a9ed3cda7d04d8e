"""Tools: what a model can call, and those that every task can use."""

from evalkit.task.tools.files import ListFiles as ListFiles
from evalkit.task.tools.files import ReadFile as ReadFile
from evalkit.task.tools.files import WriteFile as WriteFile
from evalkit.task.tools.functions import FunctionTool as FunctionTool
from evalkit.task.tools.functions import tool as tool
from evalkit.task.tools.mcp_server import McpServer as McpServer
from evalkit.task.tools.mcp_server import McpTool as McpTool
from evalkit.task.tools.protocol import NoSandbox as NoSandbox
from evalkit.task.tools.protocol import Told as Told
from evalkit.task.tools.protocol import Tool as Tool
from evalkit.task.tools.protocol import ToolContext as ToolContext
from evalkit.task.tools.protocol import ToolResult as ToolResult
from evalkit.task.tools.protocol import called_wrongly as called_wrongly
from evalkit.task.tools.ready import PythonExpression as PythonExpression
from evalkit.task.tools.ready import SubmitAnswer as SubmitAnswer
from evalkit.task.tools.shell import Shell as Shell

OWN = (PythonExpression, SubmitAnswer, ReadFile, WriteFile, ListFiles, Shell)
"""What runs on the launch's loop; a class that is derived from one of them may do anything, and does not."""
