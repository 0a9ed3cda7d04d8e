"""Statistics of pass rates. Pure functions of counts; no I/O.

SciPy does the arithmetic it has and is imported where it is first needed: loading it costs half a second of CPU.
"""

from evalkit.stats.comparisons import (
    Comparison,
    compare,
    compare_paired,
    paired_runs_to_tell_apart,
    runs_to_tell_apart,
)
from evalkit.stats.intervals import Interval, exact, wilson
from evalkit.stats.passk import pass_at_k, pass_hat_k
from evalkit.stats.problem_sets import SetInterval, like_these, these_problems
from evalkit.stats.sequential import ConfidenceSequence, UntilDecided
from evalkit.stats.simultaneous import Crossing, Simultaneous, crossing, curve_margin, simultaneous
from evalkit.stats.verdict import Band, Decision, Verdict, decide, runs_to_decide, verdict

__all__ = [
    "Band",
    "Comparison",
    "ConfidenceSequence",
    "Crossing",
    "Decision",
    "Interval",
    "SetInterval",
    "Simultaneous",
    "UntilDecided",
    "Verdict",
    "compare",
    "compare_paired",
    "crossing",
    "curve_margin",
    "decide",
    "exact",
    "like_these",
    "paired_runs_to_tell_apart",
    "pass_at_k",
    "pass_hat_k",
    "runs_to_decide",
    "runs_to_tell_apart",
    "simultaneous",
    "these_problems",
    "verdict",
    "wilson",
]
