"""Exceptions of evalkit, by whose fault they are."""


class UserError(Exception):
    """The input was wrong. One sentence that contains the fix; exit status 2, no traceback."""


class ProviderError(Exception):
    """The model's provider failed and kept failing. The rollout ends as `error`, never as a failure of the model."""


class SandboxError(Exception):
    """The sandbox itself failed (not the code in it). The run is an `error`, never a failure of the model."""


class StorageError(Exception):
    """The store or the output directory cannot be written any more. One sentence with the fix; exit status 1.

    No new run starts, and what is finished is analysed.
    """


class LostFilesError(Exception):
    """Files that a rollout left to be graded are not there any more: the run is an `error`. One sentence."""


class TaskError(Exception):
    """A task's own code failed. The run is an `error` with the traceback in log and report; the others go on."""

    def __init__(self, message: str, traceback: str = "") -> None:
        """`message`: one sentence. `traceback`: that of the author's code, in several lines; empty if it has none."""
        super().__init__(message)
        self.traceback = traceback


class ToolError(Exception):
    """For a task's own tools to raise: its text is told to the model, like `ToolResult(text, is_error=True)`."""


class ClaimLostError(Exception):
    """Another process took the run over; nothing may be written to it any more."""
