"""JSON that a model wrote, however deep it nests: everything that reads or writes JSON recurses, so depth is cut."""

from __future__ import annotations

import json
import re
from typing import Any

DEPTH = 100
"""Levels of nesting that are kept; nobody means more."""
NOTE = '"(nested too deep)"'

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def loads(text: str | bytes) -> Any:
    """`json.loads`, with a note in place of what nests deeper than `DEPTH` if it is too deep to parse.

    Raises ValueError for what is no JSON, never RecursionError.
    """
    try:
        return json.loads(text)
    except RecursionError:
        return json.loads(_pruned(text if isinstance(text, str) else text.decode("utf-8", "replace")))


def _pruned(text: str) -> str:
    parts, depth, kept_to = [], 0, 0
    for match in _TOKENS.finditer(text):
        if match[0] in "[{":
            if depth == DEPTH:
                parts += [text[kept_to : match.start()], NOTE]
            depth += 1
        elif match[0] in "]}":
            depth -= 1
            if depth == DEPTH:
                kept_to = match.end()
    return "".join(parts) + text[kept_to:]
