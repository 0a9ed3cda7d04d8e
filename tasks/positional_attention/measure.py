"""From a submission, which may be anything, to its errors. Nothing in here raises for what an answer holds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from evalkit.task.grade import Fault, Measurement, preview, readings

from .diagnosis import diagnose
from .reference import Array, removed_positions
from .spec import Spec

FLAG = "causal_mask_applied"
LONGEST_TEXT = 4_000_000
"""Characters: many times what the largest configurable answer needs."""


def measure(answer: Any, spec: Spec) -> Measurement:
    """Errors, flag and evidence of the mask, or the first fault in the form of the answer."""
    answer = _object(answer)
    if isinstance(answer, Fault):
        return Measurement(fault=answer)
    fault = _wrong_keys(answer, spec) or _wrong_types(answer, spec)
    if fault:
        return Measurement({"keys": [preview(key) for key in list(answer)[:20]]}, fault)
    seen = {"keys": list(answer), "shapes": {key: _shape(answer[key]) for key in spec.shapes}, "flag": answer[FLAG]}
    fault = _wrong_shapes(answer, spec)
    if fault:
        return Measurement(seen, fault)
    matrices = {key: _array(answer[key]) for key in spec.shapes}
    fault = _not_finite(matrices)
    if fault:
        return Measurement(seen, fault)
    return Measurement(seen | _facts(matrices, spec))


def _facts(matrices: Mapping[str, Array], spec: Spec) -> dict[str, Any]:
    removed = removed_positions(spec.mask, spec.length)
    weights = [matrices[f"head{h}_attention_weights"] for h, _ in enumerate(spec.heads, 1)]
    return {
        "errors": {key: float(np.abs(matrix - spec.exact[key]).max()) for key, matrix in matrices.items()},
        "masked_weight": max(float(np.abs(w[removed]).max()) for w in weights),
        "diagnosis": diagnose(matrices, spec),
    }


def _object(answer: Any) -> dict[str, Any] | Fault:
    """The answer as an object; text that holds one is read, because models send that."""
    if not isinstance(answer, str):
        return answer if isinstance(answer, dict) else _parse_error(f"{preview(answer)}, not a JSON object")
    if len(answer) > LONGEST_TEXT:
        return _parse_error(f"a text of {len(answer):,} characters, longer than any answer")
    fault = _parse_error("an empty text")
    for text in readings(answer):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            fault = _parse_error(f"text that is not JSON ({str(error)[:80]})")
            continue
        if isinstance(found, dict):
            return found
        fault = _parse_error(f"{preview(found)}, not a JSON object")
    return fault


def _parse_error(what: str) -> Fault:
    return Fault("parse_error", f"PARSE ERROR: The answer is {what}")


def _wrong_keys(answer: Mapping[str, Any], spec: Spec) -> Fault | None:
    known = [*spec.shapes, FLAG]
    missing = [key for key in known if key not in answer]
    unknown = [preview(key) for key in answer if key not in known]
    parts = [
        f"{text} {_listed(names)}" for text, names in (("missing keys", missing), ("unknown keys", unknown)) if names
    ]
    return Fault("format_error", f"FORMAT ERROR: {'; '.join(parts)}") if parts else None


def _wrong_types(answer: Mapping[str, Any], spec: Spec) -> Fault | None:
    wrong = []
    for key, (rows, columns) in spec.shapes.items():
        stranger = _stranger(answer[key], rows * columns)
        if stranger is not None:
            wrong.append(f"{key} {stranger}")
    if not isinstance(answer[FLAG], bool):
        wrong.append(f"{FLAG} is {preview(answer[FLAG])}, not true or false")
    return Fault("format_error", f"FORMAT ERROR: {_listed(wrong)}") if wrong else None


def _stranger(matrix: Any, most: int) -> str | None:
    """What in `matrix` is neither a list nor a number; looks at its first `most` entries, two levels deep."""
    if not isinstance(matrix, list):
        return f"is {preview(matrix)}, not a list of rows"
    for row in matrix[:most]:
        for entry in row[:most] if isinstance(row, list) else [row]:
            if not isinstance(entry, int | float | list) or isinstance(entry, bool):
                return f"holds {preview(entry)}, not a number"
    return None


def _shape(matrix: list[Any]) -> list[int] | None:
    """Lengths along the axes, as far as all parts agree; None for a ragged matrix."""
    shape, level = [len(matrix)], matrix
    while level and len(shape) < 4:
        lists = [isinstance(part, list) for part in level]
        if not any(lists):
            break
        if not all(lists) or len({len(part) for part in level}) > 1:
            return None
        shape.append(len(level[0]))
        level = level[0]
    return shape


def _wrong_shapes(answer: Mapping[str, Any], spec: Spec) -> Fault | None:
    wrong = []
    for key, (rows, columns) in spec.shapes.items():
        matrix = answer[key]
        flat = len(matrix) == rows and all(
            isinstance(row, list) and len(row) == columns and not any(isinstance(entry, list) for entry in row)
            for row in matrix
        )
        if not flat:
            shape = _shape(matrix)
            got = "x".join(map(str, shape)) if shape else "ragged"
            wrong.append(f"{key} is {got}, expected {rows}x{columns}")
    return Fault("shape_error", f"SHAPE ERROR: {_listed(wrong)}") if wrong else None


def _array(matrix: list[list[float]]) -> Array:
    """As float64; integers that no float can hold become infinite."""
    return np.array([[_float(entry) for entry in row] for row in matrix])


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _not_finite(matrices: Mapping[str, Array]) -> Fault | None:
    wrong = []
    for key, matrix in matrices.items():
        places = np.argwhere(~np.isfinite(matrix))
        if len(places):
            row, column = places[0]
            wrong.append(f"{key}[{row}][{column}] is {matrix[row, column]}")
    return Fault("non_finite", f"NOT FINITE: {_listed(wrong)}") if wrong else None


def _listed(items: Iterable[str], most: int = 4) -> str:
    items = list(items)
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")
