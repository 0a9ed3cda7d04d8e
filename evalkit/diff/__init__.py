"""What two launches or sweeps have set differently, what came of it, and whether chance explains it."""

from evalkit.diff.compare import LaunchDiff, SweepDiff, compare

__all__ = ["LaunchDiff", "SweepDiff", "compare"]
