"""Submitted source: the Python program in an answer, whatever stands around it."""

from __future__ import annotations

import warnings
from typing import Any

from evalkit.task.grade import Fault, preview, readings

MOST_CHARACTERS = 100_000


def read_source(answer: Any, function: str) -> str | Fault:
    """The source in an answer, without a Markdown fence; the last fenced one that defines the function counts.

    A `Fault` of the category `parse_error` where there is none.
    """
    if not isinstance(answer, str):
        return Fault("parse_error", f"The answer is not Python source but {preview(answer)}")
    if len(answer) > MOST_CHARACTERS:
        return Fault("parse_error", f"The answer has {len(answer):,} characters, more than {MOST_CHARACTERS:,}")
    fault = Fault("parse_error", "The answer is empty")
    for source in readings(answer):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "\\d" in a docstring is no mistake
                compile(source, "<submission>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            fault = Fault("parse_error", f"The answer is not Python: {str(error)[:200]}")
            continue
        if function in source:
            return source
        fault = Fault("parse_error", f"The answer defines no function {function}")
    return fault
