"""The wording of the task: every sentence that depends on a knob, and the template prompt.md around them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .spec import Matrix, Spec

EPSILON_TEXT = "1e-5"


def render(spec: Spec) -> str:
    """The whole prompt."""
    template = Template(Path(__file__).with_name("prompt.md").read_text(encoding="utf-8"))
    names = ["Q", "K", "V"] + (["pos_emb"] if spec.pos_emb is not None else [])
    return template.substitute(
        length=spec.length,
        width=spec.width,
        matrices="\n".join(f"{name} = {_numbers(getattr(spec, name))}" for name in names),
        encoding=_encoding(spec),
        count_heads=_count(spec),
        heads="\n".join(_head_lines(spec)),
        values_note=_values_note(spec),
        removed=removed(spec),
        mask_note=_mask_note(spec),
        final=_final(spec),
        layer_norm_step=_layer_norm(spec),
        keys="\n".join(_key_lines(spec)),
        accuracy=f"{spec.stated_accuracy:g}",
        decimals=decimals(spec),
    )


def removed(spec: Spec) -> str:
    """The condition under which the mask removes score `A[i, j]`."""
    return {"past": "i > j", "future": "j > i"}[spec.mask]


def values_matrix(spec: Spec) -> str:
    """The matrix that the values are columns of."""
    return {"queries": "Q_pos", "values": "V_pos"}[spec.values_from]


def decimals(spec: Spec) -> int:
    """Decimals that keep the rounding error well below the stated accuracy."""
    return math.ceil(-math.log10(spec.stated_accuracy)) + 1


def requirements(spec: Spec) -> dict[str, str]:
    """Every rule that the grader enforces → the words in the prompt that state it."""
    rules = {
        "heads": "Take exactly these columns",
        "values_from": _values_note(spec),
        "scores": "Scores: `A[i, j] = Q_h[i] · K_h[j] / sqrt(d_k)`",
        "mask": f"Mask: `A[i, j] = -inf` where `{removed(spec)}`. {_mask_note(spec)}",
        "softmax": "`W_h = softmax(A)` over j, so that every row of W_h sums to 1",
        "masked_weight": "the weights at masked positions are exactly 0",
        "head_output": "Output: `O_h = W_h · V_h`",
        "final_output": _final(spec),
        "flag": "`causal_mask_applied`: true if",
        "keys": "one object with exactly these keys",
        "shapes": "the shapes must be exactly as stated",
        "numbers": "NaN, infinities and numbers written as text are not accepted",
        "accuracy": f"right when it is less than {spec.stated_accuracy:g} away from the exact one",
    }
    if spec.position_encoding != "none":
        rules["position_encoding"] = _encoding(spec)
    if spec.layer_norm:
        rules["layer_norm"] = _layer_norm(spec).strip()
    return rules


def meanings(spec: Spec) -> Mapping[str, str]:
    """What each key of the answer holds."""
    texts = {"position_encoded_queries": "Q_pos", "causal_mask_applied": "true if the mask of step 3 was applied"}
    for h, _ in enumerate(spec.heads, 1):
        texts[f"head{h}_attention_weights"] = f"W_{h}, the weights of head {h} after mask and softmax"
        texts[f"head{h}_output"] = f"O_{h}, the output of head {h}"
    texts["final_output"] = "the result of step 4"
    texts["layer_normalized_output"] = "the result of step 5"
    return texts


def _numbers(matrix: Matrix) -> str:
    return "[" + ", ".join("[" + ", ".join(map(repr, row)) + "]" for row in matrix) + "]"


def _encoding(spec: Spec) -> str:
    if spec.position_encoding == "none":
        return "there is none in this task. `Q_pos = Q`, `K_pos = K`, `V_pos = V`."
    added = "`Q_pos = Q + pos_emb`, `K_pos = K + pos_emb`, `V_pos = V + pos_emb`."
    if spec.position_encoding == "given":
        return added
    return (
        "`pos_emb[p, c]` for row p and column c is `sin(p / 10000**(c / d))` in even columns and "
        f"`cos(p / 10000**((c - 1) / d))` in odd columns, with d = {spec.width}. {added}"
    )


def _count(spec: Spec) -> str:
    if len(spec.heads) == 1:
        return "One head"
    return f"{len(spec.heads)} heads" + (" of unequal size" if len(set(spec.heads)) > 1 else "")


def _head_lines(spec: Spec) -> list[str]:
    lines, qk_start, v_start = [], 0, 0
    for h, (qk, v) in enumerate(spec.heads, 1):
        part = f"{qk_start}:{qk_start + qk}"
        lines.append(
            f"   - Head {h}: `Q_{h} = Q_pos[:, {part}]`, `K_{h} = K_pos[:, {part}]`, "
            f"`V_{h} = {values_matrix(spec)}[:, {v_start}:{v_start + v}]`"
        )
        qk_start, v_start = qk_start + qk, v_start + v
    return lines


def _values_note(spec: Spec) -> str:
    if spec.values_from == "queries":
        return (
            "**The values V_h are columns of `Q_pos`, not of `V_pos`.** This is intended, although it is unusual; "
            "`V_pos` is used nowhere."
        )
    return "The values V_h are columns of `V_pos`."


def _mask_note(spec: Spec) -> str:
    if spec.mask == "past":
        return (
            "**The mask removes the past: position i attends to itself and to LATER positions only (j >= i).** "
            "This is intended, although it is the opposite of the usual causal mask."
        )
    return "The mask removes the future: position i attends to itself and to earlier positions only (j <= i)."


def _final(spec: Spec) -> str:
    parts = ", ".join(f"O_{h}" for h, _ in enumerate(spec.heads, 1))
    joined = f"concatenate([{parts}], axis=1)"
    shape = f"{spec.length}x{spec.width}"
    if spec.residual:
        return f"Residual connection: `final_output = {joined} + Q_pos` ({shape})."
    return f"`final_output = {joined}` ({shape})."


def _layer_norm(spec: Spec) -> str:
    if not spec.layer_norm:
        return ""
    return (
        "5. Layer norm without gain and bias, over the columns of each row: "
        "`layer_normalized_output = (final_output - mean) / sqrt(variance + "
        f"{EPSILON_TEXT})`, with the population variance (divided by the number of columns).\n"
    )


def _key_lines(spec: Spec) -> list[str]:
    texts = meanings(spec)
    lines = [f"- `{key}`: {rows}x{columns}, {texts[key]}" for key, (rows, columns) in spec.shapes.items()]
    return [*lines, f"- `causal_mask_applied`: {texts['causal_mask_applied']}"]
