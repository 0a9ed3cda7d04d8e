"""`kind: files`: the model works on files, and named checks or a test file are run on those that it leaves."""

from __future__ import annotations

import ast
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from evalkit.config.search_path import own_folder
from evalkit.sandbox.protocol import Sandbox
from evalkit.task.attempt import Attempt, GradingContext
from evalkit.task.grade import Check, Fault, Grade, Measurement
from evalkit.task.kinds.cases import data_file
from evalkit.task.kinds.common import (
    QUESTION,
    KindConfig,
    check_shared,
    checker_of,
    file_bytes,
    named_tools,
    written_agents,
)
from evalkit.task.kinds.form import Checker, Key
from evalkit.task.kinds.templates import Facts
from evalkit.task.playing import writing
from evalkit.task.problem import Problem
from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens
from evalkit.task.tools import SubmitAnswer, Tool
from evalkit.util.bounded_json import loads
from evalkit.util.errors import UserError
from evalkit.util.path_patterns import is_literal, matches
from evalkit.util.suggestions import suggestion

_FILES = Key("mapping", each=Key("anything"))
_WRONG: Mapping[str, Key] = {
    "files": Key("mapping", "{<path>: <text>}", required=True, each=Key("anything")),
    "expect": Key("text"),
    "breaks": Key("text"),
}
_KEYS: Mapping[str, Key] = {
    "artifacts": Key("texts", "[<path>]", required=True),
    "needs_submission": Key("switch"),
    "reference": _FILES,
    "checks": Key("mapping", each=Key("text")),
    "tests": Key("text"),
    "wrong": Key("mapping", each=Key("mapping", keys=_WRONG)),
    "time_limit_s": Key("positive"),
}
_INSIDE = Path(__file__).with_name("checked_inside.py").read_text(encoding="utf-8")
_OWN: Mapping[str, str] = {
    "missing_file": "A file is missing",
    "timeout": "The checks took too long",
    "checks_ended": "The checks were ended",
    "no_submission": "No submission",
}
_SCHEMA: Mapping[str, Any] = {"type": "string", "description": "What you did, in a sentence"}
_DONE = "Say that the files are finished. This ends the task; it can be called once."


@dataclass(frozen=True)
class Spec:
    """One piece of work on files."""

    prompt: str
    system: str
    files: Mapping[str, bytes]
    rules: Mapping[str, str]
    tools: Sequence[Tool]
    artifacts: Sequence[str]
    needs_submission: bool
    reference: Mapping[str, str]
    """Right files by path."""
    facts: Facts = field(compare=False)

    answer_schema: ClassVar[Mapping[str, Any]] = _SCHEMA

    @property
    def play(self) -> str:
        """Sources of solutions/ are the only file that is graded, where there is but one."""
        plain = self.plain
        return f"write:{plain[0]}" if len(self.artifacts) == len(plain) == 1 else "submit"

    @property
    def plain(self) -> list[str]:
        """Artifacts that are paths and not patterns."""
        return [path for path in self.artifacts if is_literal(path)]


class Task:
    """Work on files in YAML."""

    Config: ClassVar[type] = KindConfig
    title = ""
    graded_by = ()

    def __init__(self, config: KindConfig) -> None:
        self.config, self._own = config, config.own
        self.folder = own_folder(config.name)
        self.title = config.title or config.name.replace("_", " ").capitalize()
        self.rules = config.rules or {QUESTION: config.prompt}
        self._checker = checker_of({"name": config.name, "kind": config.kind, **vars(config), **config.own})
        self._tests = _source(config.own.get("tests", ""), self.folder, self._checker)
        self._names = test_names(self._tests, self._checker)
        _check_names([*config.own.get("checks", {}), *self._names], config.own.get("wrong", {}), self._checker)

    @staticmethod
    def check(node: Mapping[str, Any]) -> None:
        """Raise `UserError` for the first slip in a `task` node."""
        check_shared(node, _KEYS, ("reference", "checks", "wrong"))
        checker = checker_of(node)
        if not node.get("checks") and not node.get("tests"):
            raise checker.slip((), "kind: files lacks checks: add `checks: {<name>: <Python>}`, or `tests: <file.py>`")
        for name, source in (node.get("checks") or {}).items():
            try:
                compile(source, name, "exec")
            except (SyntaxError, ValueError) as error:
                raise checker.slip(("checks", name), f"checks.{name} is not Python: {error}") from error

    @property
    def categories(self) -> Mapping[str, str]:
        """Every check is one, by its name."""
        named = {name: name.removeprefix("test_").replace("_", " ").capitalize() for name in self._all}
        return {**named, **_OWN}

    @property
    def _all(self) -> list[str]:
        return [*self._own.get("checks", {}), *self._names]

    def spec(self, problem: Problem) -> Spec:
        """The work that one row asks for."""
        config, own, facts = self.config, self._own, Facts(problem, self.config.values, self._checker)
        tools = named_tools(config.tools or ("read_file", "write_file", "list_files", "python"))
        return Spec(
            prompt=facts.text(config.prompt, ("prompt",)),
            system=facts.text(config.system, ("system",)),
            files=file_bytes(config.files, facts, self.folder, ("files",)),
            rules={name: facts.text(words, ("rules", name)) for name, words in self.rules.items()},
            tools=(*tools, SubmitAnswer(_SCHEMA, _DONE)),
            artifacts=tuple(own["artifacts"]),
            needs_submission=own.get("needs_submission", False),
            reference=self._reference(facts),
            facts=facts,
        )

    async def measure(self, attempt: Attempt, spec: Spec, context: GradingContext) -> Measurement:
        """Which checks fail on the files that are there, and how."""
        files = {**spec.files, **attempt.artifacts}
        if attempt.rollout is not None:
            files = {
                path: data
                for path, data in files.items()
                if path in attempt.artifacts or not matches(path, spec.artifacts)
            }
        if missing := next((path for path in spec.plain if path not in files), None):
            return Measurement(fault=Fault("missing_file", f"{missing} is missing"))
        failed = await self._run(files, spec, context.sandbox)
        return failed if isinstance(failed, Measurement) else Measurement({"failed": failed, "checks": len(self._all)})

    def grade(self, measurement: Measurement) -> Grade:
        """Right if no check fails; the first one that does is the category. Score: the share of checks that hold."""
        if measurement.fault:
            return Grade.failed(measurement.fault)
        failed: Mapping[str, str] = measurement.values["failed"]
        checks = tuple(Check(name, name not in failed) for name in self._all)
        if not failed:
            return Grade(True, f"All of {len(checks)} checks hold", checks=checks)
        first = next(name for name in self._all if name in failed)
        score = 1 - len(failed) / len(checks)
        return Grade(False, f"{first}: {failed[first]}", first, checks, score)

    def oracle(self, spec: Spec) -> ScriptedAgent:
        """Writes the reference."""
        return writing(spec.reference, spec, "oracle")

    def agents(self, spec: Spec) -> Sequence[ScriptedAgent]:
        """Those of the YAML or of agents.yaml; else one that is right, one for each known mistake, and an idle one."""
        if own := written_agents(self.config, spec.facts, self.folder):
            return own
        wrong = [writing(files, spec, name, 0.5) for name, files in self._wrong_files(spec).items()]
        idle = ScriptedTurn(Tokens(60, 0.3), "I leave everything as it is.")
        return [writing(spec.reference, spec, "right"), *wrong, ScriptedAgent("idle", (idle,), 0.5)]

    def reference_source(self, spec: Spec) -> str:
        """What audits make mistakes in: the only file that is graded, if it is Python."""
        path = spec.play.removeprefix("write:")
        return spec.reference.get(path, "") if path.endswith(".py") else ""

    def known(self, spec: Spec) -> Iterator[Mapping[str, Any]]:
        """Known files for audits: the wrong ones of the YAML, empty ones, and a mere claim."""
        rule = QUESTION if QUESTION in self.rules else ""
        yield {"name": "reference", "agent": writing(spec.reference, spec, "reference"), "about": "the reference"}
        for name, files in self._wrong_files(spec).items():
            entry = self._own["wrong"][name]
            labels = {"expect": entry.get("expect", "any"), "breaks": entry.get("breaks", rule)}
            yield {"name": name, "agent": writing(files, spec, name), **labels}
        empty = dict.fromkeys(spec.plain or spec.reference, "")
        yield {"name": "empty_files", "agent": writing(empty, spec, "empty"), "expect": "any", "breaks": rule}
        claim = ScriptedTurn(Tokens(20), "", ({"name": "submit_answer", "input": {"answer": "All checks hold."}},))
        about = {"kind": "exploits", "expect": "any", "breaks": rule, "about": "says that it is done"}
        yield {"name": "claims_success", "agent": ScriptedAgent("claim", (claim,)), **about}

    def _wrong_files(self, spec: Spec) -> dict[str, dict[str, str]]:
        return {
            name: _texts(file_bytes(entry["files"], spec.facts, self.folder, ("wrong", name, "files")))
            for name, entry in self._own.get("wrong", {}).items()
        }

    def _reference(self, facts: Facts) -> dict[str, str]:
        if given := self._own.get("reference"):
            return _texts(file_bytes(given, facts, self.folder, ("reference",)))
        folder = self.folder / "solutions" / "correct"
        own = sorted(path for path in folder.glob("*") if path.is_file())
        if own and len(self._own["artifacts"]) == 1:
            return {self._own["artifacts"][0]: own[0].read_text(encoding="utf-8")}
        said = "no right files are known: add `reference: {<path>: <text>}`, or `reference: {<path>: {from: <file>}}`"
        raise self._checker.slip((), said)

    async def _run(self, files: Mapping[str, bytes], spec: Spec, sandbox: Sandbox) -> dict[str, str] | Measurement:
        """Check → what is wrong, of those that fail."""
        checks = [[name, str(spec.facts.fill(text, ("checks", name)))] for name, text in self._checks.items()]
        out, limit = f"checked-{secrets.token_hex(8)}.json", float(self._own.get("time_limit_s", 20))
        program = f"{_INSIDE}\nmain({checks!r}, {self._tests!r}, {self._names!r}, {out!r})"
        async with sandbox.session(files=files) as session:
            output = await session.run(program, timeout_s=limit)
            if output.kind == "timeout":
                return Measurement(fault=Fault("timeout", f"The checks took more than {limit:g} s"))
            try:
                found = loads(await session.read_file(out, max_bytes=1_000_000)) if output.kind == "ok" else None
            except (OSError, ValueError, RecursionError):
                found = None
        if not isinstance(found, dict) or set(found) != set(self._all):
            lines = (output.error or "the program ended").strip().splitlines()
            return Measurement(fault=Fault("checks_ended", f"The checks were ended: {lines[-1][:200]}"))
        return {name: str(said)[:300] for name, said in found.items() if said}

    @property
    def _checks(self) -> Mapping[str, str]:
        checks: Mapping[str, str] = self._own.get("checks", {})
        return checks


def test_names(source: str, checker: Checker) -> list[str]:
    """The test functions of a source in its order. Raises `UserError` where it is not Python or has none."""
    if not source:
        return []
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise checker.slip(("tests",), f"the tests are not Python: {error}") from error
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    if not found:
        raise checker.slip(("tests",), "the tests define no function test_…: add one for each thing that is checked")
    if takes := next((one for one in found if one.args.args or one.args.posonlyargs), None):
        raise checker.slip(("tests",), f"{takes.name} takes arguments, and nothing gives it any: write it without")
    return [one.name for one in found]


def _check_names(names: Sequence[str], wrong: Mapping[str, Any], checker: Checker) -> None:
    for name in names:
        if not name.isidentifier() or name in _OWN or list(names).count(name) > 1:
            raise checker.slip(("checks", name), f"checks.{name} cannot be a failure category: use another name")
    for reason, entry in wrong.items():
        expect = entry.get("expect", "any")
        if expect not in (*names, *_OWN, "any"):
            said = f"wrong.{reason} expects {expect!r}, and no check has that name{suggestion(expect, names)}"
            raise checker.slip(("wrong", reason, "expect"), said)


def _source(given: str, folder: Path, checker: Checker) -> str:
    """Source in the YAML, or that of the file which it names."""
    if not given or "\n" in given:
        return given
    try:
        return data_file(given, folder, "task.tests").read_text(encoding="utf-8")
    except (UserError, UnicodeDecodeError, OSError) as error:
        raise checker.slip(("tests",), str(error)) from error


def _texts(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: data.decode("utf-8", "replace") for path, data in files.items()}
