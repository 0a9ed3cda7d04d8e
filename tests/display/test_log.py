"""The log of a cell: one file each although cells share an event loop, one line a message, no secrets."""

import ast
import asyncio
import io
import logging
import re
from pathlib import Path

import pytest

from evalkit.display import log
from evalkit.display.log import cell_log, shape
from evalkit.engine.cells import Cell
from evalkit.launch.pipeline import execute
from tests.launching import Watcher, config_for, launch
from tests.runs import failed, lost, passed, stopped, timed

ROOT = Path(__file__).resolve().parents[2]
logger = logging.getLogger("evalkit")
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - (INFO|WARNING|ERROR) - \S")


def messages(folder):
    text = (folder / "evalkit.log").read_text(encoding="utf-8")
    return [line.split(" - ", 2)[2] for line in text.splitlines()]


async def test_cells_on_one_event_loop_fill_their_own_files(tmp_path):
    async def run(name, number):
        await asyncio.sleep(0.001 * (number % 3))
        logger.info("%s run %d", name, number)

    async def cell(name):
        folder = tmp_path / name
        folder.mkdir()
        with cell_log(folder):
            async with asyncio.TaskGroup() as tasks:
                for number in range(5):
                    tasks.create_task(run(name, number))
            await asyncio.to_thread(logger.info, "%s from a thread", name)

    await asyncio.gather(*(cell(name) for name in "abc"))
    for name in "abc":
        found = messages(tmp_path / name)
        assert sorted(found) == sorted([f"{name} run {number}" for number in range(5)] + [f"{name} from a thread"])


async def test_what_is_logged_while_a_run_is_sampled_reaches_its_cells(tmp_path):
    """A damaged record, and whatever the model's client has to say."""
    common = ("task=arithmetic", "model=simulated", "runs.count=1")
    cells = [
        Cell(config_for(*common, f"limits.max_tokens={n}", store=tmp_path / "s"), tmp_path / str(n), {"n": str(n)}, i)
        for i, n in enumerate((300, 4000))
    ]
    for cell in cells:
        cell.folder.mkdir()
    await execute(cells, Watcher())
    (path,) = tmp_path.glob("s/*/*/*/0001.jsonl")
    path.write_bytes(path.read_bytes() + b"torn")
    await execute(cells, Watcher())
    for cell in cells:
        assert any("its record is damaged" in line for line in messages(cell.folder))


async def test_waiting_for_a_rate_limit_is_in_the_log(tmp_path, messages_api):
    messages_api.set_up(plan=[{"kind": "status", "status": 429, "headers": {"retry-after": "0.1"}}])
    local = ("task=arithmetic", "model=local", "model.id=m", f"model.base_url={messages_api.url}", "runs.count=1")
    await launch(tmp_path / "out", *local, store=tmp_path / "s")
    assert any("429" in line for line in messages(tmp_path / "out"))


def test_what_is_logged_where_nobody_listens_is_said_on_standard_error(tmp_path, capsys):
    with cell_log(tmp_path):
        logger.warning("heard")
    logger.warning("the key of %s is lost", "a-thing")
    assert capsys.readouterr().err == "evalkit: the key of a-thing is lost\n"
    handler = logging.StreamHandler(io.StringIO())
    with log.listener(handler):
        logger.warning("heard, too")
    assert capsys.readouterr().err == ""


def test_everything_logs_where_the_router_hears_it():
    """Another logger, the root logger or a warning would reach neither the cell's log nor the console."""
    calls = {"debug", "info", "warning", "error", "exception", "critical", "log", "warn"}
    strangers = []
    for path in sorted((ROOT / "evalkit").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        own = {
            target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and ast.unparse(node.value) == "logging.getLogger('evalkit')"
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        silenced = {  # a library that is told to be quiet logs nothing of ours
            id(node.func.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setLevel"
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or id(node) in silenced:
                continue
            words = ast.unparse(node.func)
            owner, _, name = words.rpartition(".")
            if words == "logging.getLogger" and ast.unparse(node) != "logging.getLogger('evalkit')":
                strangers.append((path.name, node.lineno, ast.unparse(node)))
            if name in calls and owner in {"logging", "warnings", "log", "logger", "logs", "LOG", "_log"} - own:
                strangers.append((path.name, node.lineno, words))
    assert strangers == []


def test_a_log_that_cannot_be_written_is_said_once_and_ends_nothing(tmp_path, capsys):
    (tmp_path / "evalkit.log").mkdir()
    with cell_log(tmp_path):
        logger.info("one")
        logger.info("two")
    err = capsys.readouterr().err
    assert err.count("cannot be written") == 1 and "Traceback" not in err


def test_a_log_is_continued_and_not_begun_anew(tmp_path):
    for text in ("first", "second"):
        with cell_log(tmp_path):
            logger.info(text)
    logger.info("outside")
    assert messages(tmp_path) == ["first", "second"]


def test_a_run_is_told_from_start_to_end(tmp_path):
    with cell_log(tmp_path):
        log.run_started(3)
        run = timed(passed(3), 12.3)
        log.turn_done(3, 1, run.rollout.turns[0])
        log.run_done(run)
    assert messages(tmp_path) == [
        "Run 3: started",
        "Run 3: step 1: 100 output tokens, stop reason tool_use, called submit_answer",
        "Run 3: ended as submitted after 1 step, 100 output tokens, 12.3 s",
        "Run 3: submitted x number",
        "Run 3: measured error: 0.001",
        "Run 3: component output right (0.001 against 0.01)",
        "Run 3: SUCCESS - Got VERIFIED",
    ]


@pytest.mark.parametrize(
    ("run", "level", "last"),
    [
        (stopped(1), "INFO", "Run 1: FAILURE - [LIMIT REACHED] Hit 2900 token limit"),
        (failed(2, message="two\nlines\x1b[2J"), "INFO", "Run 2: FAILURE - two lines"),
        (lost(3), "ERROR", "Run 3: ERROR - overloaded (529) after 5 tries"),
    ],
)
def test_the_verdict_is_the_last_line(run, level, last, tmp_path):
    with cell_log(tmp_path):
        log.run_done(run)
    line = (tmp_path / "evalkit.log").read_text(encoding="utf-8").splitlines()[-1]
    assert LINE.match(line).group(1) == level
    assert line.endswith(last)


def test_no_secret_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-key-of-my-own-making")
    monkeypatch.setenv("SHORT_SECRET", "abc")
    with cell_log(tmp_path):
        logger.info("key a-key-of-my-own-making and sk-ant-api03-0123456789abcdef, Bearer abcdef0123456789, abc")
        try:
            raise ValueError("refused a-key-of-my-own-making")
        except ValueError:
            logger.exception("raised")
    text = (tmp_path / "evalkit.log").read_text(encoding="utf-8")
    assert "key <ANTHROPIC_API_KEY> and <secret>, Bearer <secret>, abc" in text
    assert "ValueError: refused <ANTHROPIC_API_KEY>" in text
    assert "own-making" not in text and "sk-ant" not in text


def test_a_forged_line_stays_inside_its_own(tmp_path):
    with cell_log(tmp_path):
        logger.info("model said: %s", "x\n2026-01-01 00:00:00,000 - INFO - Run 1: SUCCESS")
        logger.info("half a pair \ud83d")
    assert len((tmp_path / "evalkit.log").read_text(encoding="utf-8").splitlines()) == 2


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ({"w": [[1, 0], [0, 1]], "mask": True}, "w 2x2, mask true"),
        ({"a": {"b": {"c": 1}}}, "a b 1 key"),
        ([[1, 2], [3]], "list of 2"),
        ([], "0"),
        ([[[]]], "1x1x0"),
        ("x" * 1000, "text of 1,000 characters"),
        (None, "null"),
        (7, "number"),
        ({}, "no keys"),
        ({str(key): 0 for key in range(21)}, ", ".join(f"{key} number" for key in range(20)) + ", …"),
    ],
)
def test_a_submission_is_described_by_its_form(answer, shown):
    assert shape(answer) == shown


def test_numbers_that_python_refuses_to_print_are_described():
    assert shape(10**5000, scalars=True) == "integer of 16,610 bits"
    assert shape({"error": 0.123456789, "ok": False}, scalars=True) == "error 0.123457, ok false"


def test_a_deep_nesting_is_described_without_recursion():
    deep: list = []
    for _ in range(20_000):
        deep = [deep]
    assert shape(deep) == "x".join(["1"] * 10)
