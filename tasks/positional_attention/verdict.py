"""The verdict on a measurement: named checks against thresholds, and the published messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.task.grade import Check, Grade, Measurement

from .knobs import Config

MASK_CATEGORIES = ("missing_mask", "wrong_mask_direction")
FLAG = "causal_mask_applied"


class Rule:
    """What passes under one config.

    Every check is `error < tolerance` or independent of tolerances, and they are joined by `and` and `or` only: a
    looser tolerance never turns a pass into a failure.
    """

    def __init__(self, config: Config) -> None:
        heads = range(1, len(config.heads) + 1)
        self._weights = [f"head{h}_weights" for h in heads]
        self._outputs = [f"head{h}_output" for h in heads]
        finals = ["final_output"] + ["layer_normalized_output"] * config.layer_norm
        every_output = config.require_all_head_outputs
        self._complete = {*self._weights, *finals, *(self._outputs if every_output else ["better_head_output"])}
        self._encoded = config.position_encoding != "none"
        required = {"position_encoding", "better_head_weights", FLAG}
        required |= self._complete if config.success == "full" else set()
        required |= {"mask_respected"} if config.require_mask_evidence else set()
        self._named = self._messages(required)
        bounds = config.tolerances
        plan: list[tuple[str, float | None]] = [("position_encoding", bounds.position_encoding)] * self._encoded
        plan += [(name, bounds.attention_weights) for name in (*self._weights, "better_head_weights")]
        plan += [(FLAG, None), ("mask_respected", bounds.masked_weight)]
        plan += [(name, bounds.output) for name in (*self._outputs, "better_head_output", *finals)]
        self._plan = [(name, bound, name in required) for name, bound in plan]

    def __call__(self, measurement: Measurement) -> Grade:
        """The grade. A pass is exactly: every required check passed."""
        if measurement.fault:
            return Grade.failed(measurement.fault)
        values = measurement.values
        found, flag = self._errors(values), values["flag"]
        checks = tuple(
            [
                Check(name, flag) if bound is None else Check(name, found[name] < bound, found[name], bound, required)
                for name, bound, required in self._plan
            ]
        )
        missed = {check.name for check in checks if not check.passed}
        if not any(check.required and not check.passed for check in checks):
            message = self._partial(found) if missed & self._complete else self._success(found)
            return Grade(True, message, None, checks)
        if "position_encoding" not in missed and not flag:
            return Grade(False, self._no_mask(found), "missing_mask", checks)
        return Grade(False, self._failure(checks), self._category(values, missed), checks)

    def _errors(self, values: Mapping[str, Any]) -> dict[str, float]:
        """What each check compares, by its name."""
        found = dict(values["errors"])
        for h, name in enumerate(self._weights, 1):
            found[name] = found[f"head{h}_attention_weights"]
        if self._encoded:
            found["position_encoding"] = found["position_encoded_queries"]
        found["better_head_weights"] = min([found[name] for name in self._weights])
        found["better_head_output"] = min([found[name] for name in self._outputs])
        found["mask_respected"] = values["masked_weight"]
        return found

    def _messages(self, required: set[str]) -> dict[str, str]:
        """Checks that a failure names, and as what: those the verdict looks at, and every head instead of the best."""
        words = {FLAG: "causal_mask_missing", "mask_respected": "mask_not_respected"}
        return {name: words.get(name, name) for name in (required - {"better_head_weights"}) | set(self._weights)}

    def _success(self, found: Mapping[str, float]) -> str:
        parts = [f"pos={number(found['position_encoding'])}"] if self._encoded else []
        parts += [f"w{h}={number(found[name])}" for h, name in enumerate(self._weights, 1)]
        parts.append(f"final={number(found['final_output'])}")
        return f"SUCCESS: Complete multi-head attention. Errors: {', '.join(parts)}"

    def _partial(self, found: Mapping[str, float]) -> str:
        parts = [f"pos={number(found['position_encoding'])}"] if self._encoded else []
        parts.append(f"better_head={number(found['better_head_weights'])}")
        return f"SUCCESS: Core concepts correct, one head working. Errors: {', '.join(parts)}"

    def _no_mask(self, found: Mapping[str, float]) -> str:
        if not self._encoded:
            return "PARTIAL: Missing causal mask."
        error = number(found["position_encoding"])
        return f"PARTIAL: Good position encoding but missing causal mask. Pos_err: {error}"

    def _failure(self, checks: Sequence[Check]) -> str:
        parts = [
            self._named[check.name] + ("" if check.value is None else f" (err: {number(check.value)})")
            for check in checks
            if not check.passed and check.name in self._named
        ]
        return f"FAILURE: Incorrect {', '.join(parts)}"

    def _category(self, values: Mapping[str, Any], missed: set[str]) -> str:
        """The diagnosis, unless it finds nothing wrong with the numbers and the mask is what was missed."""
        diagnosis = values["diagnosis"]
        mask_missed = FLAG in missed or ("mask_respected" in missed and "mask_respected" in self._named)
        if diagnosis["nearest"] == "reference" and mask_missed and diagnosis["category"] not in MASK_CATEGORIES:
            return "missing_mask"
        return str(diagnosis["category"])


def number(error: float) -> str:
    """Three decimals; scientific where that would be long."""
    return f"{error:.3f}" if error < 1e6 else f"{error:.3e}"
