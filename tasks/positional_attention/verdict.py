"""The verdict on a measurement: named checks against thresholds, and the published messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.grading import Check, Grade, Measurement

from .knobs import Config

MASK_CATEGORIES = ("missing_mask", "wrong_mask_direction")


class Rule:
    """What passes under one config.

    Every check is `error < tolerance` or independent of tolerances, and they are joined by `and` and `or` only: a
    looser tolerance never turns a pass into a failure.
    """

    def __init__(self, config: Config) -> None:
        self._tolerances, self._config = config.tolerances, config
        self._full = config.success == "full"
        self._encoded = config.position_encoding != "none"
        heads = range(1, len(config.heads) + 1)
        self._weights = [(f"head{h}_weights", f"head{h}_attention_weights") for h in heads]
        self._head_outputs = [f"head{h}_output" for h in heads]
        self._finals = ["final_output"] + ["layer_normalized_output"] * config.layer_norm

    def __call__(self, measurement: Measurement) -> Grade:
        """The grade. A pass is exactly: every required check passed."""
        if measurement.fault:
            return Grade.failed(measurement.fault)
        values = measurement.values
        checks = self._checks(values)
        by_name = {check.name: check for check in checks}
        passed = all(check.passed for check in checks if check.required)
        if passed and all(by_name[name].passed for name in self._complete()):
            return Grade(True, self._success(values), None, checks)
        if passed:
            return Grade(True, self._partial(values), None, checks)
        encoded = not self._encoded or by_name["position_encoding"].passed
        if encoded and not values["flag"]:
            return Grade(False, self._no_mask(values), "missing_mask", checks)
        return Grade(False, self._failure(checks), self._category(values, by_name), checks)

    def _checks(self, values: Mapping[str, Any]) -> tuple[Check, ...]:
        config, bounds, errors, full = self._config, self._tolerances, values["errors"], self._full
        weights, outputs = bounds.attention_weights, bounds.output
        checks = []
        if self._encoded:
            error = errors["position_encoded_queries"]
            checks.append(_check("position_encoding", error, bounds.position_encoding, True))
        checks += [_check(name, errors[key], weights, full) for name, key in self._weights]
        best = min(errors[key] for _, key in self._weights)
        checks.append(_check("better_head_weights", best, weights, True))
        checks.append(Check("causal_mask_applied", values["flag"]))
        leak = values["masked_weight"]
        checks.append(_check("mask_respected", leak, bounds.masked_weight, config.require_mask_evidence))
        every = full and config.require_all_head_outputs
        checks += [_check(name, errors[name], outputs, every) for name in self._head_outputs]
        best = min(errors[name] for name in self._head_outputs)
        checks.append(_check("better_head_output", best, outputs, full))
        checks += [_check(name, errors[name], outputs, full) for name in self._finals]
        return tuple(checks)

    def _complete(self) -> Sequence[str]:
        """Names of the checks that make a pass complete, whatever `success` asks for."""
        outputs = self._head_outputs if self._config.require_all_head_outputs else ["better_head_output"]
        return [*(name for name, _ in self._weights), *outputs, *self._finals]

    def _position(self, errors: Mapping[str, float], form: str) -> list[str]:
        return [form.format(number(errors["position_encoded_queries"]))] if self._encoded else []

    def _success(self, values: Mapping[str, Any]) -> str:
        errors = values["errors"]
        parts = self._position(errors, "pos={}")
        parts += [f"w{h}={number(errors[key])}" for h, (_, key) in enumerate(self._weights, 1)]
        parts.append(f"final={number(errors['final_output'])}")
        return f"SUCCESS: Complete multi-head attention. Errors: {', '.join(parts)}"

    def _partial(self, values: Mapping[str, Any]) -> str:
        errors = values["errors"]
        best = min(errors[key] for _, key in self._weights)
        parts = [*self._position(errors, "pos={}"), f"better_head={number(best)}"]
        return f"SUCCESS: Core concepts correct, one head working. Errors: {', '.join(parts)}"

    def _no_mask(self, values: Mapping[str, Any]) -> str:
        if not self._encoded:
            return "PARTIAL: Missing causal mask."
        error = number(values["errors"]["position_encoded_queries"])
        return f"PARTIAL: Good position encoding but missing causal mask. Pos_err: {error}"

    def _failure(self, checks: Sequence[Check]) -> str:
        """Names what is wrong, of what this config's verdict looks at."""
        flags = {"causal_mask_applied": "causal_mask_missing", "mask_respected": "mask_not_respected"}
        heads = [name for name, _ in self._weights]
        parts = []
        for check in checks:
            looked_at = check.required or check.name in heads
            if check.passed or not looked_at or check.name == "better_head_weights":
                continue
            if check.name == "better_head_output" and self._config.require_all_head_outputs:
                continue
            detail = "" if check.value is None else f" (err: {number(check.value)})"
            parts.append(flags.get(check.name) or f"{check.name}{detail}")
        return f"FAILURE: Incorrect {', '.join(parts)}"

    def _category(self, values: Mapping[str, Any], checks: Mapping[str, Check]) -> str:
        """The diagnosis, unless it blames nothing and the mask is what failed."""
        category = values["diagnosis"]["category"]
        mask = [checks["causal_mask_applied"], checks["mask_respected"]]
        mask_failed = any(not check.passed for check in mask if check.required)
        blameless = values["diagnosis"]["nearest"] == "reference"
        return "missing_mask" if mask_failed and blameless and category not in MASK_CATEGORIES else category


def _check(name: str, error: float, tolerance: float, required: bool) -> Check:
    return Check(name, error < tolerance, error, tolerance, required)


def number(error: float) -> str:
    """Three decimals; scientific where that would be long."""
    return f"{error:.3f}" if error < 1e6 else f"{error:.3e}"
