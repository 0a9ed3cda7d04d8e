"""Help text: tasks, models, limits and common settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten

from evalkit.config.default_model import default_model
from evalkit.config.search_path import folders

_HELP = """\
evalkit measures, maps and tunes the difficulty of reinforcement-learning tasks for language models.

  python -m evalkit task=<task> [knob=value …]       run a task and analyse it (`evalkit …` does the same)
  python -m evalkit -m task=<task> knob=a,b,c …      sweep: one cell for every combination of values
{verbs}
Tasks (task=…)
{tasks}
Models (model=…; now {model}, chosen by EVALKIT_MODEL, else `claude` with an API key, else `simulated`)
{models}
Limits (limits=…)
{limits}
Common settings (all settings and their values: --cfg job)
  runs.count=10                how many rollouts
  runs.concurrency=1           how many at a time
  runs.seed=0                  seed of everything random in evalkit
  limits.max_tokens=2900       output tokens of a run, thinking included
  limits.max_steps=15          model calls of a run
  band.low=0.1 band.high=0.4   the pass rate to aim at
  verbose=true                 every turn and tool call
  task.<knob>=…                settings of the task: tolerances, sizes, variants

Examples
  python -m evalkit task=paged_attention limits.max_tokens=2900
  python -m evalkit task=positional_attention model=oracle runs.count=1
  python -m evalkit -m task=positional_attention task.tolerances.output=0.05,0.1,0.2 limits.max_steps=5,10,15
  python -m evalkit --cfg job task=arithmetic        show the whole config instead of running
  eval "$(evalkit -sc install=bash)"                 tab completion (zsh and fish too)

evalkit also reads conf/ and tasks/ in the current directory, in $EVALKIT_PATH and in --config-dir.
Exit status: 0 everything was done, 1 runs could not be completed, 2 bad input, 130 interrupted
(143 by SIGTERM, 129 by SIGHUP).
"""


def usage(verbs: Mapping[str, str]) -> str:
    """The whole help; `verbs`: a line of help for each command, by name."""
    rows = "".join(f"  python -m evalkit {name:<10} {summary}\n" for name, summary in verbs.items())
    return _HELP.format(
        verbs=rows,
        tasks=_table("task"),
        models=_table("model"),
        limits=_table("limits"),
        model=default_model(os.environ)[0],
    )


def choices(group: str) -> list[tuple[str, str]]:
    """Every config of a group with its first comment, by name."""
    found = {path.stem: path for folder in reversed(folders("conf")) for path in (folder / group).glob("*.yaml")}
    return [(name, _about(found[name])) for name in sorted(found)]


def _about(path: Path) -> str:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    comments = (line.lstrip("# ") for line in lines if line.startswith("#") and "@package" not in line)
    return next(comments, "")


def _table(group: str) -> str:
    return "".join(f"  {name:<31}{shorten(about, 86, placeholder=' …')}\n" for name, about in choices(group))
