"""Statistics of pass rates. Pure functions of counts; no I/O.

SciPy does the arithmetic it has and is imported where it is first needed: loading it costs half a second of CPU.
"""

from evalkit.stats.comparisons import (
    Comparison,
    compare_independent,
    compare_paired,
    paired_runs_to_tell_apart,
    runs_to_tell_apart,
)
from evalkit.stats.intervals import Interval, exact, wilson
from evalkit.stats.paired_sets import compare_sets, holm, rank_models
from evalkit.stats.passk import pass_at_k, pass_hat_k
from evalkit.stats.planning import best_split, what_more_buys
from evalkit.stats.problem_sets import SetInterval, like_these, these_problems
from evalkit.stats.sequential import ConfidenceSequence, UntilDecided
from evalkit.stats.set_sequence import SetUntilDecided
from evalkit.stats.simultaneous import Crossing, Simultaneous, crossing, curve_margin, simultaneous
from evalkit.stats.spread import components, histogram
from evalkit.stats.training_signal import set_pass_at_k, set_pass_hat_k, training_signal
from evalkit.stats.unpaired_sets import compare_unpaired
from evalkit.stats.verdict import Band, Decision, Verdict, decide, runs_to_decide, verdict

__all__ = [
    "Band",
    "Comparison",
    "ConfidenceSequence",
    "Crossing",
    "Decision",
    "Interval",
    "SetInterval",
    "SetUntilDecided",
    "Simultaneous",
    "UntilDecided",
    "Verdict",
    "best_split",
    "compare_independent",
    "compare_paired",
    "compare_sets",
    "compare_unpaired",
    "components",
    "crossing",
    "curve_margin",
    "decide",
    "exact",
    "histogram",
    "holm",
    "like_these",
    "paired_runs_to_tell_apart",
    "pass_at_k",
    "pass_hat_k",
    "rank_models",
    "runs_to_decide",
    "runs_to_tell_apart",
    "set_pass_at_k",
    "set_pass_hat_k",
    "simultaneous",
    "these_problems",
    "training_signal",
    "verdict",
    "what_more_buys",
    "wilson",
]
