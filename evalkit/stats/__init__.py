"""What may be said about pass rates, and how sure of it one is. Pure functions of counts; no I/O.

SciPy does the arithmetic it has and is imported where it is first needed: loading it costs half a second of CPU.
"""

from evalkit.stats.intervals import Interval, exact, wilson
from evalkit.stats.passk import pass_at_k, pass_hat_k
from evalkit.stats.verdict import Band, Decision, Verdict, decide, runs_to_decide, verdict

__all__ = [
    "Band",
    "Decision",
    "Interval",
    "Verdict",
    "decide",
    "exact",
    "pass_at_k",
    "pass_hat_k",
    "runs_to_decide",
    "verdict",
    "wilson",
]
