"""How often recommendations are right: simulated launches whose true pass rates are known.

    python benchmarks/recommendations.py [launches]

One line of JSON a row. `rate_covered`: the interval of the rate at the recommended value holds the true rate there,
although the value was chosen from the same runs. `enters_covered`, `leaves_covered`: the intervals of the edges hold
the true edges. `certain_right`: all of the range called certain is truly in the band. `value_in_band`: the value to
take is truly in it. Then the search for knobs that need new rollouts: how often it decides, and how often it is right.
"""

from __future__ import annotations

import json
import math
import random
import sys
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


def edge(share: float) -> float:
    """Where the true rate reaches a share."""
    return MEDIAN * math.exp(SPREAD * NORMAL.inv_cdf(share / SOLVABLE))


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


def recommendations(runs: int, launches: int) -> dict[str, object]:
    """Coverage over many launches of `runs` runs."""
    dice = random.Random(runs)
    counts = dict.fromkeys(("found", "rate", "enters", "leaves", "certain", "certain_right", "value"), 0)
    low, high = edge(BAND.low), edge(BAND.high)
    for _ in range(launches):
        needed = [
            float(math.ceil(MEDIAN * math.exp(dice.gauss(0, SPREAD)))) if dice.random() < SOLVABLE else math.inf
            for _ in range(runs)
        ]
        found = recommend(curve(needed, 20_000), Grounds(BAND))
        if found.value is None or found.enters is None or found.leaves is None:
            continue
        counts["found"] += 1
        counts["rate"] += true_rate(found.value) in found.interval
        counts["enters"] += found.enters.low <= low + 1 and low <= found.enters.high
        counts["leaves"] += found.leaves.low <= high + 1 and high <= found.leaves.high
        counts["value"] += true_rate(found.value) in BAND
        if found.certain:
            counts["certain"] += 1
            counts["certain_right"] += found.certain.low >= low and found.certain.high <= high + 1
    done = counts["found"]
    return {
        "runs": runs,
        "recommended": round(done / launches, 4),
        "rate_covered": round(counts["rate"] / done, 4),
        "enters_covered": round(counts["enters"] / done, 4),
        "leaves_covered": round(counts["leaves"] / done, 4),
        "value_in_band": round(counts["value"] / done, 4),
        "certain_given": round(counts["certain"] / done, 4),
        "certain_right": round(counts["certain_right"] / counts["certain"], 4) if counts["certain"] else None,
    }


def search(
    name: str, sizes: tuple[int, ...], slopes: tuple[float, ...], level: float, launches: int
) -> dict[str, object]:
    """A search against a pass rate whose logit is a straight line in the candidates' places."""

    def rate(place: Place) -> float:
        return 1 / (1 + math.exp(-(level + sum(a * b for a, b in zip(slopes, place, strict=True)))))

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
        "value_in_band": round(inside / launches, 4),
        "mean_runs": round(spent / launches),
        "mean_values_visited": round(visited / launches, 1),
    }


def main(launches: int = 2000) -> None:
    """Measure and print."""
    for runs in (15, 50, 100, 200, 400):
        print(json.dumps(recommendations(runs, launches)), flush=True)
    for name, sizes, slopes, level in (
        ("falling, 10 values", (10,), (-0.6,), 2.0),
        ("steep, 10 values", (10,), (-1.5,), 9.0),
        ("rising, 25 values", (25,), (0.4,), -6.0),
        ("two knobs, 8 x 8", (8, 8), (-0.5, -0.7), 4.0),
    ):
        print(json.dumps(search(name, sizes, slopes, level, max(1, launches // 20))), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
