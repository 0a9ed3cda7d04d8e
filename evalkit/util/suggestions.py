"""Suggestions for misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `word`, if any is."""
    by_case = {name.lower(): name for name in known}
    matches = difflib.get_close_matches(word.lower(), by_case, n=1, cutoff=0.6)
    return by_case[matches[0]] if matches else None


def suggestion(word: str, known: Iterable[str], form: str = "{}") -> str:
    """The end of an error's sentence: `: did you mean task=arithmetic?`, or what there is, written as `form`."""
    names = sorted(known)
    if match := nearest(word, names):
        return f": did you mean {form.format(match)}?"
    if not names:
        return ""
    return f": there {'is' if len(names) == 1 else 'are'} {', '.join(names)}"
