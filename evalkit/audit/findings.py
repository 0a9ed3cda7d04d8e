"""Findings of an audit by name, and the list of those that the task's author knows of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.util.errors import UserError
from evalkit.util.source_quotes import first_line
from evalkit.util.suggestions import suggestion
from evalkit.util.yaml_lines import slip

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
    "changing-reply": "a tool says something else when a rollout is repeated",
    "order-dependent": "a verdict depends on what was graded before",
    "not-monotone": "a looser tolerance turns a pass into a failure",
    "unknown-knob": "a check names a knob that is no number of the config, or that not only `grade` reads",
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

    Raises `UserError` that quotes the line where the file is no YAML, no map of lists, or names no kind of finding.
    """
    path = folder / KNOWN
    if not path.is_file():
        return frozenset()
    import yaml

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        with path.open(encoding="utf-8") as file:
            root = yaml.compose(file, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise UserError(slip(error)) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read ({first_line(error)}): write it as UTF-8 text") from None
    return frozenset(name for key, name in _listed(root, path, lines) if key == config)


def _listed(root: Any, path: Path, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Config and name of every finding."""
    for key, names in _pairs(root, path, lines):
        if names.tag == "tag:yaml.org,2002:null":
            continue
        if names.id != "sequence":
            raise UserError(f"{_quoted(path, lines, names.start_mark)} is no list of findings: {_FORM}")
        for name in names.value:
            where = _quoted(path, lines, name.start_mark)
            if name.id != "scalar":
                raise UserError(f"{where} is not the name of a finding: {_FORM}")
            kind = name.value.partition(" ")[0]
            if kind not in KINDS:
                raise UserError(f"{where}: {kind!r} is not a kind of finding{suggestion(kind, KINDS)}")
            yield key, name.value


def _pairs(root: Any, path: Path, lines: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The keys of a mapping, as text, and the nodes of their values."""
    if root is None:
        return
    if root.id != "mapping":
        raise UserError(f"{_quoted(path, lines, root.start_mark)} is no map from configs to findings: {_FORM}")
    yield from ((str(key.value), value) for key, value in root.value)


def _quoted(path: Path, lines: Sequence[str], mark: Any) -> str:
    """`"- odd" (tasks/x/known_findings.yaml:3)`."""
    number = min(mark.line, len(lines) - 1)
    return f'"{lines[number].strip()}" ({path}:{number + 1})'


_FORM = "list names of findings under a config, such as `arithmetic: [false-accept wrong/x]`"
