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
    "audit": Verb("evalkit.cli.audit:main", "check a task's grader with known solutions, mutants and tolerances"),
    "doctor": Verb("evalkit.cli.doctor:main", "show which sandbox isolation works here, and what the rest needs"),
    "diagnose": Verb("evalkit.cli.diagnose:main", "name the known mistake behind each failed run"),
    "resume": Verb("evalkit.cli.resume:main", "finish an interrupted launch or sweep, from its output directory"),
    "landscape": Verb("evalkit.cli.landscape:main", "compute the landscape of a sweep again from its directory"),
    "regrade": Verb(
        "evalkit.cli.regrade:main", "grade a launch again: other tolerances, smaller limits, a better grader"
    ),
    "diff": Verb("evalkit.cli.diff:main", "compare settings and results of launches or sweeps"),
    "report": Verb("evalkit.cli.report:main", "write report.md and report.html into output directories"),
    "show": Verb("evalkit.cli.show:main", "read a launch, a sweep or a conversation in the terminal"),
}
