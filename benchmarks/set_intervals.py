"""Measures how often the intervals of a problem set cover, and how often its sequence is wrong.

    python -m benchmarks.set_intervals [--simulations 20000]

Sets are drawn from four distributions of true rates with a mean of 25 %. *These problems*: the package itself, called
once for every outcome that it can tell apart. *Problems like these* and the training signal: the same rules for all
sets at once (`covered`), held against the package for `CHECKED` sets of every row.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy.integrate import quad
from scipy.stats import beta

from evalkit.stats import Band, Decision, like_these, these_problems, training_signal, wilson
from evalkit.stats.betting import _grown, even_spread, fixed_spread, log_stakes
from evalkit.stats.intervals import Interval
from evalkit.stats.problem_sets import FEWEST_FOR_T, SKEW_FACTOR, t_quantile
from evalkit.stats.training_signal import mixed, problem_signal

CONFIDENCE = 0.95
MEAN = 0.25
GROUP = 8
BAND = Band(0.10, 0.40)
CHECKED = 60
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
SPREADS: dict[str, Draw] = {
    "none": lambda random, shape: np.full(shape, MEAN),
    "Beta(1, 3)": lambda random, shape: random.beta(1, 3, shape),
    "Beta(0.2, 0.6)": lambda random, shape: random.beta(0.2, 0.6, shape),
    "0 or 50 %": lambda random, shape: 0.5 * random.integers(0, 2, shape),
}
SIZES = (5, 10, 50, 164)
TRIES = (1, 4, 16)


def outcomes(passed: np.ndarray, tries: int) -> np.ndarray:
    """How many problems of every set passed 0, 1, … times: [sets, tries + 1]."""
    return np.stack([(passed == number).sum(axis=1) for number in range(tries + 1)], axis=1)


def covers_these(passed: np.ndarray, tries: int, rates: np.ndarray) -> np.ndarray:
    """Whether the interval of each set [sets, problems] holds the mean of its own `rates`.

    With equal tries, it depends on the sum of passes and of passes × failures alone, so one set of each kind is asked.
    """
    kinds = np.stack([passed.sum(axis=1), (passed * (tries - passed)).sum(axis=1)], axis=1)
    _, first, kind = np.unique(kinds, axis=0, return_index=True, return_inverse=True)
    found = [these_problems([(int(one), tries) for one in passed[index]], CONFIDENCE) for index in first]
    low, high = (np.array([getattr(each, end) for each in found])[kind.ravel()] for end in ("low", "high"))
    true = rates.mean(axis=1)
    return (low <= true + 1e-12) & (true - 1e-12 <= high)


def covered(counts: np.ndarray, values: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Whether the interval of `mean_of_problems` starts at `low` or below and ends at `high` or above, and by betting.

    `counts` [sets, outcomes]: problems with every outcome; `values` [outcomes]: what a problem with it contributes.
    """
    problems = counts[0].sum()
    mean = counts @ values / problems
    centred = values - mean[:, None]
    second, third = ((counts * centred**power).sum(axis=1) / problems for power in (2, 3))
    alike = second < 1e-20
    skewness = third**2 / np.where(alike, 1, second) ** 3
    betting = alike | (problems <= SKEW_FACTOR * skewness) | (problems < FEWEST_FOR_T)
    half = t_quantile(max(problems - 1, 1), CONFIDENCE) * np.sqrt(second / max(problems - 1, 1))
    student = (mean - half <= low + 1e-12) & (mean + half >= high - 1e-12)
    needed = -np.log((1 - CONFIDENCE) / 2)
    below = high <= 0 or evidence(counts, tuple(values), high) < needed
    above = low >= 1 or evidence(counts, tuple(1 - values), 1 - low) < needed
    return np.where(betting, below & above, student), betting


def evidence(counts: np.ndarray, values: tuple[float, ...], mean: float) -> np.ndarray:
    """Log of the evidence of every set that its mean is below `mean`, the number of problems fixed beforehand."""
    if mean >= 1:
        return np.where((counts @ (1 - np.array(values))) > 1e-12, np.inf, 0.0)
    shares, weights = fixed_spread(int(counts[0].sum()))
    table = np.stack([_grown(np.array([value]), np.ones(1), mean, shares) for value in values])
    return np.logaddexp.reduce(counts @ table + weights, axis=1)


def covers_like_these(counts: np.ndarray, tries: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether the interval of each set holds the mean of the distribution, and whether it is by betting."""
    if tries == 1:
        problems = counts[0].sum()
        holds = np.array([MEAN in wilson(passed, problems, CONFIDENCE) for passed in range(problems + 1)])
        return holds[counts[:, 1]], np.zeros(len(counts), dtype=bool)
    return covered(counts, np.arange(tries + 1) / tries, MEAN, MEAN)


def covers_signal(counts: np.ndarray, tries: int, true: float) -> np.ndarray:
    """Whether the interval of the training signal of each set holds the `true` one.

    With fewer tries than a group has, it is the image of that of smaller groups, so the ends are carried back.
    """
    if tries == 1:
        problems = counts[0].sum()
        high = [training_signal([(1, 1)] * k + [(0, 1)] * (problems - k), GROUP) for k in range(problems + 1)]
        return np.array([true in each.interval for each in high])[counts[:, 1]]
    size = min(tries, GROUP)
    values = np.array([problem_signal(passed, tries, size) for passed in range(tries + 1)])
    rates = np.linspace(0, 0.5, 2_000_001)
    same = np.interp(true, mixed(rates, GROUP), mixed(rates, size))
    return covered(counts, values, true * mixed(0.5, size) / mixed(0.5, GROUP), same)[0]


def true_signal(spread: str) -> float:
    """The expected share of mixed groups under a distribution of rates."""
    if spread == "none":
        return mixed(MEAN, GROUP)
    if spread == "0 or 50 %":
        return mixed(0.5, GROUP) / 2
    a, b = map(float, spread[5:-1].split(","))
    density = beta(a, b).pdf
    ends = ((0, 1e-6), (1e-6, 0.5), (0.5, 1 - 1e-6), (1 - 1e-6, 1))
    return sum(quad(lambda rate: mixed(rate, GROUP) * density(rate), *part)[0] for part in ends)


def check(passed: np.ndarray, tries: int, like: np.ndarray, signal: np.ndarray, true: float) -> tuple[float, float]:
    """Holds `CHECKED` sets against the package, and gives the mean widths of its two intervals over them."""
    widths = np.zeros(2)
    for index in range(min(CHECKED, len(passed))):
        counts = [(int(one), tries) for one in passed[index]]
        theirs = like_these(counts, CONFIDENCE)
        holds = training_signal(counts, GROUP, CONFIDENCE).interval
        assert (theirs.low - 1e-9 <= MEAN <= theirs.high + 1e-9) == like[index], counts
        assert (true in Interval(holds.low - 1e-9, holds.high + 1e-9)) == signal[index], counts
        widths += these_problems(counts, CONFIDENCE).width, theirs.width
    return tuple(widths / min(CHECKED, len(passed)))


def row(spread: str, problems: int, tries: int, simulations: int) -> dict[str, float]:
    """Coverage of everything for one spread and one size of set."""
    random = np.random.default_rng([problems, tries, list(SPREADS).index(spread)])
    rates = SPREADS[spread](random, (simulations, problems))
    passed = random.binomial(tries, rates)
    counts, true = outcomes(passed, tries), true_signal(spread)
    like, betting = covers_like_these(counts, tries)
    signal = covers_signal(counts, tries, true)
    runs = problems * tries
    pooled = np.array([MEAN in wilson(total_passed, runs, CONFIDENCE) for total_passed in range(runs + 1)])
    these_width, like_width = check(passed, tries, like, signal, true)
    return {
        "these": covers_these(passed, tries, rates).mean(),
        "these width": these_width,
        "like": like.mean(),
        "like width": like_width,
        "betting": betting.mean(),
        "pooled": pooled[passed.sum(axis=1)].mean(),
        "signal": signal.mean(),
    }


def report_coverage(simulations: int) -> dict[tuple[str, int, int], dict[str, float]]:
    """Prints coverage by spread and size, and returns it."""
    print(f"1. Coverage at nominal 95 %, true mean 25 %, {simulations} simulated sets a row")
    print("   spread           problems   tries   these   width   like these   width   by betting   pooled   signal")
    found = {}
    for spread in SPREADS:
        for problems in SIZES:
            for tries in TRIES:
                one = found[spread, problems, tries] = row(spread, problems, tries, simulations)
                print(
                    f"   {spread:14}   {problems:8d}   {tries:5d}   {one['these']:.3f}   {one['these width']:.3f}"
                    f"   {one['like']:10.3f}   {one['like width']:.3f}   {one['betting']:10.0%}"
                    f"   {one['pooled']:6.3f}   {one['signal']:6.3f}",
                    flush=True,
                )
    return found


def student_covers(counts: np.ndarray, values: np.ndarray, mean: float) -> np.ndarray:
    """Whether Student's t interval of each set holds the mean of the distribution; one without any width does not."""
    problems = counts[0].sum()
    found = counts @ values / problems
    variance = (counts * (values - found[:, None]) ** 2).sum(axis=1) / (problems - 1)
    half = t_quantile(problems - 1, CONFIDENCE) * np.sqrt(variance / problems)
    return (abs(found - mean) <= half) & (half > 0)


def report_rare(simulations: int) -> float:
    """Prints coverage where a few problems are of another kind, which a sample can lack; returns the least of ours."""
    print(
        f"\n2. Problems that pass 30 % of the time, and a share that always passes; 64 tries ({simulations} sets a row)"
    )
    print("   share   problems   Student's t   like these   by betting")
    tries, least = 64, 1.0
    values = np.arange(tries + 1) / tries
    for share in (0.1, 0.02):
        mean = 0.3 + 0.7 * share
        for problems in (5, 10, 20, 50, 164):
            random = np.random.default_rng([6, problems])
            rates = np.where(random.random((simulations, problems)) < share, 1.0, 0.3)
            counts = outcomes(random.binomial(tries, rates), tries)
            ours, betting = covered(counts, values, mean, mean)
            student = student_covers(counts, values, mean).mean()
            print(f"   {share:5.0%}   {problems:8d}   {student:11.3f}   {ours.mean():10.3f}   {betting.mean():10.0%}")
            least = min(least, float(ours.mean()))
    return least


def sequence_errors(end: float, spread: float | None, tries: int, sets: int, looks: int) -> tuple[float, float]:
    """How often a set whose mean is an end of the band is called in the band, and how often beyond that end.

    Just outside the band, the first would be wrong, just inside the second. `spread`: a + b of a beta distribution.
    """
    random = np.random.default_rng(8)
    rates = (
        np.full((sets, looks), end) if spread is None else random.beta(spread * end, spread * (1 - end), (sets, looks))
    )
    passed = random.binomial(tries, rates)
    said = decisions(passed, tries)[0]
    beyond = Decision.TOO_HARD if end == BAND.low else Decision.TOO_EASY
    other = Decision.TOO_EASY if end == BAND.low else Decision.TOO_HARD
    outside = np.mean([word in (Decision.IN_BAND, other) for word in said])
    inside = np.mean([word in (beyond, other) for word in said])
    return float(outside), float(inside)


def decisions(passed: np.ndarray, tries: int) -> tuple[list[Decision], np.ndarray]:
    """What every set [sets, problems] is called first, in the order of its problems, and after how many; see
    `set_sequence.MeanSequence`, whose rules these are."""
    sets, looks = passed.shape
    values = np.arange(tries + 1) / tries
    weights = np.exp(even_spread()[1])
    sides = {
        "below low": [log_stakes([value], BAND.low) for value in values],
        "above low": [log_stakes([1 - value], 1 - BAND.low) for value in values],
        "below high": [log_stakes([value], BAND.high) for value in values],
        "above high": [log_stakes([1 - value], 1 - BAND.high) for value in values],
    }
    whole = -np.log(1 - CONFIDENCE)
    stakes = {side: np.zeros((sets, len(weights))) for side in sides}
    most = {side: np.zeros(sets) for side in sides}
    words = [Decision.UNDECIDED, Decision.TOO_EASY, Decision.TOO_HARD, Decision.IN_BAND]
    said, at = np.zeros(sets, dtype=int), np.full(sets, looks)
    for look in range(looks):
        for side, table in sides.items():
            stakes[side] += np.array(table)[passed[:, look]]
            top = stakes[side].max(axis=1)
            now = top + np.log(np.exp(stakes[side] - top[:, None]) @ weights)
            most[side] = np.maximum(most[side], now)
        rules = (
            most["above high"] >= whole + np.log(2),
            most["below low"] >= whole + np.log(2),
            (most["above low"] >= whole) & (most["below high"] >= whole),
        )
        for word, holds in enumerate(rules, start=1):
            new = holds & (said == 0)
            said[new], at[new] = word, look + 1
    return [words[word] for word in said], at


def report_sequence(sets: int, looks: int) -> list[float]:
    """Prints how often the sequence is wrong and how long it takes; returns the errors."""
    print(f"\n3. Looking after every problem, up to {looks}, band {BAND}, 4 tries each ({sets} simulated sets)")
    errors = []
    for name, spread in (("none", None), ("a + b = 4", 4.0), ("a + b = 0.8", 0.8)):
        for end in (BAND.low, BAND.high):
            outside, inside = sequence_errors(end, spread, 4, sets, looks)
            errors += [outside, inside]
            print(f"   beta, {name:12} mean {end:.0%}: wrong {outside:.4f} just outside, {inside:.4f} just inside")
    print("   problems until decided (median; share decided):")
    for name, spread in (("none", None), ("a + b = 4", 4.0), ("a + b = 0.8", 0.8)):
        parts = []
        for mean in (0.02, 0.25, 0.6):
            random = np.random.default_rng(9)
            shape = (max(sets // 10, 20), looks)
            rates = np.full(shape, mean) if spread is None else random.beta(spread * mean, spread * (1 - mean), shape)
            said, at = decisions(random.binomial(4, rates), 4)
            decided = np.mean([word is not Decision.UNDECIDED for word in said])
            parts.append(f"{mean:.0%}: {np.median(at):.0f} ({decided:.0%})")
        print(f"   beta, {name:12} " + ", ".join(parts))
    return errors


def main(argv: list[str] | None = None) -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=20_000)
    parser.add_argument("--looks", type=int, default=200)
    asked = parser.parse_args(argv)
    began = time.perf_counter()
    found = report_coverage(asked.simulations)
    for what in ("these", "like", "signal"):
        print(f"   least coverage, {what}: {min(one[what] for one in found.values()):.4f}")
    report_rare(asked.simulations)
    errors = report_sequence(asked.simulations, asked.looks)
    print(f"   largest error: {max(errors):.4f}")
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
