"""From a submission to a verdict: run it on the hidden inputs in a sandbox, compare on the host."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.grading import Check, Fault, Grade, Measurement, preview, within
from evalkit.sandbox.api import Call, Output, Sandbox, Session

from . import rules
from .inputs import Case
from .spec import Spec

CATEGORIES = {
    "no_submission": "No submission",
    "parse_error": "Not a Python function",
    "forbidden": "Forbidden construct",
    "runtime_error": "Raised an error",
    "timeout": "Too slow",
    "shape_error": "Wrong shape",
    "dtype_error": "Wrong dtype",
    "mutated_inputs": "Modified its inputs",
    "not_vectorized": "Not vectorized",
    "wrong_values": "Wrong values",
    "non_finite": "Non-finite values",
}
"""In the order in which they are looked for: of several faults the first names the category."""

OPERATIONS_A_UNIT, STEPS_A_UNIT, STEPS_AN_OPERATION = 0.5, 0.75, 20
"""How much more work is no loop yet, per unit of size: a branch or two, never an iteration for each unit.
Counting one tensor operation runs up to 20 Python steps itself."""
SLOW_S, SLOW_RATIO = 0.5, 50
"""When the clock alone shows a loop. Enormous on purpose: machines are noisy, and no honest solution comes near."""


async def measure(answer: Any, spec: Spec, sandbox: Sandbox) -> Measurement:
    """Errors, non-finite elements and work of a submission on every hidden input, or its first fault."""
    source = read_source(answer, spec.config.max_source_chars)
    if isinstance(source, Fault):
        return Measurement(fault=source)
    async with sandbox.session(seed=spec.seed) as session:
        output = await _define(session, source, spec)
        if output.kind != "ok":
            return Measurement(fault=_crash(output.kind, output.error, "defining the function", spec))
        return await _measure_cases(session, spec)


async def measure_many(answer: Any, specs: Sequence[Spec], sandbox: Sandbox) -> list[Measurement]:
    """Errors on the hidden cases of many problems, which one child runs one after the other.

    For a submission that `measure` found no fault with: neither work nor arguments are looked at again.
    """
    source = read_source(answer, specs[0].config.max_source_chars)
    if isinstance(source, Fault):
        return [Measurement(fault=source) for _ in specs]
    measurements: list[Measurement] = []
    async with sandbox.session(seed=specs[0].seed) as session:
        for spec in specs:
            if not measurements or measurements[-1].fault:  # the child may be gone, and its function with it
                output = await _define(session, source, spec)
                if output.kind != "ok":
                    fault = _crash(output.kind, output.error, "defining the function", spec)
                    return [Measurement(fault=fault) for _ in specs]
            measurements.append(await _values_only(session, spec))
    return measurements


async def _values_only(session: Session, spec: Spec) -> Measurement:
    seen = []
    for case in spec.hidden_cases():
        call = await session.call(case.arguments, timeout_s=spec.config.time_limit_s)
        if call.kind in ("raised", "timeout", "died"):
            return Measurement(fault=_crash(call.kind, call.error, _words(case), spec))
        if fault := _form_fault(call, case, spec):
            return Measurement(fault=fault)
        seen.append(_compare(call, case, spec))
    return _measurement(seen, {})


async def outputs(answer: Any, spec: Spec, cases: Sequence[Case], sandbox: Sandbox) -> dict[str, list[float]] | None:
    """What a submission computes on `cases`, as numbers by case; None if it does not run."""
    source = read_source(answer, spec.config.max_source_chars)
    if isinstance(source, Fault):
        return None
    async with sandbox.session(seed=spec.seed) as session:
        if (await _define(session, source, spec)).kind != "ok":
            return None
        found = {}
        for case in cases:
            call = await _call(session, spec, case, count=False)
            if call.kind != "ok" or _form_fault(call, case, spec):
                return None
            found[case.sizes.label] = [float(value) for value in call.returned[0].numpy().ravel()]
    return found


async def _define(session: Session, source: str, spec: Spec) -> Output:
    return await session.define(source, rules.FUNCTION, timeout_s=spec.config.time_limit_s, preload=("torch",))


def read_source(answer: Any, max_chars: int) -> str | Fault:
    """The source in an answer that keeps the rules; a Markdown fence around it is taken off."""
    if not isinstance(answer, str):
        return Fault("parse_error", f"The answer is no Python source but {preview(answer)}")
    if len(answer) > max_chars:
        return Fault("parse_error", f"The answer has {len(answer):,} characters, more than {max_chars:,}")
    fenced = re.fullmatch(r"```[\w+-]*[ \t]*\r?\n(.*?)\r?\n?```", answer.strip(), re.DOTALL)
    source = fenced[1] if fenced else answer
    tree = rules.parse(source)
    return tree if isinstance(tree, Fault) else rules.check(tree) or source


def judge(measurement: Measurement, tolerance: float) -> Grade:
    """Right if no element on any hidden input is off by `tolerance` or more."""
    if measurement.fault:
        return Grade.failed(measurement.fault)
    errors, broken = measurement.values["max_abs_error"], measurement.values["non_finite"]
    worst = max((error for error in errors if error is not None), default=0.0)
    close = within("output", worst, tolerance)
    finite = Check("finite", not any(broken), float(sum(broken)), 0.0)
    if not close.passed:
        listed = ", ".join("not finite" if error is None else f"{error:.3g}" for error in errors)
        message = f"Wrong values: max abs error per hidden case {listed} (allowed: less than {tolerance:g})"
        return Grade(False, message, "wrong_values", (close, finite))
    if not finite.passed:
        message = (
            f"{sum(broken)} elements are NaN or infinite, in {sum(map(bool, broken))} of {len(broken)} hidden cases"
        )
        return Grade(False, message, "non_finite", (close, finite))
    return Grade(True, "Got VERIFIED", checks=(close, finite))


@dataclass(frozen=True)
class Seen:
    """What one call showed."""

    case: Case
    call: Call
    error: float | None
    """Largest absolute error; None if an element is not finite."""
    non_finite: int

    @property
    def work(self) -> tuple[int, int]:
        """Python steps and tensor operations."""
        return _work(self.call)


def _work(call: Call) -> tuple[int, int]:
    return call.work.get("python", 0), call.work.get("tensor", 0)


async def _measure_cases(session: Session, spec: Spec) -> Measurement:
    seen: list[Seen] = []
    faults: list[Fault] = []
    for case in spec.cases():
        call = await _call(session, spec, case)
        if call.kind == "died" and faults:
            break  # its earlier answer was forged, and the child is gone for that
        if call.kind in ("raised", "timeout", "died"):
            return Measurement(fault=_crash(call.kind, call.error, _words(case), spec))
        fault = _form_fault(call, case, spec)
        if fault:
            faults.append(fault)
        else:
            seen.append(_compare(call, case, spec))
    if not faults and spec.config.vectorized:
        faults += await _growth_faults(session, spec, seen)
    if faults:
        order = list(CATEGORIES)
        return Measurement(fault=min(faults, key=lambda fault: order.index(fault.category)))
    return _measurement(seen, {one.case.sizes.label: one.work for one in seen if spec.config.vectorized})


def _measurement(seen: Sequence[Seen], work: Mapping[str, Any]) -> Measurement:
    return Measurement(
        {
            "max_abs_error": [one.error for one in seen],
            "non_finite": [one.non_finite for one in seen],
            "work": dict(work),
        }
    )


async def _call(session: Session, spec: Spec, case: Case, *, count: bool = True) -> Call:
    return await session.call(
        case.arguments,
        timeout_s=spec.config.time_limit_s,
        return_arguments=True,
        count_work=count and spec.config.vectorized,
    )


def _crash(kind: str, error: str | None, where: str, spec: Spec) -> Fault:
    if kind == "timeout":
        return Fault("timeout", f"Not done within {spec.config.time_limit_s:g} s ({where})")
    lines = (error or "no message").strip().splitlines()
    return Fault("runtime_error", f"{lines[-1][:300]} ({where})")


def _form_fault(call: Call, case: Case, spec: Spec) -> Fault | None:
    """Whether the function gave back one tensor of the right form and left its arguments alone."""
    shape = (case.sizes.batch, case.sizes.num_heads, spec.config.head_dim)
    if call.kind == "bad_reply" or len(call.returned) != 1:
        what = call.error or f"{len(call.returned)} tensors instead of one"
        return Fault("shape_error", f"Returned no tensor of shape {list(shape)}: {what[:300]} ({_words(case)})")
    output = call.returned[0]
    if output.shape != shape:
        return Fault("shape_error", f"Returned shape {list(output.shape)} instead of {list(shape)} ({_words(case)})")
    if output.dtype != spec.config.dtype:
        return Fault("dtype_error", f"Returned {output.dtype} instead of {spec.config.dtype} ({_words(case)})")
    names = ("query", "key_cache", "value_cache", "block_table", "context_lens")
    before_and_after = zip(names, case.arguments, call.arguments, strict=True) if call.arguments else ()
    changed = [name for name, was, now in before_and_after if was != now]
    if changed:
        return Fault("mutated_inputs", f"Modified {', '.join(changed)} ({_words(case)})")
    return None


def _compare(call: Call, case: Case, spec: Spec) -> Seen:
    output = call.returned[0].numpy().astype(np.float64)
    non_finite = int(np.count_nonzero(~np.isfinite(output)))
    error = None if non_finite else float(np.abs(output - spec.reference(case)).max())
    return Seen(case, call, error, non_finite)


async def _growth_faults(session: Session, spec: Spec, seen: Sequence[Seen]) -> list[Fault]:
    """A fault for each size with which the work of the function grows."""
    base, *larger = seen[spec.config.hidden.count :]
    faults = []
    for one in larger:
        counted = grows(base.work, one.work, spec.config.hidden.growth) and await _goes_on(session, spec, base, one)
        if counted or await _clock_grows(session, spec, base, one):
            (steps, operations), (more_steps, more_operations) = base.work, one.work
            faults.append(
                Fault(
                    "not_vectorized",
                    f"Work grows with the {one.case.sizes.label}: {steps} → {more_steps} Python steps and "
                    f"{operations} → {more_operations} tensor operations ({_words(base.case)} → {_words(one.case)})",
                )
            )
    return faults


async def _goes_on(session: Session, spec: Spec, base: Seen, one: Seen) -> bool:
    """Whether work grows on beyond `one`. A branch that only larger sizes take is a step, a loop has no end."""
    units = spec.config.hidden.growth
    further = await _call(session, spec, spec.larger(base.case.sizes, one.case.sizes.label, 2 * units))
    return further.kind != "ok" or grows(one.work, _work(further), units)


def grows(small: tuple[int, int], large: tuple[int, int], units: int) -> bool:
    """Whether work `(Python steps, tensor operations)` grows with a size that differs by `units`."""
    steps, operations = large[0] - small[0], large[1] - small[1]
    allowed = STEPS_A_UNIT * units + STEPS_AN_OPERATION * max(0, operations)
    return operations >= OPERATIONS_A_UNIT * units or steps >= allowed


async def _clock_grows(session: Session, spec: Spec, small: Seen, large: Seen) -> bool:
    """Whether the host's clock shows a loop that the count does not; asked again before it is believed."""
    if large.call.seconds < SLOW_S:
        return False
    times = [[(await _call(session, spec, one.case, count=False)).seconds for _ in range(3)] for one in (small, large)]
    return min(times[1]) > max(SLOW_S, SLOW_RATIO * min(times[0]))


def _words(case: Case) -> str:
    sizes = case.sizes
    return (
        f"batch {sizes.batch}, {sizes.num_heads} heads, context up to {max(sizes.context_lens)}, "
        f"{case.block_table.shape[1]} blocks a sequence"
    )
