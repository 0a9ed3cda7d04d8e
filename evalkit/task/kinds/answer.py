"""`kind: answer`: a question over the row of a problem, and an answer that is compared with an expected value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from evalkit.config.search_path import own_folder
from evalkit.task.attempt import Attempt, GradingContext
from evalkit.task.grade import Check, Fault, Grade, Measurement, preview, within
from evalkit.task.kinds.answers import STEPS, TYPES, AnswerType, Choice, Items, Number, Unreadable
from evalkit.task.kinds.common import (
    EXACT,
    QUESTION,
    WRONG,
    KindConfig,
    breaks_known,
    check_shared,
    checker_of,
    file_bytes,
    tools_of,
    usual_agents,
    written_agents,
)
from evalkit.task.kinds.form import Key
from evalkit.task.kinds.templates import Facts, is_template
from evalkit.task.problem import Problem
from evalkit.task.scripted_agents import ScriptedAgent, submitting
from evalkit.task.tools import Tool

_ANSWER: Mapping[str, Key] = {
    "type": Key("text", "number", required=True, one_of=tuple(TYPES)),
    "expected": Key("anything"),
    "column": Key("text"),
    "choices": Key("list or text"),
    "also": Key("list or text"),
    "normalise": Key("texts", one_of=STEPS),
    "schema": Key("mapping"),
    "accuracy": Key("positive"),
}
_KEYS: Mapping[str, Key] = {
    "answer": Key("mapping", "{type: number, expected: …}", required=True, keys=_ANSWER),
    "wrong": Key("mapping"),
    "tolerances": Key("mapping", keys={"answer": Key("positive"), "relative": Key("positive")}),
}
_ONLY: Mapping[str, tuple[str, ...]] = {
    "choices": ("choice",),
    "also": ("text",),
    "normalise": ("text", "set"),
    "accuracy": ("number", "json"),
}
"""Key of `answer` → the types that have it."""
_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "number": {"type": "number"},
    "text": {"type": "string"},
    "choice": {"type": "string"},
    "set": {"type": "array"},
    "json": {},
}
_RESERVED = ("wrong_value", "format_error", "no_submission")


@dataclass(frozen=True)
class Spec:
    """One question with its right answer and its known wrong ones."""

    prompt: str
    system: str
    files: Mapping[str, bytes]
    rules: Mapping[str, str]
    tools: Sequence[Tool]
    type: AnswerType
    expected: Any
    wrong: Mapping[str, Any]
    """Reason → a wrong answer, as it is compared; without those that are right in this problem."""
    stated_accuracy: float | None
    facts: Facts = field(compare=False)

    @property
    def answer_schema(self) -> Mapping[str, Any]:
        """What the model is shown of an answer's form."""
        return self.type.schema


class Task:
    """A question in YAML."""

    Config: ClassVar[type] = KindConfig
    title = ""
    graded_by = ("tolerances",)

    def __init__(self, config: KindConfig) -> None:
        self.config = config
        self.folder = own_folder(config.name)
        self.title = config.title or config.name.replace("_", " ").capitalize()
        self.rules = config.rules or {QUESTION: config.prompt}
        self._checker = checker_of({"name": config.name, "kind": config.kind, **vars(config), **config.own})
        self._wrong = {
            reason: entry if isinstance(entry, Mapping) and "answer" in entry else {"answer": entry}
            for reason, entry in config.own.get("wrong", {}).items()
        }

    @staticmethod
    def check(node: Mapping[str, Any]) -> None:
        """Raise `UserError` for the first slip in a `task` node."""
        check_shared(node, _KEYS, ("answer", "wrong"))
        checker, answer = checker_of(node), node["answer"]
        for key, types in _ONLY.items():
            if answer.get(key) is not None and answer["type"] not in types:
                raise checker.slip(
                    ("answer", key), f"answer.{key} is for type {' and '.join(types)}, and the type is {answer['type']}"
                )
        given = [key for key in ("expected", "column") if answer.get(key) is not None]
        if len(given) != 1:
            what = "has both expected and column: keep one" if given else "lacks expected: add it, or `column: <name>`"
            raise checker.slip(("answer",), f"answer {what}")
        if answer["type"] == "choice" and not answer.get("choices"):
            raise checker.slip(("answer",), "answer lacks choices: add `choices: [<text of A>, <text of B>]`")
        if answer["type"] not in ("number", "json") and node.get("tolerances"):
            raise checker.slip(("tolerances",), f"tolerances are for numbers, and answer.type is {answer['type']}")
        _check_wrong(node, checker)

    @property
    def categories(self) -> Mapping[str, str]:
        """The named reasons first."""
        named = {reason: entry.get("title") or _title(reason) for reason, entry in self._wrong.items()}
        misread = {"number": "Not a number", "choice": "None of the choices"}
        form = misread.get(self.config.own["answer"]["type"], "Wrong form")
        return named | {"wrong_value": "Wrong value", "format_error": form, "no_submission": "No submission"}

    def spec(self, problem: Problem) -> Spec:
        """The question about one row."""
        config, facts = self.config, Facts(problem, self.config.values, self._checker)
        kind = self._type(facts)
        expected = self._read(facts, kind)
        return Spec(
            prompt=facts.text(config.prompt, ("prompt",)),
            system=facts.text(config.system, ("system",)),
            files=file_bytes(config.files, facts, self.folder, ("files",)),
            rules={name: facts.text(words, ("rules", name)) for name, words in self.rules.items()},
            tools=tools_of(config.tools, kind.schema),
            type=kind,
            expected=expected,
            wrong=dict(self._wrong_answers(facts, kind, expected)),
            stated_accuracy=config.own["answer"].get("accuracy"),
            facts=facts,
        )

    async def measure(self, attempt: Attempt, spec: Spec, context: GradingContext) -> Measurement:
        """How far off the answer is, and which known mistake it is."""
        try:
            got = spec.type.read(attempt.answer)
        except Unreadable as error:
            return Measurement(fault=Fault("format_error", f"Got {error}"))
        error_ = spec.type.distance(got, spec.expected)
        values: dict[str, Any] = {"got": got, "expected": spec.expected, "error": error_}
        if isinstance(spec.type, Items):
            values["missing"], values["more"] = spec.type.difference(got, spec.expected)
        if isinstance(spec.type, Number) and "relative" in self.config.tolerances:
            values["relative"] = _share(error_ or 0.0, spec.expected)
        near = {name: spec.type.distance(got, wrong) for name, wrong in spec.wrong.items()}
        if near:
            values["reasons"] = {name: far for name, far in near.items() if far is not None}
        return Measurement(values)

    def grade(self, measurement: Measurement) -> Grade:
        """Right below every tolerance; else the known mistake that it is, if it is one."""
        if measurement.fault:
            return Grade.failed(measurement.fault)
        values, bounds = measurement.values, self.config.tolerances
        checks = tuple(self._checks(values, bounds))
        if values["error"] is not None and all(check.passed for check in checks):
            return Grade(True, f"Got {_shown(values['got'])}", checks=checks)
        close = max(bounds.get("answer", EXACT), abs(_size(values["got"])) * EXACT)
        reasons = {name: far for name, far in values.get("reasons", {}).items() if far < close}
        category = min(reasons, key=lambda name: reasons[name]) if reasons else "wrong_value"
        return Grade(False, self._said(values, category), category, checks)

    def oracle(self, spec: Spec) -> ScriptedAgent:
        """Submits the expected answer."""
        return submitting(spec.expected)

    def agents(self, spec: Spec) -> Sequence[ScriptedAgent]:
        """Those of the YAML or of agents.yaml; else one that is right, one for each known mistake, and a silent one."""
        return written_agents(self.config, spec.facts, self.folder) or list(usual_agents(spec.expected, spec.wrong))

    def known(self, spec: Spec) -> Iterator[Mapping[str, Any]]:
        """Known answers for audits: the wrong ones of the YAML, and forms of the right one."""
        for reason, entry in self._wrong.items():
            if reason in spec.wrong:
                about, breaks = entry.get("title") or _title(reason), entry.get("breaks") or self._rule(reason)
                yield {"name": reason, "answer": spec.wrong[reason], "expect": reason, "breaks": breaks, "about": about}
        form_rule = self._rule(self.config.own["answer"]["type"])
        for form in spec.type.forms(spec.expected):
            found = {"name": form.name, "answer": form.answer, "about": form.about}
            yield found if form.right else {**found, "kind": "wrong", "expect": "any", "breaks": form_rule}
        claim = {"passed": True, "score": 1.0, "answer": None}
        yield {"name": "claims_success", "kind": "exploits", "answer": claim, "expect": "any", "breaks": form_rule}

    def _rule(self, name: str) -> str:
        """The rule of that name; of a task without rules the only one."""
        return name if name in self.rules else next((one for one in (QUESTION, "form") if one in self.rules), "")

    def _type(self, facts: Facts) -> AnswerType:
        given = self.config.own["answer"]
        schema = dict(given.get("schema") or _SCHEMAS[given["type"]])
        more: dict[str, Any] = {}
        for key in ("choices", "also"):
            if key in given:
                more[key] = self._list(facts.fill(given[key], ("answer", key)), key)
        if "normalise" in given:
            more["normalise"] = tuple(given["normalise"])
        if given["type"] == "json" and "schema" in given:
            more["required"] = True
        kind = TYPES[given["type"]](schema, **more)
        if isinstance(kind, Choice):
            schema.setdefault("enum", list(kind.letters))
        return kind

    def _list(self, found: Any, key: str) -> list[str]:
        if isinstance(found, str):
            found = Items({}).expected(found)
        if not isinstance(found, list) or (key == "choices" and not 2 <= len(found) <= 26):
            want = "2 to 26 choices" if key == "choices" else "a list"
            raise self._checker.slip(("answer", key), f"answer.{key} gives {preview(found)}: give {want}")
        return [str(one) for one in found]

    def _read(self, facts: Facts, kind: AnswerType) -> Any:
        given = self.config.own["answer"]
        key = "column" if "column" in given else "expected"
        path = ("answer", key)
        found = facts.column(given[key], path) if key == "column" else facts.fill(given[key], path)
        try:
            return kind.expected(found)
        except Unreadable as error:
            place = getattr(facts.row, "place", "")
            where = f" in {place}" if place and (key == "column" or is_template(given[key])) else ""
            raise self._checker.slip(path, f"answer.{key} gives {error}{where}") from error

    def _wrong_answers(self, facts: Facts, kind: AnswerType, expected: Any) -> Iterator[tuple[str, Any]]:
        for reason, entry in self._wrong.items():
            path = ("wrong", reason)
            filled = facts.fill(entry["answer"], path)
            try:
                found = kind.expected(filled)
            except Unreadable as error:
                raise self._checker.slip(path, f"wrong.{reason} gives {error}") from error
            distance = kind.distance(found, expected)
            if distance is None or distance >= self.config.tolerances.get("answer", EXACT):
                yield reason, found

    def _checks(self, values: Mapping[str, Any], bounds: Mapping[str, float]) -> Iterator[Check]:
        if values["error"] is None:
            yield Check("answer", False)
            return
        if "answer" in bounds or "relative" not in bounds:
            yield within("answer", values["error"], bounds.get("answer", EXACT))
        if "relative" in bounds and "relative" in values:
            yield within("relative", values["relative"], bounds["relative"])

    def _said(self, values: Mapping[str, Any], category: str) -> str:
        if "missing" in values:
            parts = [f"{what}: {preview(values[key])}" for key, what in _PARTS.items() if values[key]]
            return f"Got {preview(values['got'])}, {'; '.join(parts)}"
        known = f" ({self.categories[category]})" if category in self._wrong else ""
        return f"Got {_shown(values['got'])}, expected {_shown(values['expected'])}{known}"


_PARTS = {"missing": "missing", "more": "too many"}


def _check_wrong(node: Mapping[str, Any], checker: Any) -> None:
    for reason, entry in (node.get("wrong") or {}).items():
        if not str(reason).isidentifier() or reason in _RESERVED:
            raise checker.slip(("wrong", reason), f"wrong.{reason} cannot be a failure category: use another name")
        if isinstance(entry, Mapping) and "answer" in entry:
            checker.check(entry, WRONG.keys or {}, ("wrong", reason))
        elif isinstance(entry, Mapping) and node["answer"]["type"] != "json":
            raise checker.slip(("wrong", reason), f"wrong.{reason} lacks answer: add `answer: <the wrong answer>`")
        elif entry is None:
            raise checker.slip(("wrong", reason), f"wrong.{reason} is empty: write the wrong answer")
    breaks_known(node.get("rules") or {}, node.get("wrong") or {}, checker)


def _title(reason: str) -> str:
    return str(reason).replace("_", " ").capitalize()


def _share(error: float, expected: Any) -> float:
    if error == 0:
        return 0.0
    return min(error / abs(expected), 1e300) if expected else 1e300


def _size(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _shown(value: Any) -> str:
    """All digits of a whole number, twelve of any other."""
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, str):
        return preview(value)
    return str(value) if isinstance(value, int) and abs(value) < 10**20 else preview(value)
