"""Wrong answers that fit any task: made of the right answer, or of the function that it is."""

from __future__ import annotations

import ast
import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from evalkit.audit.labelled_solutions import Solution
from evalkit.audit.values import is_matrix, numbers, replaced
from evalkit.task.optional_parts import accuracy_of, files_of
from evalkit.task.protocol import Spec
from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens

SHARE = 0.75
"""Of the stated accuracy: right beyond doubt, and not by much."""


def answers(problems: Sequence[tuple[Spec, Any]]) -> list[Solution]:
    """Generic wrong answers. `problems`: every spec with what the oracle submits to it."""
    right = problems[0][1]
    function = function_in(right)
    if function:
        return [Solution("answers", name, source, about=about) for name, about, source in _sources(right, function)]
    if numbers(right) is None:
        return []
    known = _Changed(problems)
    return [
        Solution("answers", name, build=partial(known, name), about=about) for name, about, _ in _changed(plain(right))
    ]


def as_exact_as_asked(problems: Sequence[tuple[Spec, Any]]) -> list[Solution]:
    """Right answers that are just as exact as the prompt asks; none where it states no accuracy."""
    spec, right = problems[0]
    accuracy = accuracy_of(spec)
    function = function_in(right)
    if accuracy is None or (not function and numbers(right) is None):
        return []
    found = []
    for name, share in (("a_little_above", SHARE), ("a_little_below", -SHARE)):
        about = f"every number off by {abs(share):.0%} of the accuracy that the prompt states"
        if function:
            source = _spoiling(right, function, f"result + {share * accuracy!r}")
            found.append(Solution("correct", name, source, about=about))
        else:
            moved = _Moved(problems, share)
            found.append(Solution("correct", name, build=moved, about=about))
    return found


class _Changed:
    """What a generic change makes of the right answer to a problem."""

    def __init__(self, problems: Sequence[tuple[Spec, Any]]) -> None:
        self._right = {id(spec): plain(right) for spec, right in problems}
        self._made: dict[int, dict[str, Any]] = {}

    def __call__(self, name: str, spec: Spec) -> Any:
        if id(spec) not in self._made:
            self._made[id(spec)] = {key: answer for key, _, answer in _changed(self._right[id(spec)])}
        return self._made[id(spec)].get(name)


class _Moved:
    """The right answer with every number moved by a share of the stated accuracy."""

    def __init__(self, problems: Sequence[tuple[Spec, Any]], share: float) -> None:
        self._right = {id(spec): plain(right) for spec, right in problems}
        self._share = share

    def __call__(self, spec: Spec) -> Any:
        step = self._share * (accuracy_of(spec) or 0.0)
        return replaced(self._right[id(spec)], lambda x: x + step)


def plain(right: Any) -> Any:
    """A right answer that was submitted as text, as what it says."""
    if not isinstance(right, str):
        return right
    found = numbers(right)
    if found is None:
        return right
    return found[""] if "" in found else json.loads(right)


def starts(spec: Spec) -> list[Solution]:
    """What is there before anything is done: no submission, and empty ones."""
    silent = ScriptedAgent("noop", (ScriptedTurn(Tokens(1), "I would rather not."),))
    found = [Solution("starts", "noop", agent=lambda task, spec: silent, about="ends its turn without a submission")]
    empty: dict[str, Any] = {
        "null": None,
        "empty_text": "",
        "empty_object": {},
        "empty_list": [],
        "false": False,
        "true": True,
        "zero": 0,
    }
    for name, answer in empty.items():
        found.append(Solution("starts", name, answer=answer, about=f"submits {json.dumps(answer)}", constant=True))
    found.append(Solution("starts", "prompt", answer=spec.prompt, about="submits the prompt"))
    for number, block in enumerate(_code_blocks(spec.prompt), 1):
        found.append(Solution("starts", f"code_in_prompt_{number}", answer=block, about="submits code of the prompt"))
    for path, content in files_of(spec).items():
        text = content.decode("utf-8", "replace")
        found.append(Solution("starts", f"file {path}", answer=text, about="submits an untouched file"))
    return found


def function_in(answer: Any) -> str:
    """The name of the last function that a source defines; empty if it is not a source that defines any."""
    if not isinstance(answer, str):
        return ""
    try:
        tree = ast.parse(answer)
    except (SyntaxError, ValueError, RecursionError):
        return ""
    return next((node.name for node in reversed(tree.body) if isinstance(node, ast.FunctionDef)), "")


def _code_blocks(prompt: str) -> Iterator[str]:
    for part in prompt.split("```")[1::2]:
        yield part.partition("\n")[2]


def _changed(right: Any) -> Iterator[tuple[str, str, Any]]:
    yield "zeros", "every number 0", replaced(right, lambda x: 0)
    yield "ones", "every number 1", replaced(right, lambda x: 1)
    yield "negated", "every number with the other sign", replaced(right, lambda x: -x)
    yield "doubled", "every number twice as large", replaced(right, lambda x: 2 * x)
    yield "not_a_number", "NaN, as text that holds it", json.dumps(replaced(right, lambda x: float("nan")))
    yield "infinite", "infinity, as text that holds it", json.dumps(replaced(right, lambda x: float("inf")))
    yield "huge", "10^400, which no float holds", replaced(right, lambda x: 10**400)
    yield "wrapped", "the right answer in a list", [right]
    if isinstance(right, int | float):
        yield "off_by_one", "one too many", right + 1
        return
    for name, about, change in (
        ("uniform", "every row of a matrix its mean", _uniform),
        ("transposed", "every matrix transposed", lambda m: [list(column) for column in zip(*m, strict=True)]),
        ("rows_reversed", "the rows of every matrix in reverse", lambda m: m[::-1]),
        ("rows_shifted", "the rows of every matrix one place on", lambda m: m[-1:] + m[:-1]),
        ("columns_shifted", "the columns of every matrix one place on", lambda m: [row[-1:] + row[:-1] for row in m]),
        ("truncated", "every matrix without its last row", lambda m: m[:-1]),
        ("longer", "every matrix with its last row twice", lambda m: [*m, m[-1]]),
        ("flattened", "every matrix as one row", lambda m: [entry for row in m for entry in row]),
    ):
        yield name, about, _matrices(right, change)
    if isinstance(right, Mapping):
        yield from _by_key(right)


def _by_key(right: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """One key wrong, all others right."""
    for key, value in right.items():
        rest = {name: copy.deepcopy(other) for name, other in right.items() if name != key}
        yield f"without_{key}", f"{key} left out", rest
        if isinstance(value, bool):
            yield f"other_{key}", f"{key} the other way round", {**rest, key: not value}
        else:
            yield f"zero_{key}", f"{key} 0 throughout", {**rest, key: replaced(value, lambda x: 0)}


def _matrices(answer: Any, change: Any) -> Any:
    if is_matrix(answer):
        return change(answer)
    if isinstance(answer, Mapping):
        return {key: _matrices(value, change) for key, value in answer.items()}
    if isinstance(answer, list):
        return [_matrices(value, change) for value in answer]
    return answer


def _uniform(matrix: list[list[float]]) -> list[list[float]]:
    return [[sum(row) / len(row)] * len(row) for row in matrix]


FUNCTIONS = {
    "zeros": ("0 everywhere", "result * 0"),
    "ones": ("1 everywhere", "result * 0 + 1"),
    "uniform": ("the mean of its last axis everywhere", "result * 0 + result.mean(-1)[..., None]"),
    "negated": ("the other sign", "-result"),
    "doubled": ("twice as large", "result * 2"),
    "not_a_number": ("NaN everywhere", 'result * float("nan")'),
    "infinite": ("infinity everywhere", 'result * 0 + float("inf")'),
    "one_not_a_number": ("NaN in its largest entry", "result / (result - result.max()) * (result - result.max())"),
    "wrong_shape": ("an axis too many", "result[None]"),
    "transposed": ("its last two axes exchanged", "result.swapaxes(-1, -2)"),
    "permuted": ("the first axis in reverse", "result.flip(0)"),
    "truncated": ("without the last entry of its last axis", "result[..., :-1]"),
    "first_of_all": ("the first entry of the first axis for all", "result * 0 + result[:1]"),
    "slightly_off": ("every value 20 % too large", "result * 1.2"),
}
"""What is done to the right result."""


def _sources(right: str, function: str) -> Iterator[tuple[str, str, str]]:
    for name, (about, spoilt) in FUNCTIONS.items():
        spoilt = spoilt if "torch" in right else spoilt.replace(".flip(0)", "[::-1]")
        yield name, f"the right result, {about}", _spoiling(right, function, spoilt)


def _spoiling(right: str, function: str, spoilt: str) -> str:
    """The right function, and after it one of the same name that spoils its result."""
    return (
        f"{right}\n\nright_function = {function}\n\n\n"
        f"def {function}(*arguments):\n    result = right_function(*arguments)\n    return {spoilt}\n"
    )
