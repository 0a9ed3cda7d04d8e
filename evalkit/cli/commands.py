"""The commands of `python -m evalkit` and a line of help for each; the module `evalkit.cli.<name>` does what it says.

Such a module has `parser()`, which gives its `VerbParser`, and `run(options)`, which gives the exit status.
"""

from __future__ import annotations

VERBS: dict[str, str] = {
    "init": "write a small task into the current directory, to be changed",
    "audit": "check a task's grader with known solutions, mutants and tolerances",
    "doctor": "show which sandbox isolation works here, and what the rest needs",
    "diagnose": "name the known mistake behind each failed run",
    "resume": "finish an interrupted launch or sweep, from its output directory",
    "landscape": "compute the landscape of a sweep again from its directory",
    "regrade": "grade a launch again: other tolerances, smaller limits, a better grader",
    "diff": "compare settings and results of launches or sweeps",
    "select": "choose the problems of a launch that are worth training on",
    "report": "write report.md and report.html into output directories",
    "show": "read a launch, a sweep or a conversation in the terminal",
}
