"""Recommendations for a set of problems: a value whose rate is in the band, or the value of the largest signal."""

from __future__ import annotations

from evalkit.display.rates import level, range_text, rate_text
from evalkit.landscape.curves import Curve
from evalkit.landscape.recommend import Grounds, Outlook, Recommendation, by_value, round_within, step_end
from evalkit.landscape.round_numbers import number
from evalkit.landscape.set_curves import SetStep, SetTerms
from evalkit.stats.intervals import Interval
from evalkit.util.text import percent

MEANINGS = {"these": "these problems", "like_these": "problems like these"}


def recommend_set(curve: Curve, grounds: Grounds, terms: SetTerms, aim: str, current: float | None) -> Recommendation:
    """What to set a knob to, by `sweep.aim`.

    Rate: a value counts where the whole interval of the rate lies in the band. With every try the rate can only grow
    along a knob, and so do the interval's ends: where the true rate last lies below the band is one value, fixed
    beforehand, and an interval that clears the band's edge earlier clears it there too. So all such values hold
    together at the confidence. Where the results decided how many runs there are, nothing is recommended.
    """
    current = None if current is None else curve.turned(current)
    choose = _for_signal if aim == "signal" else _for_rate
    return by_value(choose(curve, grounds, terms, current), curve)


def _for_rate(curve: Curve, grounds: Grounds, terms: SetTerms, current: float | None) -> Recommendation:
    band, steps = terms.band, curve.set
    inside = [n for n, step in enumerate(steps) if step.rate.value is not None and step.rate.value in band]
    if not inside:
        return _none(curve, grounds, terms)
    sure = [n for n in inside if not grounds.plan.stopped and steps[n].sure.within(Interval(band.low, band.high))]
    middle = (band.low + band.high) / 2
    best = min(sure or inside, key=lambda n: abs((steps[n].rate.value or 0.0) - middle))
    value = _value(curve, steps[best], current)
    certain = None
    if sure:
        first = last = best
        while first - 1 in sure:
            first -= 1
        while last + 1 in sure:
            last += 1
        certain = Interval(steps[first].value, step_end(curve, curve.place(steps[last].value)))
    where = MEANINGS[terms.about]
    rate = f"the rate of {where} there is {_said(steps[best])}"
    if sure:
        words = f"set `{curve.knob}` to {number(curve.turned(value))}{_whom(grounds)}: {rate}, in the band ({band}) at "
        words += f"{level(terms.confidence)}"
    else:
        words = f"nothing is sure about `{curve.knob}`: nearest to the middle of the band ({band}) comes "
        words += f"{number(curve.turned(value))}, but {rate}, which more problems or tries would narrow"
        if grounds.plan.stopped:
            words += ", and the results decided how many there are"
    open_end = inside[-1] == len(steps) - 1
    return _recommendation(
        curve,
        steps[best],
        finding=Outlook.OPEN if open_end else Outlook.RANGE,
        low=steps[inside[0]].value,
        high=None if open_end else step_end(curve, curve.place(steps[inside[-1]].value)),
        certain=certain,
        value=value if sure else None,
        candidate=value,
        sentence=words,
    )


def _for_signal(curve: Curve, grounds: Grounds, terms: SetTerms, current: float | None) -> Recommendation:
    """The largest estimate; it was chosen as the largest, so a fresh launch may well show less."""
    known = [step for step in curve.set if step.signal.value is not None]
    best = max(known, key=lambda step: step.signal.value or 0.0, default=None)
    if best is None or not best.signal.value:
        words = (
            f"no value of `{curve.knob}` shows a training signal: no problem has a try that passed and one that failed"
        )
        return _recommendation(curve, curve.set[-1], finding=Outlook.UNKNOWN, sentence=words)
    here = max(
        (step for step in known if current is None or step.value <= current), key=lambda s: s.value, default=best
    )
    if here.signal.value == best.signal.value:
        best = here
    value = _value(curve, best, current)
    signal = f"{percent(best.signal.value or 0.0)} ({range_text(best.signal.interval)})"
    words = (
        f"set `{curve.knob}` to {number(curve.turned(value))}{_whom(grounds)} for the largest training signal: "
        f"{signal} of groups of {terms.group} tries are mixed there, at a rate of {_said(best)}; {best.in_band} of "
        f"{best.problems} problems are observed in the band. It was chosen as the largest, so expect a little less"
    )
    place = curve.place(best.value)
    return _recommendation(
        curve,
        best,
        finding=Outlook.RANGE,
        low=best.value,
        high=min(step_end(curve, place), curve.end),
        value=None if grounds.plan.stopped else value,
        candidate=value,
        sentence=words,
    )


def _none(curve: Curve, grounds: Grounds, terms: SetTerms) -> Recommendation:
    """No observed rate is in the band: too hard, too easy, a jump, or unknown."""
    known = [step for step in curve.set if step.rate.value is not None]
    band, name = terms.band, curve.knob
    if not known:
        finding, step, words = Outlook.UNKNOWN, curve.set[-1], f"too many runs are unknown along `{name}`"
    elif (known[-1].rate.value or 0.0) < band.low:
        finding, step = Outlook.TOO_HARD, known[-1]
        words = f"`{name}` alone cannot reach the band ({band}): the rate is at most {_said(step)}"
    elif (known[0].rate.value or 0.0) > band.high:
        finding, step = Outlook.TOO_EASY, known[0]
        words = f"`{name}` alone cannot reach the band ({band}): the rate is at least {_said(step)}"
    else:
        finding = Outlook.JUMP
        step = next(step for step in known if (step.rate.value or 0.0) > band.high)
        where = f"`{name}`={number(curve.turned(step.value))}"
        words = f"the rate jumps over the band ({band}) at {where}, where it is {_said(step)}"
    return _recommendation(curve, step, finding=finding, sentence=words + _whom(grounds))


def _recommendation(curve: Curve, step: SetStep, **known: object) -> Recommendation:
    pooled = curve.steps[curve.place(step.value)]
    return Recommendation(
        curve.knob,
        curve.at,
        passed=pooled.passed,
        runs=pooled.graded,
        unknown=pooled.unknown,
        interval=step.rate.interval,
        **known,  # type: ignore[arg-type]
    )


def _value(curve: Curve, step: SetStep, current: float | None) -> float:
    """A round value of the step; the current one where it is in the step."""
    place = curve.place(step.value)
    if current is not None and step.value <= current <= step_end(curve, place):
        return current
    return round_within(curve, place, place)


def _said(step: SetStep) -> str:
    return "unknown" if step.rate.value is None else rate_text(step.rate.value, step.rate.interval)


def _whom(grounds: Grounds) -> str:
    return " for the simulated model (which measures no LLM)" if grounds.simulated else ""
