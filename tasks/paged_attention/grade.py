"""From a submission to a verdict: run it on the hidden inputs in a sandbox, compare on the host."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.sandbox.protocol import Call, Output, Sandbox, Session
from evalkit.task.grade import Check, Fault, Grade, Measurement, preview, readings, within

from . import rules
from .inputs import Case, Sizes
from .spec import Spec
from .work import Work

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

_TRANSFORMS = re.compile(r"\b(?:grad|grad_and_value|vjp|jvp|jacrev|jacfwd|hessian|linearize)\b")
LOADING_S = 60.0
"""For what torch loads when one of these is first used: more than a second of CPU, for which no submission is timed."""

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
    if _TRANSFORMS.search(source):
        await session.run("import torch._dynamo", timeout_s=LOADING_S)
    return await session.define(source, rules.FUNCTION, timeout_s=spec.config.time_limit_s, preload=("torch",))


def read_source(answer: Any, max_chars: int) -> str | Fault:
    """The source in an answer that keeps the rules; what it says around a fenced source is left out.

    Of several fenced sources the last one that defines the function counts.
    """
    if not isinstance(answer, str):
        return Fault("parse_error", f"The answer is no Python source but {preview(answer)}")
    if len(answer) > max_chars:
        return Fault("parse_error", f"The answer has {len(answer):,} characters, more than {max_chars:,}")
    fault = Fault("parse_error", "The answer is empty")
    for source in readings(answer):
        tree = rules.parse(source)
        if not isinstance(tree, Fault):
            return rules.check(tree) or source
        fault = tree
    return fault


def grade(measurement: Measurement, tolerance: float) -> Grade:
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

    sizes: Sizes
    words: str
    """The sizes in words."""
    error: float | None
    """Largest absolute error; None if an element is not finite."""
    non_finite: int
    work: Work
    seconds: float


async def _measure_cases(session: Session, spec: Spec) -> Measurement:
    seen = await _see(session, spec, spec.cases())
    if isinstance(seen, Fault) or not spec.config.vectorized:
        return Measurement(fault=seen) if isinstance(seen, Fault) else _measurement(seen, {})
    base = seen[spec.config.hidden.count]
    fault = _work_fault(base, seen) or await _clock_fault(session, spec, seen)
    if fault:
        return Measurement(fault=fault)
    far = await _see(session, spec, spec.far_cases())
    fault = far if isinstance(far, Fault) else _work_fault(base, far)
    if isinstance(far, Fault) or fault:
        return Measurement(fault=fault)
    seen += far
    return _measurement(seen, {one.sizes.label: [one.work.steps, one.work.operations] for one in seen})


async def _see(session: Session, spec: Spec, cases: Iterable[Case]) -> list[Seen] | Fault:
    """What calls on `cases` show, or the first category of fault that one of them has."""
    seen: list[Seen] = []
    faults: list[Fault] = []
    for case in cases:
        call = await _call(session, spec, case)
        if call.kind == "died" and faults:
            break  # its earlier answer was forged, and the child is gone for that
        if call.kind in ("raised", "timeout", "died"):
            return _crash(call.kind, call.error, _words(case), spec)
        fault = _form_fault(call, case, spec)
        if fault:
            faults.append(fault)
        else:
            seen.append(_compare(call, case, spec))
    order = list(CATEGORIES)
    return min(faults, key=lambda fault: order.index(fault.category)) if faults else seen


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
    work = Work(call.work.get("python", 0), call.work.get("tensor", 0), bool(call.work.get("lost", 0)))
    return Seen(case.sizes, _words(case), error, non_finite, work, call.seconds)


def _work_fault(base: Seen, seen: Sequence[Seen]) -> Fault | None:
    """The first call that did too much, beside `base` or by itself."""
    for one in seen:
        if one.sizes.grown and base.work.grows_to(one.work):
            return _growth_fault(base, one)
    for one in seen:
        if words := one.work.fault():
            return Fault("not_vectorized", f"{words} ({one.words})")
    return None


def _growth_fault(base: Seen, one: Seen) -> Fault:
    return Fault(
        "not_vectorized",
        f"Work grows with the {one.sizes.grown}: {base.work.steps} → {one.work.steps} Python steps and "
        f"{base.work.operations} → {one.work.operations} tensor operations ({base.words} → {one.words})",
    )


async def _clock_fault(session: Session, spec: Spec, seen: Sequence[Seen]) -> Fault | None:
    """Whether the host's clock shows a loop that the count does not; asked again before it is believed."""
    timed = dict(zip(spec.cases(), seen, strict=True))
    base, small = list(timed.items())[spec.config.hidden.count]
    for case, one in timed.items():
        if one.sizes.grown and one.seconds >= SLOW_S:
            times = [[await _seconds(session, spec, again) for _ in range(3)] for again in (base, case)]
            if min(times[1]) > max(SLOW_S, SLOW_RATIO * min(times[0])):
                return _growth_fault(small, one)
    return None


async def _seconds(session: Session, spec: Spec, case: Case) -> float:
    return (await _call(session, spec, case, count=False)).seconds


def _words(case: Case) -> str:
    sizes = case.sizes
    return (
        f"batch {sizes.batch}, {sizes.num_heads} heads, context up to {max(sizes.context_lens)}, "
        f"{case.block_table.shape[1]} blocks a sequence"
    )
