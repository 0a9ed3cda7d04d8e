"""The seed of each run, and of each problem of a set."""

from __future__ import annotations

import hashlib


def run_seed(seed: int, run: int | str) -> int:
    """The seed of everything random in one run: 63 bits, from the launch's seed and the run's number.

    A problem of a set has the seed of its id in place of the number.
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{run}".encode()).digest()[:8], "big") >> 1
