"""Reminders to a model that ends its turn without submitting: the config's, or words that fit a task of files."""

from __future__ import annotations

from evalkit.config.schema import AgentConfig
from evalkit.task.optional_parts import needs_submission_of
from evalkit.task.protocol import Spec

SHIPPED = (
    "You ended your turn without submitting an answer. Call submit_answer with your final answer when you have it; "
    "nothing else is graded."
)
"""What `agent.nudge` says as long as nobody sets it."""
FILES = (
    "You ended your turn without calling submit_answer. Your files are graded as they are, whether you submit or not: "
    "go on working on them, or call submit_answer when they are done."
)
"""What is said in its place where files are graded however a rollout ends."""


def reminders(config: AgentConfig, spec: Spec) -> tuple[int, str]:
    """How many reminders a model gets that ends its turn without submitting, and their text.

    Where nothing is to be submitted, ending the turn is how a model says that it is done. Words that somebody chose
    are said everywhere.
    """
    if needs_submission_of(spec) or config.nudge != SHIPPED:
        return config.nudges, config.nudge
    if any(tool.name == "submit_answer" for tool in spec.tools):
        return config.nudges, FILES
    return 0, ""
