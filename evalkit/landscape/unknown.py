"""Sentences on unknown runs of a sweep: at which values, how many, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalkit.display.formatting import unknown_cells
from evalkit.landscape.curves import Curve
from evalkit.landscape.knobs import LIMITS, Entry
from evalkit.landscape.round_numbers import number
from evalkit.rollout.limits import clip
from evalkit.rollout.record import Ending
from evalkit.util.text import counted


def unknown_sentences(members: Sequence[Entry], top: Entry | None, curves: Sequence[Curve]) -> list[str]:
    """One sentence a swept budget that makes runs unknown; of cells that share no rollouts, how many there are.

    `curves`: one through the same cell along every swept knob.
    """
    found = [_along(top, curve) for curve in curves if curve.knob in LIMITS] if top else []
    said = list(filter(None, found)) or unknown_cells([member.summary for member in members])
    if said and not members[0].config.confirm:
        said[-1] += " With confirm=true one such cell is sampled at its own limits."
    return said


def _along(top: Entry, curve: Curve) -> str:
    places = [place for place, step in enumerate(curve.steps) if step.unknown]
    if not places:
        return ""
    most = max((curve.steps[place] for place in places), key=lambda step: step.unknown)
    after = places[-1] + 1
    first = number(curve.steps[places[0]].value) if places[0] else ""
    last = number(curve.steps[after].value) if after < len(curve.steps) else ""
    where = f"from {first} up" if first else "at any value"
    if last:
        where = f"from {first} to below {last}" if first else f"below {last}"
    why = " and because ".join(_reasons(top, {**curve.at, curve.knob: most.value}))
    return (
        f"With `{curve.knob}` {where}, up to {most.unknown} of "
        f"{counted(most.graded, 'run')} are unknown, so the rate is a range: {why}."
    )


def _reasons(top: Entry, at: Mapping[str, float]) -> list[str]:
    budgets: dict[str, Any] = {knob.removeprefix("limits."): _budget(at[knob]) for knob in LIMITS if knob in at}
    limits = replace(top.limits, **budgets)
    ended = [clip(run.rollout, limits) for run in top.runs]
    return list(dict.fromkeys(one.detail for one in ended if one.ending is Ending.UNKNOWN))


def _budget(value: float) -> int | None:
    return None if value == math.inf else int(value)
