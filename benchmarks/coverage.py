"""Measures what docs/statistics.md claims: coverage, errors under peeking, and what stopping early saves.

    python benchmarks/coverage.py [--quick]

Fixed numbers of runs and decisions under peeking are computed exactly (sums of binomial probabilities, dynamic
programming over the number of passes); landscapes and crossings are simulated with seed 0.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import ndtr
from scipy.stats import binom

from evalkit.stats import Band, Decision, crossing, curve_margin, exact, simultaneous, verdict, wilson
from evalkit.stats.comparisons import newcombe, two_sample_test
from evalkit.stats.evidence import log_evidence_above, log_evidence_below
from evalkit.stats.intervals import normal_quantile
from evalkit.stats.levels import full_level_holds, worst_error

RATES = np.arange(1, 100) / 100
BAND = Band(0.10, 0.40)
CONFIDENCE = 0.95
BANDS = ((0.10, 0.40), (0.05, 0.10), (0.20, 0.25), (0.40, 0.60), (0.01, 0.99), (0.24, 0.25))
LEVELS = (0.90, 0.95, 0.99)


def interval_coverage(method, runs: int, rates: np.ndarray = RATES) -> np.ndarray:
    """The exact chance that an interval from `runs` runs holds the true rate, one figure a rate."""
    bounds = np.array([[found.low, found.high] for found in (method(k, runs, CONFIDENCE) for k in range(runs + 1))])
    weights = binom.pmf(np.arange(runs + 1), runs, rates[:, None])
    inside = (bounds[:, 0] <= rates[:, None]) & (rates[:, None] <= bounds[:, 1])
    return (weights * inside).sum(axis=1)


def verdict_errors(runs: int, rates: np.ndarray = RATES) -> np.ndarray:
    """The exact chance that the verdict of a fixed number of runs is wrong (undecided is not wrong)."""
    said = [verdict(k, runs, BAND, CONFIDENCE).decision for k in range(runs + 1)]
    weights = binom.pmf(np.arange(runs + 1), runs, rates[:, None])
    wrong = np.array([[word not in (Decision.UNDECIDED, truth(rate)) for word in said] for rate in rates])
    return (weights * wrong).sum(axis=1)


def truth(rate: float, band: Band = BAND) -> Decision:
    """What is right to say about a rate."""
    if rate in band:
        return Decision.IN_BAND
    return Decision.TOO_EASY if rate > band.high else Decision.TOO_HARD


def sequence_miss(rate: float, looks: int) -> float:
    """The exact chance that a confidence sequence ever excludes the true `rate` within `looks` looks."""
    runs, passed = _grid(looks)
    needed = np.log(2 / (1 - CONFIDENCE))
    dropped = (log_evidence_below(passed, runs, rate) >= needed) | (log_evidence_above(passed, runs, rate) >= needed)
    alive = np.zeros(looks + 1)
    alive[0] = 1.0
    for look in range(1, looks + 1):
        alive = _step(alive, rate)
        alive[dropped[look]] = 0
    return 1 - alive.sum()


@dataclass
class Claims:
    """For every (runs, passed): what a look there adds to what is known about the band's ends."""

    too_hard: np.ndarray
    too_easy: np.ndarray
    above_low: np.ndarray
    below_high: np.ndarray

    @classmethod
    def of_sequence(
        cls, looks: int, band: Band = BAND, confidence: float = CONFIDENCE, *, full: bool | None = None
    ) -> Claims:
        """The rules of `UntilDecided`, or with the whole (`full`) or half of the error for each side."""
        runs, passed = _grid(looks)
        inner = -np.log(1 - confidence)
        full = full_level_holds(band, confidence, looks) if full is None else full
        outer = inner if full else inner + np.log(2)
        never = np.zeros(np.broadcast_shapes(runs.shape, passed.shape), dtype=bool)

        def reached(evidence, end: float, needed: float, at_the_end: np.ndarray) -> np.ndarray:
            return evidence(passed, runs, end) >= needed if 0 < end < 1 else at_the_end

        return cls(
            reached(log_evidence_below, band.low, outer, never),
            reached(log_evidence_above, band.high, outer, never),
            reached(log_evidence_above, band.low, inner, ~never),
            reached(log_evidence_below, band.high, inner, ~never),
        )

    def stop(self, rate: float, looks: int) -> tuple[dict[Decision, float], np.ndarray]:
        """Chance of every decision, and of stopping at every look, at a true `rate`."""
        said, stops = self.stops(np.array([rate]), looks)
        return {word: float(chance[0]) for word, chance in said.items()}, stops[0]

    def stops(self, rates: np.ndarray, looks: int) -> tuple[dict[Decision, np.ndarray], np.ndarray]:
        """The same for many rates at once: chances [rates] by decision, and [rates, looks + 1]."""
        said = {word: np.zeros(len(rates)) for word in (Decision.TOO_HARD, Decision.TOO_EASY, Decision.IN_BAND)}
        stops = np.zeros((len(rates), looks + 1))
        state = np.zeros((4, len(rates), looks + 1))  # bit 0: known to be above the low end, bit 1: below the high end
        state[0, :, 0] = 1.0
        rate = rates[:, None]
        for look in range(1, looks + 1):
            moved = state * (1 - rate)
            moved[..., 1:] += state[..., :-1] * rate
            state = moved
            for word, rule in ((Decision.TOO_HARD, self.too_hard), (Decision.TOO_EASY, self.too_easy)):
                chance = state[..., rule[look]].sum(axis=(0, 2))
                said[word] += chance
                stops[:, look] += chance
                state[..., rule[look]] = 0
            for bit, rule in ((1, self.above_low), (2, self.below_high)):
                for known in range(4):
                    if not known & bit:
                        state[known | bit][:, rule[look]] += state[known][:, rule[look]]
                        state[known][:, rule[look]] = 0
            chance = state[3].sum(axis=1)
            said[Decision.IN_BAND] += chance
            stops[:, look] += chance
            state[3] = 0
        return said, stops


def decision_errors(
    rates: np.ndarray, looks: int, band: Band, confidence: float = CONFIDENCE, *, full: bool | None = None
) -> np.ndarray:
    """The exact chance that `runs.until=decided` says something wrong within `looks` runs, one figure a rate."""
    said, _ = Claims.of_sequence(looks, band, confidence, full=full).stops(rates, looks)
    right = [truth(rate, band) for rate in rates]
    return sum(chance * [word is not what for what in right] for word, chance in said.items())


def telling_rates(band: Band, inside: int = 16) -> np.ndarray:
    """Rates at which a decision can be most wrong: the band's ends from both sides, between them, and some beyond."""
    ends = [end + side for end in (band.low, band.high) for side in (-1e-9, 0, 1e-9) if 0 < end < 1]
    return np.unique([*ends, *np.linspace(band.low, band.high, inside + 1), 0.01, 0.3, 0.5, 0.7, 0.99])


def peeking_error(rate: float, looks: int) -> float:
    """The exact chance of a wrong verdict when the fixed-number verdict is asked after every run, and believed."""
    alive = np.zeros(looks + 1)
    alive[0], wrong = 1.0, 0.0
    for look in range(1, looks + 1):
        alive = _step(alive, rate)
        for k, word in enumerate(_verdicts(look)):
            if word is not Decision.UNDECIDED:
                wrong += alive[k] * (word is not truth(rate))
                alive[k] = 0
    return wrong


@cache
def _verdicts(runs: int) -> list[Decision]:
    return [verdict(k, runs, BAND, CONFIDENCE).decision for k in range(runs + 1)]


def advice_error(rate: float, first: int, most: int, repeats: int, rng: np.random.Generator) -> float:
    """How often the verdict is wrong if one adds the "about N more runs" that it asks for until it is decided."""
    wrong = 0
    for _ in range(repeats):
        runs, passed = first, int(rng.binomial(first, rate))
        said = verdict(passed, runs, BAND, CONFIDENCE)
        while said.decision is Decision.UNDECIDED and runs < most:
            more = min(said.more_runs or first, most - runs)
            runs, passed = runs + more, passed + int(rng.binomial(more, rate))
            said = verdict(passed, runs, BAND, CONFIDENCE)
        wrong += said.decision not in (Decision.UNDECIDED, truth(rate))
    return wrong / repeats


def _grid(looks: int) -> tuple[np.ndarray, np.ndarray]:
    runs = np.arange(looks + 1.0)[:, None]
    return runs, np.minimum(np.arange(looks + 1.0)[None, :], runs)


def _step(chances: np.ndarray, rate: float) -> np.ndarray:
    moved = chances * (1 - rate)
    moved[1:] += chances[:-1] * rate
    return moved


def fixed_plan(rate: float, power: float = 0.9, most: int = 3000) -> int | None:
    """The smallest number of runs from which on the fixed-number verdict is right with probability `power`."""
    z, right = normal_quantile(CONFIDENCE), truth(rate)
    last_short = 0
    for runs in range(1, most + 1):
        # passes at which Wilson's interval has left an end behind: |k/n - e| > z sqrt(e(1-e)/n)
        low = BAND.low * runs + z * np.sqrt(BAND.low * (1 - BAND.low) * runs) * np.array([-1, 1])
        high = BAND.high * runs + z * np.sqrt(BAND.high * (1 - BAND.high) * runs) * np.array([-1, 1])
        chance = {
            Decision.TOO_HARD: binom.cdf(np.ceil(low[0]) - 1, runs, rate),
            Decision.IN_BAND: max(
                0, binom.cdf(np.floor(high[0]), runs, rate) - binom.cdf(np.ceil(low[1]) - 1, runs, rate)
            ),
            Decision.TOO_EASY: binom.sf(np.floor(high[1]), runs, rate),
        }[right]
        if chance < power:
            last_short = runs
        elif runs > last_short + 100:
            break
    return last_short + 1 if last_short < most else None


def landscape_coverage(runs: int, side: int, repeats: int, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Share of simulated landscapes all of whose cells are covered, and mean width: ours and the union bound.

    A rollout needs lognormal tokens and has a lognormal error, correlated; a cell passes it if both fit.
    """
    limits, tolerances = np.geomspace(800, 6000, side), np.geomspace(0.02, 0.6, side)

    def sample(number: int) -> np.ndarray:
        noise = rng.standard_normal((2, number))
        tokens = np.exp(7.7 + 0.6 * noise[0])
        errors = np.exp(-2 + 0.9 * (0.3 * noise[0] + 0.95 * noise[1]))
        fits = (tokens[:, None, None] <= limits[:, None]) & (errors[:, None, None] <= tolerances)
        return fits.reshape(number, -1)

    true = np.mean([sample(20_000).mean(axis=0) for _ in range(50)], axis=0)
    hits, widths = np.zeros(3), np.zeros(3)
    z_union = normal_quantile(1 - (1 - CONFIDENCE) / side**2)
    level_union = 1 - 2 * ndtr(-z_union)
    union = [exact(k, runs, level_union) for k in range(runs + 1)]
    point = [wilson(k, runs, CONFIDENCE) for k in range(runs + 1)]
    for repeat in range(repeats):
        passed = sample(runs)
        ours = simultaneous(passed, CONFIDENCE, seed=repeat)
        counts = passed.sum(axis=0)
        for i, (low, high) in enumerate(
            [
                (ours.low, ours.high),
                (np.array([union[k].low for k in counts]), np.array([union[k].high for k in counts])),
                (np.array([point[k].low for k in counts]), np.array([point[k].high for k in counts])),
            ]
        ):
            hits[i] += bool(np.all((low <= true) & (true <= high)))
            widths[i] += float((high - low).mean())
    names = ("simultaneous", "union bound", "pointwise Wilson")
    return {name: (hits[i] / repeats, widths[i] / repeats) for i, name in enumerate(names)}


def crossing_coverage(runs: int, share: float, repeats: int, rng: np.random.Generator) -> float:
    """How often the interval of a crossing holds the true one (lognormal token need; 20 % never pass)."""
    reach = 0.8
    from scipy.special import ndtri

    true = np.exp(7.7 + 0.6 * ndtri(share / reach))
    hits = 0
    for _ in range(repeats):
        needed = np.exp(7.7 + 0.6 * rng.standard_normal(runs))
        needed[rng.random(runs) > reach] = np.inf
        found = crossing(needed.tolist(), share, CONFIDENCE)
        hits += found.low <= true <= found.high
    return hits / repeats


def comparison_figures(runs: int) -> tuple[float, float, float, float]:
    """Exact largest size of the two-sample test over rates, of Fisher's, and the power of both at 20 % against 50 %."""
    from scipy.stats import fisher_exact

    ours = p_values(runs)
    fisher = np.ones_like(ours)
    for i in range(runs + 1):
        for j in range(i + 1):
            fisher[i, j] = fisher[j, i] = fisher_exact([[i, j], [runs - i, runs - j]]).pvalue

    def chance(table: np.ndarray, one: float, two: float) -> float:
        k = np.arange(runs + 1)
        return float(binom.pmf(k, runs, one) @ (table <= 1 - CONFIDENCE) @ binom.pmf(k, runs, two))

    size = [max(chance(table, rate, rate) for rate in RATES) for table in (ours, fisher)]
    return size[0], size[1], chance(ours, 0.2, 0.5), chance(fisher, 0.2, 0.5)


def power(runs: int, one: float, two: float) -> float:
    """The exact chance that the two-sample test tells rates `one` and `two` apart."""
    k = np.arange(runs + 1)
    return float(binom.pmf(k, runs, one) @ (p_values(runs) <= 1 - CONFIDENCE) @ binom.pmf(k, runs, two))


def p_values(runs: int) -> np.ndarray:
    """The two-sample test of every pair of counts; half of them follow from the other half."""
    table = np.ones((runs + 1, runs + 1))
    for i in range(runs + 1):
        for j in range(i + 1):
            table[i, j] = table[j, i] = two_sample_test(i, runs, j, runs)[0]
    return table


def difference_coverage(runs: int) -> tuple[float, float]:
    """Exact mean and least coverage of Newcombe's interval over a grid of pairs of rates."""
    k = np.arange(runs + 1)
    bounds = [[newcombe(i, runs, j, runs, CONFIDENCE) for j in k] for i in k]
    low = np.array([[cell.low for cell in row] for row in bounds])
    high = np.array([[cell.high for cell in row] for row in bounds])
    found = []
    for one in RATES[1::5]:
        for two in RATES[1::5]:
            inside = (low <= two - one) & (two - one <= high)
            found.append(binom.pmf(k, runs, one) @ inside @ binom.pmf(k, runs, two))
    return float(np.mean(found)), float(np.min(found))


def report_fixed() -> None:
    print("\n1. Fixed number of runs, 95 %, true rates 1 %, 2 %, … 99 % (exact)")
    print("   runs   Wilson mean   Wilson least (at)   exact mean   exact least   wrong verdict, largest (at)")
    for runs in (10, 15, 20, 50, 100, 200, 500):
        one, two, wrong = interval_coverage(wilson, runs), interval_coverage(exact, runs), verdict_errors(runs)
        print(
            f"   {runs:4d}   {one.mean():11.4f}   {one.min():.4f} ({RATES[one.argmin()]:.2f})       {two.mean():10.4f}"
            f"   {two.min():11.4f}   {wrong.max():.4f} ({RATES[wrong.argmax()]:.2f})"
        )
    edges = np.array([BAND.low - 1e-9, BAND.high + 1e-9, BAND.low, BAND.high])
    worst = {runs: verdict_errors(runs, edges).max() for runs in (50, 100, 200, 500)}
    print("   at the band's very ends: " + ", ".join(f"{runs} runs {error:.4f}" for runs, error in worst.items()))


def report_sequence(looks: int) -> None:
    print(f"\n2. Looking after every run, up to {looks} looks (exact), band {BAND}")
    rates = np.concatenate([RATES, [0.0999999, 0.1, 0.4, 0.4000001]])
    missed = np.array([sequence_miss(rate, looks) for rate in RATES])
    print(
        f"   the 95 % sequence ever excludes the truth: mean {missed.mean():.4f}, "
        f"largest {missed.max():.4f} at a rate of {RATES[missed.argmax()]:.2f}"
    )
    wrong = decision_errors(rates, looks, BAND)
    print(
        f"   its decision is wrong:                     mean {wrong.mean():.4f}, "
        f"largest {wrong.max():.4f} at a rate of {rates[wrong.argmax()]:.4f}"
    )
    peeked = np.array([peeking_error(rate, looks) for rate in rates[::3]])
    print(
        f"   believing the fixed-number verdict as soon as it decides: mean {peeked.mean():.4f}, "
        f"largest {peeked.max():.4f} at {rates[::3][peeked.argmax()]:.4f}"
    )


def report_advice(looks: int, repeats: int) -> None:
    edges = (0.0999999, 0.1, 0.4, 0.4000001)
    found = [advice_error(rate, 15, looks, repeats, np.random.default_rng(4)) for rate in edges]
    print(
        f"   adding the runs that the fixed-number verdict asks for, from 15 up to {looks} ({repeats} simulated): "
        f"largest {max(found):.4f} at {edges[int(np.argmax(found))]:.4f}"
    )


def report_bands(looks: int) -> None:
    print(f"\n   largest error of the decision over all rates, up to {looks} looks (exact), by what each side may use")
    print("   band     level   all of it   bound inside the band: 1000 looks, any number   half of it   used")
    for low, high in BANDS:
        band = Band(low, high)
        for confidence in LEVELS:
            error, rates = 1 - confidence, telling_rates(band)
            whole, half = (decision_errors(rates, looks, band, confidence, full=full).max() for full in (True, False))
            bound = ", ".join(f"{worst_error(band, error, most):.4f}" for most in (1000, None))
            used = "all" if full_level_holds(band, confidence, looks) else "half"
            print(f"   {band!s:7}  {error:.2f}    {whole:.4f}      {bound:44}   {half:.4f}       {used}")


def report_savings(looks: int) -> None:
    print(f"\n3. Runs until decided, band {BAND}, 95 %, at most {looks} (exact)")
    print(
        "   rate   mean (half of the error a side)   median   90th pct   undecided   fixed plan (90 % right)   "
        "saved of it   saved of 200 runs"
    )
    claims, halves = Claims.of_sequence(looks), Claims.of_sequence(looks, full=False)
    steps = np.arange(looks + 1)
    for rate in (0.02, 0.05, 0.15, 0.20, 0.25, 0.30, 0.50, 0.60, 0.80):
        _, stops = claims.stop(rate, looks)
        done = stops.cumsum()
        mean = (steps * stops).sum() + looks * (1 - done[-1])
        _, before = halves.stop(rate, looks)
        earlier = (steps * before).sum() + looks * (1 - before.sum())
        of_200 = 1 - ((steps * stops)[:201].sum() + 200 * (1 - done[200])) / 200
        plan = fixed_plan(rate)
        ninety = f"{(done >= 0.9).argmax():8d}" if done[-1] >= 0.9 else f"  > {looks}"
        saved = f"{1 - mean / plan:6.0%}" if plan else "     –"
        print(
            f"   {rate:.2f}   {mean:4.0f} ({earlier:.0f})   "
            f"{(done >= 0.5).argmax():6d}   {ninety}   {max(0.0, 1 - done[-1]):9.4f}   "
            f"{plan or '> 3000':>23}   {saved:>11}   {of_200:16.0%}"
        )


def report_landscapes(repeats: int) -> None:
    print(f"\n4. All cells of a landscape at once, 95 %, shared rollouts ({repeats} simulated landscapes a row)")
    print("   runs   cells   simultaneous: covered, width   union bound: covered, width   pointwise: covered, width")
    for runs, side in ((15, 4), (50, 4), (50, 8), (100, 8), (400, 8), (100, 20)):
        found = landscape_coverage(runs, side, repeats, np.random.default_rng(0))
        print(
            f"   {runs:4d}   {side * side:5d}"
            + "".join(f"   {hit:20.4f}, {width:.3f}" for hit, width in found.values())
        )
    print(f"   a whole curve at once (DKW): +/-{curve_margin(100):.3f} at 100 runs, +/-{curve_margin(400):.3f} at 400")
    print(
        "   crossing of a share, interval holds the truth: "
        + ", ".join(
            f"{runs} runs at {share:.0%}: {crossing_coverage(runs, share, 4 * repeats, np.random.default_rng(1)):.4f}"
            for runs, share in ((50, 0.1), (50, 0.4), (200, 0.1), (200, 0.4))
        )
    )


def report_comparisons() -> None:
    print("\n5. Two launches (exact)")
    for runs in (10, 20, 30):
        ours, fisher, found, fisher_found = comparison_figures(runs)
        print(
            f"   {runs} runs each, 5 % level: Boschloo's largest error {ours:.4f}, power 20 % against 50 % {found:.3f};"
            f" Fisher's {fisher:.4f} and {fisher_found:.3f}"
        )
    for runs in (15, 50, 100):
        mean, least = difference_coverage(runs)
        print(f"   {runs} runs each: Newcombe's 95 % interval covers {mean:.4f} on average, {least:.4f} at least")


def main() -> None:
    """Print every table."""
    quick = "--quick" in sys.argv
    began = time.perf_counter()
    report_fixed()
    report_sequence(200 if quick else 1000)
    report_bands(200 if quick else 1000)
    report_advice(200 if quick else 1000, 1000 if quick else 20_000)
    report_savings(400 if quick else 2000)
    report_landscapes(100 if quick else 2000)
    report_comparisons()
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
