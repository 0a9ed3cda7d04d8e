"""A problem of HumanEval as the model meets it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from evalkit import PythonExpression, SubmitAnswer, Tool


@dataclass(frozen=True)
class Spec:
    """One row: `stub` is the function with its docstring and without its body, which is `body`."""

    stub: str
    function: str
    body: str
    tests: str
    time_limit_s: float

    answer_schema: ClassVar[Mapping[str, Any]] = {"type": "string"}

    @property
    def prompt(self) -> str:
        """What the model is asked."""
        return (
            f"Complete the Python function `{self.function}`:\n\n```python\n{self.stub.strip()}\n```\n\n"
            "Submit the whole function as Python source with submit_answer, imports and helpers included; functions "
            "that stand above it in the stub are there. The standard library may be imported. Hidden tests call the "
            f"function with ordinary Python values; all of them together may take {self.time_limit_s:g} seconds. "
            "You can try it out with python_expression."
        )

    @property
    def tools(self) -> Sequence[Tool]:
        """What the model may call."""
        return PythonExpression(), SubmitAnswer(self.answer_schema)

    @property
    def rules(self) -> Mapping[str, str]:
        """Every rule that the grader enforces → the words of the prompt that state it."""
        return {
            "function": f"Complete the Python function `{self.function}`",
            "source": "Submit the whole function as Python source",
            "values": "Hidden tests call the function with ordinary Python values",
            "time": f"all of them together may take {self.time_limit_s:g} seconds",
        }

    @property
    def solution(self) -> str:
        """The canonical solution as a model would submit it."""
        return self.stub + self.body

    @property
    def wrong(self) -> str:
        """A function that returns nothing."""
        return f"{self.stub}    return None\n"

    @property
    def given(self) -> str:
        """What stands above the function in the stub, ready to run."""
        return f"{self.stub}    pass\n"
