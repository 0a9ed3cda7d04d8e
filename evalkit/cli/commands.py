"""The commands of `python -m evalkit`: their names, where they live, and a line of help."""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """What a bare first word does."""

    target: str
    """`module:function`; the function takes the words after the verb and returns the exit status."""
    summary: str
    """One line for the help."""


VERBS: dict[str, Verb] = {
    "audit": Verb(
        "evalkit.cli.audit:main", "try whether a task's grader is right: known solutions, mutants, tolerances"
    ),
    "doctor": Verb("evalkit.cli.doctor:main", "which isolation holds on this machine, and what the rest would need"),
    "diagnose": Verb("evalkit.cli.diagnose:main", "name the mistake that each failed run of a launch made"),
    "resume": Verb("evalkit.cli.resume:main", "finish an interrupted launch or sweep, from its output directory"),
    "landscape": Verb("evalkit.cli.landscape:main", "map a sweep again from its directory, whoever ran it"),
    "regrade": Verb(
        "evalkit.cli.regrade:main", "judge a launch again: other tolerances, smaller limits, a better grader"
    ),
    "diff": Verb("evalkit.cli.diff:main", "what changed between launches or sweeps, and what came of it"),
    "report": Verb("evalkit.cli.report:main", "write report.md and report.html into output directories"),
    "show": Verb("evalkit.cli.show:main", "read a launch, a sweep or a conversation in the terminal"),
}
