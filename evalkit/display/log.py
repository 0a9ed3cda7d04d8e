"""The timestamped log of a cell, `evalkit.log`: what happened when, one line each, and never a secret.

Everything in evalkit logs to the logger `evalkit`. Which files that reaches is a context variable, so cells that
run side by side on one event loop each fill their own. What is logged where nobody listens goes to standard error.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from evalkit.display.formatting import run_result
from evalkit.results.runs import Outcome, Run
from evalkit.rollout.record import FailedAttempt, Turn
from evalkit.util.redaction import learn_from, redacted
from evalkit.util.text import counted, duration, plain

NAME = "evalkit.log"
FORMAT = "%(asctime)s - %(levelname)s - %(message)s"
LINE_LIMIT = 4000
"""Characters of a message that the log keeps."""

logger = logging.getLogger("evalkit")
_current: ContextVar[logging.Handler | None] = ContextVar("evalkit_log", default=None)
_listeners: list[logging.Handler] = []


class LineFormatter(logging.Formatter):
    """`time - LEVEL - message`, always on one line, without control characters and without known secrets.

    A traceback keeps its lines, each of them made safe.
    """

    def __init__(self) -> None:
        super().__init__(FORMAT)
        learn_from(os.environ)

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        safe = logging.makeLogRecord(record.__dict__)
        safe.msg, safe.args = plain(redacted(record.getMessage()), one_line=True, limit=LINE_LIMIT), None
        line = super().format(safe)
        return plain(redacted(line)) if "\n" in line else line


class _Router(logging.Handler):
    """Hands a record to the files of the cells in whose context it was logged."""

    def emit(self, record: logging.LogRecord) -> None:
        handler = _current.get()
        if handler is not None:
            handler.handle(record)
        elif not _listeners:
            _say(LineFormatter().format(record).split(" - ", 2)[2])


class _CellFiles(logging.Handler):
    """Appends a record to the log of every cell, and holds no file open in between: there may be thousands."""

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__()
        self._folders = folders
        self.setFormatter(LineFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record) + "\n"
        for folder in self._folders:
            try:
                with (folder / NAME).open("a", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(line)
            except OSError as error:
                if folder not in _unwritable and folder.exists():  # that it is gone, the end of the launch says
                    _unwritable.add(folder)
                    _say(f"{folder / NAME} cannot be written ({error.strerror}): the launch goes on without its log")


_unwritable: set[Path] = set()
_router = _Router()
logger.addHandler(_router)


def _say(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(f"evalkit: {text}\n")


@contextmanager
def cell_log(*folders: Path) -> Iterator[None]:
    """Everything logged inside, and by tasks started inside, is appended to `evalkit.log` of each folder."""
    _listen()
    token = _current.set(_CellFiles(folders))
    try:
        yield
    finally:
        _current.reset(token)


def _listen() -> None:
    logger.propagate = False  # Hydra's root handlers would print every line a second time
    if logger.level in (logging.NOTSET, logging.WARNING):
        logger.setLevel(logging.INFO)


@contextmanager
def listener(handler: logging.Handler) -> Iterator[None]:
    """While inside, `handler` receives everything that is logged, whatever the cell."""
    _listen()
    handler.setFormatter(LineFormatter())
    logger.addHandler(handler)
    _listeners.append(handler)
    try:
        yield
    finally:
        _listeners.remove(handler)
        logger.removeHandler(handler)


def run_started(number: int) -> None:
    """The first line of a run."""
    logger.info("Run %d: started", number)


def turn_done(number: int, step: int, turn: Turn) -> None:
    """What one model call did: what it called, how many tokens it took, and whether a tool failed."""
    called = [str(block.get("name")) for block in turn.content if block.get("type") == "tool_use"]
    failed = f", {counted(turn.tool_errors, 'tool error')}" if turn.tool_errors else ""
    logger.info(
        "Run %d: step %d: %s, stop reason %s, called %s%s",
        *(number, step, counted(turn.output_tokens, "output token"), turn.stop_reason),
        *(", ".join(called) or "nothing", failed),
    )


def attempt_failed(number: int, attempt: FailedAttempt) -> None:
    """A model call that failed, and when it is repeated."""
    next_one = f"the next one in {duration(attempt.pause)}" if attempt.pause else "the last one"
    text = "Run %d: an attempt failed after %s (%s), %s"
    logger.warning(text, number, duration(attempt.seconds), attempt.reason, next_one)


def run_done(run: Run) -> None:
    """How a run ended, what was submitted, what each check found, and the verdict."""
    rollout, number = run.rollout, run.number
    time = f", {duration(rollout.timing.seconds)}" if rollout.timing.seconds else ""
    spent = f"{counted(rollout.steps, 'step')}, {counted(rollout.output_tokens, 'output token')}{time}"
    logger.info("Run %d: ended as %s after %s", number, rollout.ending.value, spent)
    if rollout.submission is not None:
        logger.info("Run %d: submitted %s", number, shape(rollout.submission.answer))
    if run.measurement is not None:
        for name, value in run.measurement.values.items():
            logger.info("Run %d: measured %s: %s", number, name, shape(value, scalars=True))
    for check in run.grade.checks if run.grade else ():
        bound = "" if check.value is None else f" ({check.value:.4g} against {_bound(check.bound)})"
        required = "" if check.required else ", not required"
        state = "right" if check.passed else "wrong"
        logger.info("Run %d: component %s %s%s%s", number, check.name, state, bound, required)
    level = logging.ERROR if run.outcome is Outcome.ERROR else logging.INFO
    logger.log(level, "%s", run_result(run), extra={"run_result": True})
    if run.traceback:
        traceback(f"Run {number}: the task's own code raised", run.traceback)
    if rollout.leaked:
        logger.warning("Run %d: a canary of the grader's process was found in the conversation", number)


def traceback(message: str, text: str) -> None:
    """A traceback that is text already. The file of the cell keeps its lines; a terminal shows the run line alone."""
    about = {"name": logger.name, "levelno": logging.ERROR, "levelname": "ERROR", "run_result": True}
    record = logging.makeLogRecord(about | {"msg": "%s", "args": (message,)})
    record.exc_text = text
    logger.handle(record)


def _bound(bound: float | None) -> str:
    return "no bound" if bound is None else f"{bound:g}"


def shape(value: Any, *, scalars: bool = False, depth: int = 2) -> str:
    """What JSON looks like without all its numbers: keys, shapes of nested lists, flags.

    `{"w": [[1, 0], [0, 1]], "mask": true}` is `w 2x2, mask true`.
    """
    if isinstance(value, Mapping):
        if depth == 0:
            return counted(len(value), "key")
        shown = [f"{key} {shape(item, scalars=scalars, depth=depth - 1)}" for key, item in list(value.items())[:20]]
        return ", ".join(shown) + (", …" if len(value) > 20 else "") if shown else "no keys"
    if isinstance(value, str):
        return f"{value!r}" if scalars and len(value) <= 80 else f"text of {counted(len(value), 'character')}"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Sequence):
        return _list_shape(value)
    return _number(value) if scalars else "number"


def _number(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 128:
        return f"integer of {value.bit_length():,} bits"  # Python refuses to print really long ones
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _list_shape(value: Sequence[Any]) -> str:
    """`4x3` for a regular nesting, `list of 4` where rows differ. Looks at no more than 10 levels."""
    sizes: list[str] = []
    level: Any = value
    while isinstance(level, Sequence) and not isinstance(level, str) and len(sizes) < 10:
        sizes.append(str(len(level)))
        rows = [len(row) if isinstance(row, Sequence) and not isinstance(row, str) else None for row in level]
        if len(set(rows)) > 1:
            return f"list of {len(value)}"
        if not level:
            break
        level = level[0]
    return "x".join(sizes)
