"""What all kinds of tasks in YAML share: keys, the config as an object, tools, files, and where own files lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.task.kinds.cases import data_file
from evalkit.task.kinds.form import Checker, Key, called, dotted
from evalkit.task.kinds.places import Path_, Places
from evalkit.task.kinds.templates import Facts, check_templates
from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens, agents_of, load_agents
from evalkit.task.tools import ListFiles, PythonExpression, ReadFile, Shell, SubmitAnswer, Tool, WriteFile
from evalkit.util.errors import UserError
from evalkit.util.suggestions import suggestion

TOOLS: Mapping[str, Any] = {
    "python": PythonExpression,
    "read_file": ReadFile,
    "write_file": WriteFile,
    "list_files": ListFiles,
    "shell": Shell,
}
"""Tools that a task in YAML can name."""

EXACT = 1e-9
"""The tolerance where the YAML names none: for the rounding of fractions."""
QUESTION = "question"
"""The rule of a task without `rules`: the prompt itself."""
WRONG = Key(
    "mapping",
    keys={
        "answer": Key("anything", "<the wrong answer>", required=True),
        "title": Key("text"),
        "breaks": Key("text"),
    },
)
SHARED: Mapping[str, Key] = {
    "name": Key("text"),
    "kind": Key("text"),
    "title": Key("text"),
    "prompt": Key("text", "<the question>", required=True),
    "system": Key("text"),
    "values": Key("mapping"),
    "tools": Key("list", one_of=tuple(TOOLS)),
    "files": Key("mapping", each=Key("anything")),
    "rules": Key("mapping", each=Key("text")),
    "agents": Key("list"),
    "tolerances": Key("mapping", each=Key("positive")),
}
"""Keys of every kind."""


@dataclass
class KindConfig:
    """The `task` node of a task in YAML, key by key. Keys that one kind alone has are in `own`."""

    name: str
    kind: str
    prompt: str
    title: str = ""
    system: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    tools: list[str] = field(default_factory=list)
    files: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)
    agents: list[Any] = field(default_factory=list)
    tolerances: dict[str, float] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)


def config_of(node: Mapping[str, Any]) -> KindConfig:
    """A checked node as an object."""
    given = {key: value for key, value in node.items() if value is not None}
    shared = {key: value for key, value in given.items() if key in SHARED}
    return KindConfig(**shared, own={key: value for key, value in given.items() if key not in SHARED})


def checker_of(node: Mapping[str, Any]) -> Checker:
    """What says where a slip in a node is."""
    return Checker(Places(node), str(node.get("kind")))


def check_shared(node: Mapping[str, Any], keys: Mapping[str, Key], templates: Sequence[str]) -> None:
    """Raise `UserError` for a key, a type or a template that is wrong. `templates`: keys that hold some."""
    checker = checker_of(node)
    checker.check(node, {**SHARED, **keys})
    for key in ("prompt", "system", "values", "files", "rules", "agents", *templates):
        check_templates(node.get(key), checker, (key,))
    if not str(node["prompt"]).strip():
        raise checker.slip(("prompt",), "prompt is empty: say what the model is to do")


def file_bytes(given: Mapping[str, Any], facts: Facts, folder: Path, path: Path_) -> dict[str, bytes]:
    """Files of the YAML: a text, which may be a template, or `{from: <file>}`. Raises `UserError` with the line."""
    found: dict[str, bytes] = {}
    for name, content in given.items():
        place = (*path, name)
        if isinstance(content, str):
            found[name] = str(facts.fill(content, place)).encode()
        elif isinstance(content, Mapping) and list(content) == ["from"]:
            try:
                found[name] = data_file(str(content["from"]), folder, dotted(("task", *place))).read_bytes()
            except (UserError, OSError) as error:
                raise facts.checker.slip(place, str(error)) from error
        else:
            said = f"{dotted(place)} is {called(content)}: write its text, or `{{from: <file>}}`"
            raise facts.checker.slip(place, said)
    return found


def named_tools(names: Sequence[str]) -> Sequence[Tool]:
    """The tools that the YAML names."""
    return tuple(TOOLS[name]() for name in names)


def tools_of(names: Sequence[str], answer_schema: Mapping[str, Any]) -> Sequence[Tool]:
    """The tools that the YAML names, and `submit_answer`."""
    return *named_tools(names), SubmitAnswer(answer_schema)


def written_agents(config: KindConfig, facts: Facts, folder: Path) -> list[ScriptedAgent]:
    """The agents of the YAML, or of agents.yaml in the task's folder; none where there are none."""
    if config.agents:
        filled = facts.fill(config.agents, ("agents",))
        return agents_of(filled, lambda keys: f"conf/task/{config.name}.yaml", folder)
    path = folder / "agents.yaml"
    return load_agents(path, facts.names()) if path.is_file() else []


def breaks_known(rules: Mapping[str, str], wrong: Mapping[str, Any], checker: Checker) -> None:
    """Raise `UserError` for a wrong answer that breaks a rule which is not among `rules`."""
    for reason, entry in wrong.items():
        rule = entry.get("breaks") if isinstance(entry, Mapping) else None
        if rule and rule not in rules:
            hint = suggestion(rule, rules) or ": add it to `rules` with the words of the prompt that state it"
            raise checker.slip(
                ("wrong", reason, "breaks"), f"wrong.{reason} breaks {rule!r}, and no rule has that name{hint}"
            )


def usual_agents(right: Any, wrong: Mapping[str, Any]) -> Iterator[ScriptedAgent]:
    """Simulated agents of a task that names none: one is right, one makes each known mistake, one is silent."""
    think = ScriptedTurn(Tokens(120, 0.3), "Let me work it out.")
    yield _submits("right", right, 0.5)
    for reason, answer in wrong.items():
        yield _submits(reason, answer, 0.4 / len(wrong))
    yield ScriptedAgent("never_submits", (think, think), 0.1 if wrong else 0.5)


def _submits(name: str, answer: Any, weight: float) -> ScriptedAgent:
    call = {"name": "submit_answer", "input": {"answer": answer}}
    return ScriptedAgent(name, (ScriptedTurn(Tokens(120, 0.3), "Let me work it out.", (call,)),), weight)
