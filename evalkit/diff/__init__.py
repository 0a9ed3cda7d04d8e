"""Comparison of launches or sweeps: settings, results, and a test of the difference."""

from evalkit.diff.compare import LaunchDiff, SweepDiff, compare

__all__ = ["LaunchDiff", "SweepDiff", "compare"]
