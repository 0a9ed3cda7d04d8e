"""Whatever a server, a model or a grader says as JSON, no launch ends early, and everything written can be read.

For some minutes instead of some seconds: `EVALKIT_EXAMPLES=2000 python -m pytest tests/test_any_json.py`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from evalkit.cli import show
from evalkit.config.saved import write_config
from evalkit.config.schema import Config, ModelConfig
from evalkit.display.formatting import run_name
from evalkit.display.transcript import turn_lines
from evalkit.engine.cells import Cell, CellResult
from evalkit.engine.regrading import regrade
from evalkit.launch.pipeline import execute
from evalkit.model import Opening, open_model
from evalkit.model.anthropic.answers import read_message
from evalkit.model.anthropic.sse import BrokenAnswer, write_events
from evalkit.model.protocol import ContextLimitError, Model
from evalkit.results.reading import load
from evalkit.results.runs import Outcome
from evalkit.rollout import journal, response_shape
from evalkit.rollout.record import Ending, Submission, Turn
from evalkit.sampling.resources import Resources
from evalkit.task.grade import Measurement
from evalkit.task.registry import load_task
from evalkit.util import bounded_json
from evalkit.util.errors import ProviderError, UserError
from tests.builders import call, message, rollout, text
from tests.launching import Watcher, config_for
from tests.model.conftest import AgentsOnly, ask
from tests.servers import llama
from tests.servers.fixtures import MessagesServer

COMMON = (
    "task=arithmetic",
    "model=local",
    "model.max_retries=0",
    "model.stream=never",
    "runs.count=2",
    "runs.concurrency=2",
    "limits=steps",
    "limits.max_steps=3",
)
EXAMPLES = int(os.environ.get("EVALKIT_EXAMPLES", "15"))
PHASES = set(Phase) if "EVALKIT_EXAMPLES" in os.environ else set(Phase) - {Phase.shrink}
many = settings(
    max_examples=EXAMPLES,
    phases=PHASES,  # making a failing example smaller takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

LITERALS = {
    "@huge": "1e999",
    "@minus": "-1e400",
    "@nan": "NaN",
    "@infinity": "-Infinity",
    "@digits": "7" * 5000,
    "@most": "7" * 4300,
    "@deep": "[" * 700 + "]" * 700,
    "@deeper": '{"a":' * 30_000 + "1" + "}" * 30_000,
    "@twice": '{"a": 1, "a": 2}',
}
"""What JSON text can say and Python's `json` would not write: a string that is exactly one of these stands for it."""
ODD = st.sampled_from([*LITERALS, "\ud83d", "\x00\x1b[2J", "", " \n", "x" * 3000])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6) | ODD
ANY = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
INPUTS = st.one_of(
    ANY,
    st.builds(lambda value: {"answer": value}, ANY),
    st.builds(lambda value: {"expression": "print(1)", "x": value}, ANY),
)
CALLS = st.builds(
    lambda name, input: call(name, input),
    st.sampled_from(["submit_answer", "python_expression", "no.tool"]),
    INPUTS,
)
BLOCKS = st.builds(text, st.text(max_size=8) | ODD) | CALLS | ANY
STOPS = st.sampled_from(
    ["end_turn", "tool_use", "max_tokens", "pause_turn", "refusal", "model_context_window_exceeded"]
)
COUNTS = st.integers(0, 300) | st.sampled_from([None, 20.0, 20.5, "20", -1, True, 10**30]) | ODD
USAGES = st.dictionaries(st.sampled_from(["input_tokens", "output_tokens", "cache_read_input_tokens"]), COUNTS)
MESSAGES = st.builds(
    lambda blocks, stop, usage: message() | {"content": blocks, "stop_reason": stop, "usage": usage},
    st.lists(CALLS | st.builds(text, ODD), max_size=3) | st.lists(BLOCKS, max_size=3),
    STOPS,
    USAGES | st.just({"output_tokens": 20}),
)


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """A response as text: well formed, or with a part taken out or replaced by anything."""
    return written(_damaged(draw, draw(MESSAGES)) if draw(st.booleans()) else draw(MESSAGES))


@st.composite
def streams(draw: st.DrawFn) -> str:
    """The events of a response: as they should be, or some dropped, doubled, moved, damaged."""
    said = message(*draw(st.lists(CALLS | st.builds(text, ODD), max_size=3)))
    events = [json.loads(line[6:]) for line in write_events(said).decode().split("\n") if line.startswith("data: ")]
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(events) - 1))
        match draw(st.sampled_from(["drop", "double", "move", "damage", "index", "any"])):
            case "drop":
                del events[place]
            case "double":
                events.insert(place, events[place])
            case "move":
                events.insert(draw(st.integers(0, len(events) - 1)), events.pop(place))
            case "damage":
                events[place] = _damaged(draw, events[place])
            case "index" if isinstance(events[place], dict):
                events[place] = {**events[place], "index": draw(st.integers(-1, 9))}
            case "any":
                events.insert(place, draw(ANY))
        if not events:
            break
    return "".join(f"event: x\ndata: {written(event)}\n\n" for event in events) or "event: x\n\n"


def _damaged(draw: st.DrawFn, value: Any) -> Any:
    """The value with one part of it, however deep, missing or replaced."""
    if not isinstance(value, dict | list) or not value or not draw(st.integers(0, 3)):
        return draw(ANY)
    key = draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
    changed: Any = value.copy()
    if draw(st.booleans()):
        changed[key] = _damaged(draw, value[key])
    else:
        del changed[key]
    return changed


def written(value: Any) -> str:
    """As JSON text, with the literals that stand for what Python would not write."""
    return re.sub(r'"(@\w+)"', lambda found: LITERALS.get(found[1], found[0]), json.dumps(value))


def strict(line: str) -> Any:
    """What any reader of JSON reads. Raises ValueError for NaN and the like."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    return json.loads(line, parse_constant=refuse)


class Rig:
    """Launches in this process against the server on loopback, with one client and one set of sandboxes."""

    def __init__(self, server: MessagesServer, root: Path) -> None:
        self.server, self.root, self.runner, self.resources = server, root, asyncio.Runner(), Resources()
        self.config = config_for(*COMMON, f"model.base_url={server.url}")
        self._numbers = count()

    def launch(self, answers: list[Any], **limits: Any) -> tuple[CellResult, Path]:
        """One launch of two runs that are answered so."""
        self.server.set_up(answers=answers)
        return self.run(replace(self.config, limits=replace(self.config.limits, **limits)))

    def run(self, config: Config) -> tuple[CellResult, Path]:
        """One launch into a folder of its own, with a store of its own."""
        folder = self.root / f"{next(self._numbers)}"
        (folder / "out").mkdir(parents=True)
        config = replace(config, store=str(folder / "store"))
        self.watcher, self.refused = Watcher(), self.server.refused
        (result,) = self.runner.run(execute([Cell(config, folder / "out")], self.watcher, self.resources))
        write_config(folder / "out", config, {})
        return result, folder

    def close(self) -> None:
        self.runner.run(self.resources.close())
        self.runner.close()


@pytest.fixture(scope="module")
def rig(messages_server: MessagesServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(messages_server, tmp_path_factory.mktemp("any"))
    yield rig
    rig.close()


def check(rig: Rig, result: CellResult, folder: Path, config: Config) -> None:
    """Both runs ended, and whatever reads a launch can read this one."""
    assert rig.server.refused == rig.refused
    assert [run.number for run in sorted(result.runs, key=lambda run: run.number)] == [1, 2]
    for path in [*folder.rglob("*.json"), *folder.rglob("*.jsonl")]:
        for line in path.read_text(encoding="utf-8", errors="surrogatepass").splitlines():
            if path.suffix == ".jsonl":
                strict(line)
    cell = load(folder / "out").cells[0]
    for run in cell.runs:
        assert all(isinstance(line, str) for turn in run.rollout.turns for line in turn_lines(run_name(run), turn))
        show.present(show.conversation(cell, run), StringIO(), pager=False)
    assert (folder / "out" / "report.html").stat().st_size > 0
    judged = rig.runner.run(regrade(cell, load_task(config.task), result.source.sandbox, config=config))
    assert [run.outcome for run in judged] == [run.outcome for run in cell.runs]


def _escaped(found: re.Match[str]) -> str:
    """The literal inside the text of an `input_json_delta`."""
    return json.dumps(LITERALS[found[1]])[1:-1] if found[1] in LITERALS else found[0]


SUBMIT = message(call("submit_answer", {"answer": 8769}, "toolu_submit"))


@many
@given(st.lists(bodies() | streams(), min_size=1, max_size=2))
def test_no_answer_of_a_server_ends_a_launch(rig: Rig, answers: list[str]) -> None:
    result, folder = rig.launch([*answers, SUBMIT])
    check(rig, result, folder, rig.config)


@many
@given(INPUTS, st.booleans())
def test_what_a_model_calls_stays_in_the_rate(rig: Rig, input: Any, streamed: bool) -> None:
    said = message(call("python_expression", input))
    body = write_events(said).decode() if streamed else json.dumps(said)
    body = re.sub(r'\\"(@\w+)\\"', _escaped, body) if streamed else written(said)
    result, folder = rig.launch([body, SUBMIT])
    check(rig, result, folder, rig.config)
    assert [run.outcome for run in result.runs] == [Outcome.PASSED] * 2


@settings(max_examples=20 * EXAMPLES)
@example(write_events(message(call("look", json.loads("[" * 98 + "]" * 98)))).decode())
@given(bodies() | streams())
def test_what_passes_the_door_can_be_held_by_every_reader(body: str) -> None:
    kind = "text/event-stream" if body.startswith("event:") else "application/json"
    try:
        read = read_message(body.encode(), kind)
    except BrokenAnswer as broken:
        assert str(broken)
        return
    assert response_shape.fault(read) == ""
    again = strict(json.dumps(read, allow_nan=False))
    assert again == read == bounded_json.bounded(read)


@settings(max_examples=20 * EXAMPLES)
@given(st.binary(max_size=60), st.sampled_from(["text/event-stream", "application/json", "text/html", ""]))
def test_bytes_that_are_no_answer_are_a_broken_one(body: bytes, kind: str) -> None:
    with pytest.raises(BrokenAnswer):
        read_message(body, kind)


FOUND = """
from dataclasses import dataclass
from evalkit import Grade, Measurement, ScriptedAgent, ScriptedTurn, SubmitAnswer, Tokens

@dataclass
class Config:
    name: str

class Spec:
    prompt, answer_schema = "Say 1.", {"type": "number"}
    tools = (SubmitAnswer({"type": "number"}),)

class Task:
    Config, title, categories, graded_by = Config, "Found", {"wrong": "Wrong"}, ()
    found = None

    def __init__(self, config):
        pass

    def spec(self, problem):
        return Spec()

    async def measure(self, attempt, spec, context):
        return Task.found

    def grade(self, measurement):
        return Grade(False, "no", "wrong")

    def oracle(self, spec):
        return self.agents(spec)[0]

    def agents(self, spec):
        submit = {"name": "submit_answer", "input": {"answer": 1}}
        return [ScriptedAgent("a", (ScriptedTurn(Tokens(20), "", (submit,)),))]
"""
FOUND_YAML = "# @package _global_\ntask: {name: found}\n"
PYTHON = ANY | st.recursive(
    st.floats() | st.integers(-(10**5000), 10**5000) | st.binary() | st.sets(st.integers()) | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def found(rig: Rig) -> Iterator[Config]:
    """The config of a launch of a task whose grader finds whatever `Task.found` is."""
    root = rig.root / "mine"
    for path, content in (("tasks/found/__init__.py", FOUND), ("conf/task/found.yaml", FOUND_YAML)):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVALKIT_PATH", str(root))
        yield config_for("task=found", "model=simulated", "runs.count=2")


@many
@example(Measurement({"a": {1, 2}}))
@example(Measurement({"a": 10**5000}))
@example(Measurement([1]))  # type: ignore[arg-type]
@given(st.builds(Measurement, st.dictionaries(st.text(max_size=4), PYTHON, max_size=3)) | PYTHON)
def test_no_measurement_of_a_task_ends_a_launch(rig: Rig, found: Config, value: Any) -> None:
    type(load_task(found.task)).found = value  # type: ignore[attr-defined]
    result, folder = rig.run(found)
    check(rig, result, folder, found)


@pytest.fixture(scope="module")
def model(rig: Rig) -> Iterator[Model]:
    """A client of the server."""
    config = replace(rig.config.model, patience_s=1.0)
    model = rig.runner.run(opened(config))
    yield model
    rig.runner.run(model.close())


async def opened(config: ModelConfig) -> Model:
    specs: Any = lambda run: None  # noqa: E731
    return open_model(config, Opening(AgentsOnly(), specs, 0))


@many
@given(
    st.sampled_from([400, 401, 402, 403, 404, 405, 413, 418, 422, 500]), ANY | st.builds(lambda x: {"error": x}, ANY)
)
@example(400, {"error": {"type": "@deep", "message": "@deep"}})
@example(404, {"error": {"message": "@digits"}})
def test_no_refusal_of_a_server_is_more_than_a_sentence(rig: Rig, model: Model, status: int, said: Any) -> None:
    rig.server.set_up(plan=[{"kind": "raw", "status": status, "body": written(said)}], repeat=True)
    with pytest.raises((UserError, ProviderError, ContextLimitError)) as raised:
        rig.runner.run(model.respond(ask()))
    assert "\n" not in str(raised.value)
    strict(json.dumps(str(raised.value)))


@many
@given(ANY | st.builds(lambda name, x: {name: x}, st.sampled_from(["data", "models", "id"]), ANY | st.lists(ANY)))
@example({"data": "@deep"})
@example("@deeper")
@example({"data": [{"id": "local", "meta": {"n_ctx": "@huge", "n_params": "@digits"}}]})
def test_no_list_of_models_is_more_than_a_note(rig: Rig, said: Any) -> None:
    rig.server.set_up(models_body=written(said))
    model = rig.runner.run(opened(rig.config.model))
    try:
        assert all(isinstance(note, str) for note in rig.runner.run(model.check()))
        strict(json.dumps(model.identity))
    except (UserError, ProviderError) as error:
        assert "\n" not in str(error)
    finally:
        rig.runner.run(model.close())


def odd_answers(uncounted: Any) -> list[Any]:
    return [message(call("python_expression", {"expression": "print(1)"})) | {"usage": uncounted}, SUBMIT]


@pytest.mark.parametrize("usage", [None, {}, {"input_tokens": 5}, {"output_tokens": 0}])
def test_a_server_that_counts_nothing_is_said_to_be_one_once(rig: Rig, usage: Any) -> None:
    result, _ = rig.launch(odd_answers(usage))
    (said,) = [note for note in rig.watcher.notes if "does not count" in note]
    assert "no limit of tokens can hold" in said
    assert {run.outcome for run in result.runs} == {Outcome.PASSED}
    assert result.summary is not None
    assert "2 of 4 answers came without a count" in " ".join(result.summary.warnings)
    result, _ = rig.launch(odd_answers(usage), max_tokens=1000)
    assert {(run.outcome, run.rollout.steps) for run in result.runs} == {(Outcome.ERROR, 1)}
    assert all("set limits.max_tokens=null" in run.error for run in result.runs)


@pytest.mark.parametrize("usage", [{"output_tokens": "20"}, {"output_tokens": 20.5}, {"input_tokens": -1}, [], "20"])
def test_a_count_that_is_none_is_the_servers_fault(rig: Rig, usage: Any) -> None:
    result, _ = rig.launch(odd_answers(usage))
    assert {run.outcome for run in result.runs} == {Outcome.ERROR}
    assert all("usage" in run.error for run in result.runs)


def test_a_whole_number_may_have_a_point(rig: Rig) -> None:
    result, _ = rig.launch(odd_answers({"input_tokens": 5.0, "output_tokens": 20.0}))
    assert {(run.outcome, run.rollout.output_tokens) for run in result.runs} == {(Outcome.PASSED, 120)}


def test_a_context_that_fills_up_is_named_on_a_local_server(rig: Rig) -> None:
    agents = [{"name": "long", "turns": [{"text": "word " * 400, "tokens": {"median": 2000}}]}]
    rig.server.set_up(agents=agents, dialect="llama.cpp", context=600)
    result, _ = rig.run(rig.config)
    assert {run.rollout.ending for run in result.runs} == {Ending.CONTEXT_LIMIT}
    assert all("context was full after" in run.message for run in result.runs)


@pytest.mark.parametrize("cut_as", llama.CUTS)
def test_a_call_that_the_limit_cuts_is_not_executed_in_whatever_shape_it_comes(rig: Rig, cut_as: str) -> None:
    run = {"name": "python_expression", "input": {"expression": "print(42)" * 50}}
    agents = [{"name": "calls", "turns": [{"text": "I compute.", "calls": [run], "tokens": {"median": 200}}]}]
    rig.server.set_up(agents=agents, dialect="llama.cpp", cut_as=cut_as)
    result, _ = rig.run(replace(rig.config, limits=replace(rig.config.limits, max_tokens=100)))
    turns = [turn for run in result.runs for turn in run.rollout.turns]
    assert [(turn.stop_reason, turn.reply, turn.output_tokens) for turn in turns] == [("max_tokens", None, 100)] * 2
    assert {run.rollout.ending for run in result.runs} == {Ending.TOKEN_LIMIT}


def test_records_of_older_versions_are_read_within_the_bounds(tmp_path: Path) -> None:
    """They could hold what no reader can: the digest covers the text, not what is made of it."""
    path = tmp_path / "0001.jsonl"
    journal.write_rollout(path, rollout(Turn(100, SUBMIT, submission=Submission("@"))))
    lines = path.read_text().splitlines()
    before = ""
    for place, line in enumerate(lines):
        body = line.rpartition(',"digest":"')[0] + "}"
        body = body.replace('"answer":8769', '"answer":' + "[" * 900 + "NaN" + "]" * 900).replace('"@"', "7" * 5000)
        before = hashlib.sha256((before + body).encode()).hexdigest()[:16]
        lines[place] = f'{body[:-1]},"digest":"{before}"}}'
    path.write_text("\n".join(lines) + "\n")
    read = journal.read_rollout(path)
    assert read.submission == Submission("7" * 5000)
    journal.write_rollout(tmp_path / "again.jsonl", read)
    assert journal.read_rollout(tmp_path / "again.jsonl") == read


def test_a_record_that_holds_no_response_is_damaged_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "0001.jsonl"
    journal.write_rollout(path, rollout(Turn(100, {**SUBMIT, "content": ["text"]})))
    with pytest.raises(
        UserError, match="holds no response of a model: an entry of its content is not a content block: 'text'"
    ):
        journal.read_rollout(path)
