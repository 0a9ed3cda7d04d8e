"""What a launch over a set of problems says beside counts and pass rate, as names and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalkit.display.rates import range_text, rate_text
from evalkit.results.set_summary import Estimate, SetSummary
from evalkit.stats.intervals import Interval
from evalkit.stats.training_signal import mixed
from evalkit.util.text import counted, percent

ALIKE = 0.75
"""Below this share of the signal that alike problems of the same rate would give, choosing among problems pays."""


def set_figures(summary: SetSummary) -> Iterator[tuple[str, str]]:
    """Name and text of each figure, the rate that the verdict is about first."""
    for name, found in summary.meanings:
        yield name.capitalize(), f"{estimate(found)}, {found.method}: {found.why}"
    yield "Problems", problems(summary)
    yield "Signal", f"{estimate(summary.signal)} of groups of {summary.group} tries are mixed; {signal_advice(summary)}"
    if len(summary.pass_at_k) > 1:
        shown = [k for k in summary.pass_at_k if 1 < k <= 8]
        yield (
            "pass@k",
            ", ".join(
                [f"pass@{k} {estimate(summary.pass_at_k[k])}" for k in shown]
                + [f"pass^{k} {estimate(summary.pass_hat_k[k])}" for k in shown]
            ),
        )
    if summary.plans:
        yield "To know more", "; ".join(_plan(plan) for plan in summary.plans)


def estimate(found: Estimate) -> str:
    """`26.7% (10.9-52.0%)`; the interval alone where the value is not known."""
    interval = Interval(found.low, found.high)
    return range_text(interval) if found.value is None else rate_text(found.value, interval)


def problems(summary: SetSummary) -> str:
    """How the observed rates of the problems lie."""
    return (
        f"{counted(summary.problems, 'problem')} tried: {summary.never} never passed, {summary.always} always, "
        f"{summary.in_band} observed in the target range"
    )


def signal_advice(summary: SetSummary) -> str:
    """What the training signal means for the set: whether to take it whole or to choose among its problems."""
    rate, signal = summary.rate.value, summary.signal.value
    if rate is None or signal is None:
        return "two tries or more at every problem would tell"
    alike = mixed(rate, summary.group)
    if alike == 0:
        return "no problem gives training anything to learn from"
    if signal >= ALIKE * alike:
        return f"alike problems of this rate would give {percent(alike)}: choosing among them gains little"
    return (
        f"alike problems of this rate would give {percent(alike)}: problems differ, and `select` chooses those worth "
        "training on"
    )


def _plan(plan: Mapping[str, Any]) -> str:
    size = f"{plan['problems']:,} × {plan['tries']:,}"
    return f"{plan['name']} ({size}) ±{100 * plan['half_width']:.1f} points"
