"""The seed of each run."""

from __future__ import annotations

import hashlib


def run_seed(seed: int, run: int) -> int:
    """The seed of everything random in one run: 63 bits, from the launch's seed and the run's number."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{run}".encode()).digest()[:8], "big") >> 1
