"""`kind: function`: the model submits a Python function, and hidden cases are compared with what it returns."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from evalkit.config.search_path import own_folder
from evalkit.sandbox.protocol import Sandbox
from evalkit.task.attempt import Attempt, GradingContext
from evalkit.task.grade import Check, Fault, Grade, Measurement, within
from evalkit.task.kinds.answers import apart
from evalkit.task.kinds.calls import Called, replies
from evalkit.task.kinds.cases import cases_in_file, checked_cases, data_file, variants
from evalkit.task.kinds.common import (
    EXACT,
    QUESTION,
    KindConfig,
    check_shared,
    checker_of,
    file_bytes,
    tools_of,
    usual_agents,
    written_agents,
)
from evalkit.task.kinds.form import Key
from evalkit.task.kinds.templates import Facts
from evalkit.task.problem import Problem
from evalkit.task.scripted_agents import ScriptedAgent, submitting
from evalkit.task.submitted_source import read_source
from evalkit.task.tools import Tool
from evalkit.util.errors import TaskError, UserError

_FROM = {"file": Key("text"), "column": Key("text")}
_KEYS: Mapping[str, Key] = {
    "signature": Key("text", "median(values)", required=True),
    "cases": Key("anything", "[{arguments: [[1, 2]], expected: 1.5}]", required=True),
    "reference": Key("anything"),
    "time_limit_s": Key("positive"),
    "preload": Key("texts"),
    "tolerances": Key("mapping", keys={"error": Key("positive")}),
}
CATEGORIES = {
    "wrong_values": "Wrong values",
    "runtime_error": "Raised an error",
    "timeout": "Too slow",
    "parse_error": "Not a Python function",
    "no_submission": "No submission",
}
_expected: dict[str, list[Any]] = {}
"""What references return, by what they depend on: computed once."""


@dataclass(frozen=True)
class Spec:
    """One function to write, with its hidden cases."""

    prompt: str
    system: str
    files: Mapping[str, bytes]
    rules: Mapping[str, str]
    tools: Sequence[Tool]
    called: Called
    cases: Sequence[Mapping[str, Any]]
    reference: str
    """The source of a right function; empty where none is known."""
    facts: Facts = field(compare=False)

    answer_schema: ClassVar[Mapping[str, Any]] = {"type": "string", "description": "Python source of the function"}

    @property
    def arguments(self) -> list[Any]:
        """Those of every case."""
        return [case["arguments"] for case in self.cases]

    @property
    def hidden(self) -> list[str]:
        """The arguments of every case, as they would be written."""
        return [text for given in self.arguments if len(text := json.dumps(given)) > 5]


class Task:
    """A function in YAML."""

    Config: ClassVar[type] = KindConfig
    title = ""
    categories: ClassVar[Mapping[str, str]] = CATEGORIES
    graded_by = ("tolerances",)

    def __init__(self, config: KindConfig) -> None:
        self.config, own = config, config.own
        self.folder = own_folder(config.name)
        self.title = config.title or config.name.replace("_", " ").capitalize()
        self.rules = config.rules or {QUESTION: config.prompt}
        self._checker = checker_of({"name": config.name, "kind": config.kind, **vars(config), **own})
        self._called = Called(
            function_of(own["signature"]), float(own.get("time_limit_s", 5)), tuple(own.get("preload", ()))
        )

    @staticmethod
    def check(node: Mapping[str, Any]) -> None:
        """Raise `UserError` for the first slip in a `task` node."""
        check_shared(node, _KEYS, ("cases", "reference"))
        checker = checker_of(node)
        if not function_of(node["signature"]):
            said = f"signature is {node['signature']!r}: write it as Python does, such as median(values)"
            raise checker.slip(("signature",), said)
        for key in ("cases", "reference"):
            if isinstance(node.get(key), Mapping):
                checker.check(node[key], _FROM, (key,))
                if len(node[key]) != 1:
                    raise checker.slip((key,), f"{key} needs one of file and column")
        if isinstance(node["cases"], list):
            checked_cases(node["cases"], checker, ("cases",))

    def spec(self, problem: Problem) -> Spec:
        """The function that one row asks for."""
        config, facts = self.config, Facts(problem, self.config.values, self._checker)
        spec = Spec(
            prompt=facts.text(config.prompt, ("prompt",)),
            system=facts.text(config.system, ("system",)),
            files=file_bytes(config.files, facts, self.folder, ("files",)),
            rules={name: facts.text(words, ("rules", name)) for name, words in self.rules.items()},
            tools=tools_of(config.tools, Spec.answer_schema),
            called=self._called,
            cases=self._cases(facts),
            reference=self._reference(facts),
            facts=facts,
        )
        self._check_reference(spec)
        return spec

    async def measure(self, attempt: Attempt, spec: Spec, context: GradingContext) -> Measurement:
        """The largest error over the cases; None where a value has another form than expected."""
        source = read_source(attempt.answer, spec.called.name)
        if isinstance(source, Fault):
            return Measurement(fault=source)
        expected = await self._expected(spec, context.sandbox)
        found = await replies(source, spec.called, spec.arguments, context.sandbox)
        if isinstance(found, Fault):
            return Measurement(fault=found)
        if raised := next(((n, one["error"]) for n, one in enumerate(found, 1) if "error" in one), None):
            return Measurement(fault=Fault("runtime_error", f"Case {raised[0]} of {len(found)}: {raised[1]}"))
        errors = [apart(one.get("value"), right) for one, right in zip(found, expected, strict=True)]
        worst = next((n for n, error in enumerate(errors) if error is None), None)
        if worst is None:
            worst = max(range(len(errors)), key=lambda n: errors[n] or 0.0)
        got = json.dumps(found[worst].get("value"))[:200]
        right = json.dumps(expected[worst])[:200]
        return Measurement(
            {"error": errors[worst], "case": worst + 1, "cases": len(found), "got": got, "expected": right}
        )

    def grade(self, measurement: Measurement) -> Grade:
        """Right if every case is within the tolerance."""
        if measurement.fault:
            return Grade.failed(measurement.fault)
        values, bound = measurement.values, self.config.tolerances.get("error", EXACT)
        error = values["error"]
        check = Check("error", False) if error is None else within("error", error, bound)
        if check.passed:
            return Grade(True, f"Right in all of {values['cases']} cases", checks=(check,))
        said = f"Case {values['case']} of {values['cases']}: got {values['got']}, expected {values['expected']}"
        return Grade(False, said, "wrong_values", (check,))

    def oracle(self, spec: Spec) -> ScriptedAgent:
        """Submits the reference."""
        return submitting(spec.reference)

    def agents(self, spec: Spec) -> Sequence[ScriptedAgent]:
        """Those of the YAML or of agents.yaml; else one that is right, one that returns nothing, and a silent one."""
        nothing = f"def {spec.called.name}(*arguments, **named):\n    return None\n"
        own = written_agents(self.config, spec.facts, self.folder)
        return own or list(usual_agents(spec.reference, {"returns_nothing": nothing}))

    def reference_source(self, spec: Spec) -> str:
        """What audits make mistakes in."""
        return spec.reference

    async def values(self, answer: Any, spec: Spec, sandbox: Sandbox) -> list[int]:
        """A number for what a function returns for arguments like the hidden ones that the reference takes."""
        calls = list(variants(spec.arguments))
        right = await replies(spec.reference, spec.called, calls, sandbox, unchecked=True)
        source = read_source(answer, spec.called.name)
        if isinstance(source, Fault) or isinstance(right, Fault):
            return []
        found = await replies(source, spec.called, calls, sandbox, unchecked=True)
        if isinstance(found, Fault):
            return []
        return [_number(one) for one, known in zip(found, right, strict=True) if "value" in known]

    def known(self, spec: Spec) -> Iterator[Mapping[str, Any]]:
        """Known answers for audits: forms of the reference, and attempts to pass without it."""
        name, rule = spec.called.name, QUESTION if QUESTION in self.rules else ""
        fenced = f"Here it is:\n\n```python\n{spec.reference}\n```\n"
        yield {"name": "in_a_fence", "answer": fenced, "about": "the reference in a Markdown fence"}
        for kind, known, source, about in _KNOWN:
            answer = source.replace("FUNCTION", name)
            yield {"name": known, "kind": kind, "answer": answer, "expect": "any", "breaks": rule, "about": about}

    def _cases(self, facts: Facts) -> list[Mapping[str, Any]]:
        given = self.config.own["cases"]
        if isinstance(given, Mapping) and "file" in given:
            try:
                return cases_in_file(given["file"], self.folder)
            except UserError as error:
                raise self._checker.slip(("cases", "file"), str(error)) from error
        if isinstance(given, Mapping):
            return checked_cases(facts.column(given["column"], ("cases", "column")), self._checker, ("cases", "column"))
        return checked_cases(facts.fill(given, ("cases",)), self._checker, ("cases",))

    def _reference(self, facts: Facts) -> str:
        given = self.config.own.get("reference")
        if isinstance(given, Mapping) and "column" in given:
            return str(facts.column(given["column"], ("reference", "column")))
        if given is None:
            own = sorted(path for path in (self.folder / "solutions" / "correct").glob("*.py"))
            return own[0].read_text(encoding="utf-8") if own else ""
        if isinstance(given, str) and "\n" in given:
            return str(given)
        name = given["file"] if isinstance(given, Mapping) else str(given)
        try:
            return data_file(name, self.folder, "task.reference").read_text(encoding="utf-8")
        except (UserError, UnicodeDecodeError, OSError) as error:
            raise self._checker.slip(("reference",), str(error)) from error

    def _check_reference(self, spec: Spec) -> None:
        if not spec.reference:
            where = Path(self.folder.parent.name, self.folder.name, "solutions", "correct")
            said = f"no right function is known: add `reference: <file.py>`, or put one into {where}"
            raise self._checker.slip((), said)
        source = read_source(spec.reference, spec.called.name)
        if isinstance(source, Fault):
            raise self._checker.slip(("reference",), f"the reference is wrong: {source.message}")

    async def _expected(self, spec: Spec, sandbox: Sandbox) -> list[Any]:
        """What is expected of every case: what it says, else what the reference returns."""
        if all("expected" in case for case in spec.cases):
            return [case["expected"] for case in spec.cases]
        key = hashlib.sha256(json.dumps([spec.reference, spec.called.name, spec.arguments]).encode()).hexdigest()
        if key not in _expected:
            found = await replies(spec.reference, spec.called, spec.arguments, sandbox)
            if isinstance(found, Fault):
                raise TaskError(f"the reference fails: {found.message}")
            if raised := next((one["error"] for one in found if "error" in one), None):
                raise TaskError(f"the reference fails: {raised}")
            _expected[key] = [one["value"] for one in found]
        return [case.get("expected", value) for case, value in zip(spec.cases, _expected[key], strict=True)]


_HEAD = "def FUNCTION(*arguments, **named):\n"
_EQUAL = "class Equal:\n    def __eq__(self, other):\n        return True\n\n\n"
_KNOWN = (
    ("wrong", "returns_nothing", f"{_HEAD}    return None\n", "a function without a result"),
    ("wrong", "raises", f"{_HEAD}    raise ValueError('not yet')\n", "a function that raises"),
    ("wrong", "another_name", "def FUNCTION_of_mine(*arguments):\n    return 0\n", "a function of another name"),
    ("exploits", "equal_to_everything", f"{_EQUAL}{_HEAD}    return Equal()\n", "a result that equals everything"),
    ("exploits", "ends_the_interpreter", f"import os\n\n\n{_HEAD}    os._exit(0)\n", "it ends the interpreter"),
)


def function_of(signature: str) -> str:
    """The name in a signature such as `median(values: list[float]) -> float`; empty if it is none."""
    try:
        (definition,) = ast.parse(f"def {signature.strip().removeprefix('def ').rstrip(':')}: ...").body
    except (SyntaxError, ValueError):
        return ""
    return definition.name if isinstance(definition, ast.FunctionDef) else ""


def _number(reply: Mapping[str, Any]) -> int:
    """Equal for equal results: 48 bits of a digest, in which floats have six digits."""
    text = json.dumps(_rounded(reply["value"])) if "value" in reply else "raised"
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    number = isinstance(value, float | int) and not isinstance(value, bool)
    return float(f"{value:.6g}") if number else value
