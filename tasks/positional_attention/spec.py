"""One problem: the prompt, the answer's form, the right answer and the data, all from the same values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from evalkit.task.tools import PythonExpression, SubmitAnswer, Tool

if TYPE_CHECKING:
    from .reference import Array, Recipe

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Spec:
    """The problem of one run. Matrices are `[sequence_length, width]`."""

    heads: tuple[tuple[int, int], ...]
    """Columns of queries and keys, and of values, of each head."""
    values_from: str
    mask: str
    position_encoding: str
    residual: bool
    layer_norm: bool
    stated_accuracy: float
    Q: Matrix
    K: Matrix
    V: Matrix
    pos_emb: Matrix | None
    """None where the prompt gives no table."""

    @property
    def length(self) -> int:
        """Positions."""
        return len(self.Q)

    @property
    def width(self) -> int:
        """Columns of every matrix of the data."""
        return len(self.Q[0])

    @property
    def encoding(self) -> Matrix:
        """What is added to Q, K and V, `[length, width]`."""
        if self.position_encoding == "sinusoidal":
            return sinusoidal(self.length, self.width)
        return self.pos_emb or tuple((0.0,) * self.width for _ in range(self.length))

    @cached_property
    def prompt(self) -> str:
        """What the model is asked."""
        from .prompt import render

        return render(self)

    @cached_property
    def shapes(self) -> Mapping[str, tuple[int, int]]:
        """Every matrix of the answer and its shape, in the order of the answer."""
        n, heads = self.length, list(enumerate(self.heads, 1))
        shapes = {} if self.position_encoding == "none" else {"position_encoded_queries": (n, self.width)}
        shapes |= {f"head{h}_attention_weights": (n, n) for h, _ in heads}
        shapes |= {f"head{h}_output": (n, v) for h, (_, v) in heads}
        shapes["final_output"] = (n, self.width)
        if self.layer_norm:
            shapes["layer_normalized_output"] = (n, self.width)
        return shapes

    @cached_property
    def answer_schema(self) -> Mapping[str, Any]:
        """The form of the answer, shown to the model."""
        from .prompt import meanings

        texts = meanings(self)
        properties: dict[str, Any] = {
            key: {
                "type": "array",
                "description": f"{rows}x{columns}: {texts[key]}",
                "minItems": rows,
                "maxItems": rows,
                "items": {"type": "array", "items": {"type": "number"}, "minItems": columns, "maxItems": columns},
            }
            for key, (rows, columns) in self.shapes.items()
        }
        properties["causal_mask_applied"] = {"type": "boolean", "description": texts["causal_mask_applied"]}
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    @property
    def tools(self) -> Sequence[Tool]:
        """What the model may call."""
        return PythonExpression(preload=("numpy",)), SubmitAnswer(self.answer_schema)

    @property
    def recipe(self) -> Recipe:
        """How the right answer is computed."""
        from .reference import Recipe

        return Recipe(self.values_from, self.mask, "encoded" if self.residual else "none")

    @cached_property
    def exact(self) -> Mapping[str, Array]:
        """The right answer, without the flag."""
        from .reference import compute

        return compute(self, self.recipe)

    @property
    def rules(self) -> Mapping[str, str]:
        """Every rule that the grader enforces → the words of the prompt that state it."""
        from .prompt import requirements

        return requirements(self)

    def scaled(self, factor: float) -> Spec:
        """The same problem with larger numbers, for audits."""
        larger = {name: _times(getattr(self, name), factor) for name in ("Q", "K", "V")}
        return replace(self, pos_emb=self.pos_emb and _times(self.pos_emb, factor), **larger)

    @property
    def facts(self) -> dict[str, Any]:
        """What the prompt tells, as JSON: the argument of every program in solutions/."""
        facts: dict[str, Any] = {name: [list(row) for row in getattr(self, name)] for name in ("Q", "K", "V")}
        if self.pos_emb is not None:
            facts["pos_emb"] = [list(row) for row in self.pos_emb]
        facts["heads"] = [list(head) for head in self.heads]
        names = ("values_from", "mask", "position_encoding", "residual", "layer_norm")
        return facts | {name: getattr(self, name) for name in names}


def _times(matrix: Matrix, factor: float) -> Matrix:
    return tuple(tuple(entry * factor for entry in row) for row in matrix)


def sinusoidal(length: int, width: int) -> Matrix:
    """Sines in even and cosines in odd columns (Vaswani et al. 2017, section 3.5), positions from 0."""
    from math import cos, sin

    def entry(position: int, column: int) -> float:
        angle = position / 10000 ** ((column - column % 2) / width)
        return cos(angle) if column % 2 else sin(angle)

    return tuple(tuple(entry(p, c) for c in range(width)) for p in range(length))
