"""How often recommendations are right: simulated launches whose true pass rates are known.

    python benchmarks/recommendations.py [launches]

One line of JSON a row. `wrong_of_all`: launches that recommend a value which is not in the band, which may be 5 % of
all at most, whatever the task; `wrong_at_99_of_all`: those that call its chance 99 % or more (at most 1 %). Of the
launches that recommend: `value_in_band`, how often it is; `mean_chance_stated`, what they say; `certain_right`, all of
the range is in the band; `rate_covered`, the interval of the rate holds, although the same runs chose it. Then the
search for knobs that need new rollouts: how often it decides, and how often that is wrong.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Callable
from statistics import NormalDist

from evalkit.landscape.curves import Curve, Step
from evalkit.landscape.recommend import Grounds, recommend
from evalkit.landscape.search import Place, Search
from evalkit.stats.verdict import Band

BAND = Band(0.10, 0.40)
NORMAL = NormalDist()
MEDIAN, SPREAD, SOLVABLE = 4000.0, 0.6, 0.7


def true_rate(tokens: float) -> float:
    """Of the simulated task: log-normal needs, and a share of runs that no budget helps."""
    return SOLVABLE * NORMAL.cdf((math.log(tokens) - math.log(MEDIAN)) / SPREAD) if tokens > 0 else 0.0


def curve(needed: list[float], end: float) -> Curve:
    """What a sweep up to `end` tokens would know."""
    found = sorted(need if need <= end else math.inf for need in needed)
    values = sorted({1.0, *(need for need in found if need < math.inf)})
    steps, passed = [], 0
    for value in values:
        while passed < len(found) and found[passed] <= value:
            passed += 1
        steps.append(Step(value, passed, len(found)))
    return Curve("limits.max_tokens", {}, tuple(steps), tuple(found), end, True)


def recommendations(runs: int, launches: int, needs: str = "a slope") -> dict[str, object]:
    """How often `launches` of `runs` runs recommend a value, and how often they are right."""
    dice = random.Random(f"{runs} {needs}")
    need, rate = TASKS[needs]
    counts = dict.fromkeys(("found", "rate", "certain_right", "value", "wrong_95", "wrong_99"), 0)
    stated = 0.0
    for _ in range(launches):
        found = recommend(curve([need(dice) for _ in range(runs)], 20_000), Grounds(BAND))
        if found.value is None or found.certain is None or found.chance is None:
            continue
        inside = rate(found.value) in BAND
        counts["found"] += 1
        counts["rate"] += rate(found.value) in found.interval
        counts["value"] += inside
        counts["wrong_95"] += not inside
        counts["wrong_99"] += not inside and found.chance >= 0.99
        counts["certain_right"] += rate(found.certain.low) in BAND and rate(found.certain.high) in BAND
        stated += found.chance
    done = counts["found"]
    share = {name: round(counts[name] / done, 4) if done else None for name in ("rate", "value", "certain_right")}
    return {
        "task": needs,
        "runs": runs,
        "recommended": round(done / launches, 4),
        "wrong_of_all": round(counts["wrong_95"] / launches, 4),
        "wrong_at_99_of_all": round(counts["wrong_99"] / launches, 4),
        "mean_chance_stated": round(stated / done, 4) if done else None,
        "value_in_band": share["value"],
        "certain_right": share["certain_right"],
        "rate_covered": share["rate"],
    }


def _slope(dice: random.Random) -> float:
    return float(math.ceil(MEDIAN * math.exp(dice.gauss(0, SPREAD)))) if dice.random() < SOLVABLE else math.inf


def _steps(*steps: tuple[float, float]) -> tuple[Callable[[random.Random], float], Callable[[float], float]]:
    """A task whose rate jumps to a share at a value: what it needs, and its true rate."""

    def need(dice: random.Random) -> float:
        drawn = dice.random()
        return next((value for value, share in steps if drawn < share), math.inf)

    return need, lambda tokens: max((share for value, share in steps if tokens >= value), default=0.0)


TASKS: dict[str, tuple[Callable[[random.Random], float], Callable[[float], float]]] = {
    "a slope": (_slope, true_rate),
    "flat at 41 %": _steps((500.0, 0.41)),
    "flat at 9.5 %": _steps((500.0, 0.095)),
    "a cliff from 9 to 42 %": _steps((500.0, 0.09), (3000.0, 0.42)),
    "stairs of 8 points": _steps(*((500.0 * n, 0.08 * n) for n in range(1, 11))),
}


def search(name: str, sizes: tuple[int, ...], rate: Callable[[Place], float], launches: int) -> dict[str, object]:
    """Searches against a pass rate that is known at every candidate."""
    decided = wrong = inside = spent = visited = 0
    for seed in range(launches):
        looking, dice, data = Search(sizes, BAND, 0.95), random.Random(seed), dict[Place, list[bool | None]]()
        while (step := looking.next()) is not None:
            place, count = step
            results = data.setdefault(place, [])
            results += [dice.random() < rate(place) for _ in range(count - len(results))]
            looking.tell(place, results)
        best = rate(looking.nearest())
        decided += looking.found is not None
        wrong += looking.found is not None and best not in BAND
        inside += best in BAND
        spent += looking.spent
        visited += len(looking.visits)
    return {
        "search": name,
        "decided": round(decided / launches, 4),
        "wrongly_decided": round(wrong / launches, 4),
        "nearest_in_band": round(inside / launches, 4),
        "mean_runs": round(spent / launches),
        "mean_values_visited": round(visited / launches, 1),
    }


def _logistic(level: float, *slopes: float) -> Callable[[Place], float]:
    return lambda place: 1 / (1 + math.exp(-(level + sum(a * b for a, b in zip(slopes, place, strict=True)))))


SEARCHES: tuple[tuple[str, tuple[int, ...], Callable[[Place], float]], ...] = (
    ("falling, 10 values", (10,), _logistic(2.0, -0.6)),
    ("steep, 10 values", (10,), _logistic(9.0, -1.5)),
    ("rising, 25 values", (25,), _logistic(-6.0, 0.4)),
    ("two knobs, 8 x 8", (8, 8), _logistic(4.0, -0.5, -0.7)),
    ("41 % everywhere, 10 values", (10,), lambda place: 0.41),
    ("9.5 % everywhere, 10 values", (10,), lambda place: 0.095),
    ("a cliff from 42 to 6 %, 10 values", (10,), lambda place: 0.06 if place[0] > 4 else 0.42),
    ("9 and 42 % in turn, 10 values", (10,), lambda place: (0.09, 0.42)[place[0] % 2]),
)


def main(launches: int = 2000) -> None:
    """Measure and print."""
    for runs in (36, 50, 100, 200, 400):
        print(json.dumps(recommendations(runs, launches)), flush=True)
    for needs in list(TASKS)[1:]:
        for runs in (50, 200):
            print(json.dumps(recommendations(runs, launches, needs)), flush=True)
    for name, sizes, rate in SEARCHES:
        print(json.dumps(search(name, sizes, rate, max(1, launches // 20))), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
