"""Findings of an audit by name, and the list of those that the task's author knows of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.util.errors import UserError

KINDS: Mapping[str, str] = {
    "nothing-to-check": "a part of the audit had nothing to work on",
    "oracle-fails": "the reference does not pass",
    "start-passes": "doing nothing passes",
    "false-accept": "something wrong passes",
    "false-reject": "something right fails",
    "wrong-category": "a mistake gets another failure category than its label says",
    "unknown-category": "a grade names a category that the task does not list",
    "grader-exception": "the task's own code raises",
    "changing-verdict": "the same submission gets different verdicts",
    "order-dependent": "a verdict depends on what was graded before",
    "not-monotone": "a looser tolerance turns a pass into a failure",
    "unstated": "the grader enforces what the prompt does not say",
    "unenforced": "the prompt asks for what the grader does not enforce",
    "unexercised": "no wrong solution breaks this rule of the prompt",
    "too-tight": "a tolerance rejects what the prompt promises to accept",
    "leak": "a hidden value can be seen",
}
"""Every kind of finding and its meaning, gravest first for the author who reads a list of them."""

KNOWN = "known_findings.yaml"
"""File in a task's folder: config → the findings that its author knows of and keeps."""


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong with a task or its evidence."""

    kind: str
    """One of `KINDS`."""
    subject: str
    """What it is about: a solution, a rule, a knob."""
    message: str = ""
    """One sentence with the figures."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind} is not a kind of finding")

    @property
    def name(self) -> str:
        """`false-accept wrong/no_scale`: stable, and what `known_findings.yaml` lists."""
        return f"{self.kind} {self.subject}"


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """By kind, then by subject; each name once."""
    order = list(KINDS)
    unique = {finding.name: finding for finding in reversed(findings)}
    return tuple(sorted(unique.values(), key=lambda finding: (order.index(finding.kind), finding.subject)))


def known_findings(folder: Path, config: str) -> frozenset[str]:
    """The names that `folder`/known_findings.yaml lists for `config`; none without the file.

    Raises `UserError` where the file is not a map of lists.
    """
    import yaml

    path = folder / KNOWN
    if not path.is_file():
        return frozenset()
    listed = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    fine = isinstance(listed, dict) and all(isinstance(names, list | None) for names in listed.values())
    if not fine:
        raise UserError(f"{path} must map configs to lists of findings, such as `arithmetic: [false-accept wrong/x]`")
    return frozenset(map(str, listed.get(config) or ()))
