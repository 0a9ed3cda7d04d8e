"""Seeds of runs: the same on every machine and in every version, for a store is found again by them."""

from __future__ import annotations

import hashlib

from evalkit.sampling.seeds import run_seed


def test_a_seed_is_the_first_63_bits_of_a_hash_of_launch_and_run() -> None:
    bits = bin(int(hashlib.sha256(b"7/12").hexdigest(), 16))[2:].zfill(256)
    assert run_seed(7, 12) == int(bits[:63], 2)


def test_every_run_of_every_launch_has_a_seed_of_its_own() -> None:
    assert len({run_seed(launch, run) for launch in range(20) for run in range(1, 200)}) == 20 * 199
