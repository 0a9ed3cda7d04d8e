"""Measures what docs/selection.md claims: false and found problems, tries, and the interval of the signal, by rule.

    python -m benchmarks.selection [--quick] [expected] [beyond] [anytime] [signal]

Everything is simulated: rates are drawn from a spread, tries from the rates, seed 0. A row is the mean of `sets` sets.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from evalkit.stats import Band
from evalkit.stats import selection as rules
from evalkit.stats import selection_policy as policy
from evalkit.stats.selection_spread import fit

BAND = Band(0.10, 0.40)
LEVEL = 0.10
GROUP = 8
STEP = policy.STEP
Rng = np.random.Generator


def beta(a: float, b: float) -> Callable[[Rng, tuple[int, int]], np.ndarray]:
    return lambda rng, shape: rng.beta(a, b, shape)


def points(*rates: float) -> Callable[[Rng, tuple[int, int]], np.ndarray]:
    return lambda rng, shape: rng.choice(rates, shape)


def bimodal(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    return np.where(rng.random(shape) < 0.5, rng.beta(2, 30, shape), rng.beta(12, 12, shape))


SPREADS = {
    "none: all 25 %": points(0.25),
    "Beta(1, 3)": beta(1, 3),
    "Beta(0.5, 1.5)": beta(0.5, 1.5),
    "Beta(0.2, 0.6)": beta(0.2, 0.6),
    "5 and 30 %": points(0.05, 0.30),
    "25 and 50 %": points(0.25, 0.50),
    "2, 25 and 70 %": points(0.02, 0.25, 0.70),
    "6, 20 and 50 %": points(0.06, 0.20, 0.50),
    "Beta(2, 30) or Beta(12, 12)": bimodal,
}
"""Points have equal shares."""
BEYOND = {
    "8 and 25 %": points(0.08, 0.25),
    "5, 8, 25 and 45 %": points(0.05, 0.08, 0.25, 0.45),
    "42 and 70 %": points(0.42, 0.70),
}
"""Hard ones: many rates lie so close beyond an end of the band that the tries cannot tell."""
ALL = SPREADS | BEYOND


@dataclass
class Sets:
    """Simulated sets of problems: arrays of (sets, problems)."""

    rates: np.ndarray
    passes: np.ndarray
    tries: np.ndarray

    def counts(self, number: int) -> list[tuple[int, int]]:
        return list(zip(self.passes[number].tolist(), self.tries[number].tolist(), strict=True))

    def score(self, chosen: np.ndarray) -> tuple[float, float, float, float]:
        """Mean share of false ones among the chosen (0 if none is), its standard error, share found, mean tries."""
        true = (self.rates >= BAND.low) & (self.rates <= BAND.high)
        false = (chosen & ~true).sum(1) / np.maximum(chosen.sum(1), 1)
        found = (chosen & true).sum(1).sum() / max(true.sum(), 1)
        return float(false.mean()), float(false.std() / len(false) ** 0.5), float(found), float(self.tries.mean())


def tried(spread: str, sets: int, problems: int, tries: int, rng: Rng) -> Sets:
    """Sets whose problems all have the same number of tries."""
    rates = ALL[spread](rng, (sets, problems))
    return Sets(rates, rng.binomial(tries, rates), np.full(rates.shape, tries))


def adaptive(spread: str, sets: int, problems: int, rng: Rng, band: Band = BAND, level: float = LEVEL) -> Sets:
    """Sets after the policy of `expected` has ended: `policy.next_tries` for many sets at once."""
    found = tried(spread, sets, problems, STEP, rng)
    lattice = policy.lattice_of(band, policy.CAPS["expected"])
    while True:
        where = lattice.at(found.passes, found.tries)
        cells, cell = np.unique(where, return_inverse=True)
        number = np.zeros((sets, len(cells)))
        np.add.at(number, (np.arange(sets)[:, None], cell.reshape(where.shape)), 1)
        weights = fit(lattice.likelihood[cells], number, lattice.grid.prior)
        states = np.broadcast_to(cells, number.shape)
        going = policy.worth_a_try(lattice, weights, states, number, level * policy.SPARE)
        more = np.take_along_axis(going, where, 1) * np.minimum(STEP, lattice.cap - found.tries)
        if not more.any():
            return found
        found.passes, found.tries = found.passes + rng.binomial(more, found.rates), found.tries + more


def expected(found: Sets, level: float = LEVEL) -> np.ndarray:
    each = range(len(found.rates))
    return np.array([rules.expected(found.counts(number), BAND, level).chosen for number in each])


def common_practice(found: Sets) -> np.ndarray:
    observed = found.passes / found.tries
    return (observed >= BAND.low) & (observed <= BAND.high)


def peeking(spread: str, sets: int, problems: int, looks: int, rng: Rng, *, shared: bool) -> tuple[float, float, float]:
    """e-BH looked at every 8 tries: false share at the last look, and when an adversary stops; tries to find half.

    The adversary knows the rates and stops as soon as a false one is among the chosen. `shared`: all problems of a set
    share their luck, try by try.
    """
    rates = ALL[spread](rng, (sets, problems))
    true = (rates >= BAND.low) & (rates <= BAND.high)
    passes, worst, last = np.zeros(rates.shape, dtype=int), np.zeros(sets), np.zeros(sets)
    half = np.full(sets, np.inf)
    for look in range(1, looks + 1):
        luck = rng.random((8, sets, 1 if shared else problems))
        passes = passes + (luck < rates).sum(0)
        logs = rules.log_evidence_in_band(passes, 8 * look, BAND)
        bound = [
            np.sort(row)[::-1][max(rules.e_bh(row, LEVEL), 1) - 1] if rules.e_bh(row, LEVEL) else np.inf for row in logs
        ]
        chosen = logs >= np.array(bound)[:, None]
        last = (chosen & ~true).sum(1) / np.maximum(chosen.sum(1), 1)
        worst = np.where(worst > 0, worst, last)
        enough = (chosen & true).sum(1) >= true.sum(1) / 2
        half = np.where(enough & np.isinf(half), 8 * look, half)
    return float(last.mean()), float(worst.mean()), float(np.median(half))


def anytime_adaptive(spread: str, sets: int, problems: int, rng: Rng) -> tuple[float, float, float, float]:
    """The policy of `anytime` until half of those in the band are found: the scores of `Sets.score`."""
    found = tried(spread, sets, problems, STEP, rng)
    chosen = np.zeros(found.rates.shape, dtype=bool)
    for number in range(sets):
        rates = found.rates[number]
        true = (rates >= BAND.low) & (rates <= BAND.high)
        while True:
            counts = found.counts(number)
            logs = rules.log_evidence_in_band(found.passes[number], found.tries[number], BAND)
            chosen[number] = False
            chosen[number, np.argsort(-logs, kind="stable")[: rules.e_bh(logs, LEVEL)]] = True
            more = np.array(policy.next_tries(counts, BAND, rule="anytime", level=LEVEL, step=8))
            if (chosen[number] & true).sum() >= true.sum() / 2 or not more.any():
                break
            found.passes[number] += rng.binomial(more, rates)
            found.tries[number] += more
    return found.score(chosen)


def signal_coverage(spread: str, sets: int, problems: int, tries: int, rng: Rng) -> tuple[float, float, float, float]:
    """A quarter of the problems chosen by `signal`: share of intervals that hold the true mean signal of the chosen,
    that mean, the same mean over all problems, and what the observed rates of the same number of problems promise."""
    found = tried(spread, sets, problems, tries, rng)
    inside, truth, everybody, plug_in = [], [], [], []

    def mixed(rates: np.ndarray) -> np.ndarray:
        return 1 - rates**GROUP - (1 - rates) ** GROUP

    for number in range(sets):
        said = rules.signal(found.counts(number), BAND, problems // 4, GROUP)
        true = float(mixed(found.rates[number])[np.array(said.chosen)].mean())
        inside.append(said.gives is not None and said.gives.low - 1e-9 <= true <= said.gives.high + 1e-9)
        truth.append(true)
        everybody.append(mixed(found.rates[number]).mean())
        plug_in.append(np.sort(mixed(found.passes[number] / tries))[::-1][: problems // 4].mean())
    return float(np.mean(inside)), float(np.mean(truth)), float(np.mean(everybody)), float(np.mean(plug_in))


def report_expected(spreads: Iterable[str], sets: int, sizes: tuple[int, ...]) -> None:
    print(f"\nexpected, level {LEVEL:.0%}, band {BAND}; {sets} sets a row; false, found")
    print("| spread | problems | observed rate of 8 tries | tries | `expected`, adaptive | uniform |")
    print("|---|---:|---|---:|---|---|")
    for spread in spreads:
        for problems in sizes:
            rng = np.random.default_rng(0)
            simple = tried(spread, sets, problems, 8, rng)
            found = adaptive(spread, sets, problems, rng)
            common, ours = simple.score(common_practice(simple)), found.score(expected(found))
            even = tried(spread, sets, problems, round(ours[3]), rng)
            uniform = even.score(expected(even))
            cells = [f"{share(common[0])}, {share(common[2])}", f"{ours[3]:.1f}"]
            cells += [f"{share(ours[0])} ± {100 * ours[1]:.1f}, {share(ours[2])}"]
            cells += [f"{share(uniform[0])}, {share(uniform[2])}"]
            print(f"| {spread} | {problems} | {' | '.join(cells)} |", flush=True)


def report_anytime(spreads: Iterable[str], sets: int, sizes: tuple[int, ...], looks: int) -> None:
    print(f"\nanytime, level {LEVEL:.0%}, {sets} sets a row, looks every 8 tries up to {8 * looks}")
    print("| spread | problems | alone: at the end, adversary stops | shared luck: the same | tries to find half |")
    print("|---|---:|---|---|---:|")
    for spread in spreads:
        for problems in sizes:
            rng = np.random.default_rng(0)
            alone = peeking(spread, sets, problems, looks, rng, shared=False)
            together = peeking(spread, sets, problems, looks, rng, shared=True)
            cells = [f"{share(each[0], 2)}, {share(each[1], 2)}" for each in (alone, together)]
            tries = f"{alone[2]:.0f}" if np.isfinite(alone[2]) else f"more than {8 * looks}"
            print(f"| {spread} | {problems} | {' | '.join(cells)} | {tries} |", flush=True)


def report_anytime_adaptive(sets: int) -> None:
    print(f"\nanytime, adaptive until half are found, 200 problems, {sets} sets a row: false, found, tries")
    for spread in list(SPREADS)[1:4]:
        false, _, found, tries = anytime_adaptive(spread, sets, 200, np.random.default_rng(0))
        print(f"| {spread} | {share(false, 2)} | {share(found)} | {tries:.0f} |", flush=True)


def report_signal(sets: int, sizes: tuple[int, ...]) -> None:
    print(f"\nsignal, groups of {GROUP}, 8 tries, a quarter chosen, {sets} sets a row")
    print("| spread | problems | interval holds | true mean of the chosen | of all | promised by observed rates |")
    print("|---|---:|---:|---:|---:|---:|")
    for spread in SPREADS:
        for problems in sizes:
            figures = signal_coverage(spread, sets, problems, 8, np.random.default_rng(0))
            print(f"| {spread} | {problems} | {' | '.join(share(figure) for figure in figures)} |", flush=True)


def share(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f} %"


def main(arguments: list[str]) -> None:
    quick = "--quick" in arguments
    asked = {word for word in arguments if not word.startswith("-")} or {"expected", "beyond", "anytime", "signal"}
    sets, sizes = (20, (50,)) if quick else (200, (50, 200, 1000))
    if "expected" in asked:
        report_expected(SPREADS, sets, sizes)
    if "beyond" in asked:
        report_expected(BEYOND, sets, sizes)
        report_anytime(BEYOND, sets, (50,) if quick else (200,), 10 if quick else 50)
    if "signal" in asked:
        report_signal(sets, sizes)
    if "anytime" in asked:
        report_anytime(SPREADS, sets, sizes, 10 if quick else 50)
        report_anytime_adaptive(2 if quick else 20)


if __name__ == "__main__":
    main(sys.argv[1:])
