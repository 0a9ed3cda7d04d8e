"""Console view of a launch: plain lines anywhere, a live display on a terminal, and the closing block."""

from __future__ import annotations

import logging
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, TextIO

from evalkit.display.formatting import cell_line, closing_block, run_line, run_name
from evalkit.display.log import listener
from evalkit.display.progress import Progress
from evalkit.display.transcript import turn_lines
from evalkit.display.view import CellInfo
from evalkit.model.protocol import Wait
from evalkit.results.runs import Run
from evalkit.results.summary import Summary
from evalkit.rollout.record import Turn
from evalkit.util.redaction import redacted
from evalkit.util.text import counted, duration, fitted, for_encoding, plain

if TYPE_CHECKING:  # Rich is loaded only where it draws
    from evalkit.display.live import LiveDisplay

__all__ = ["ConsoleView", "closing_block", "run_line"]

HEARTBEAT_S = 30.0
"""Seconds without a line after which plain output says how far it is, so that a CI job is not thought dead."""
WORTH_SAYING_S, WORTH_WARNING_S = 1.0, 30.0
"""Waits from which plain output says that it waits, and from which quiet mode and a live display leave a line, too."""


class ConsoleView:
    """Implements `View`. Nothing that a model wrote reaches the terminal raw, whatever the mode."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        verbose: bool = False,
        quiet: bool = False,
        published: bool = False,
        live: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`verbose` adds conversations and the log, `quiet` leaves the closing block alone.

        `published`: the closing block in that form.

        `live` None: a live display where `wants_live` says that the stream can show one.
        """
        self._stream = stream if stream is not None else sys.stdout
        self._verbose = verbose
        self._quiet = quiet
        self._published = published
        self._progress = Progress(clock)
        self._live_wanted = not quiet and (wants_live(self._stream, os.environ) if live is None else live)
        self._live: LiveDisplay | None = None
        self._open = ExitStack()
        self._last_line = 0.0
        self._next_wait_line = -math.inf

    def begin(self, cells: list[CellInfo]) -> None:
        """Say what is about to happen and start the live display."""
        self._progress.begin(cells)
        self._last_line = self._progress.clock()
        if not self._quiet:
            for line in header(cells):
                self._print(line)
        if self._live_wanted:
            from evalkit.display.live import LiveDisplay

            self._live = LiveDisplay(self._stream, self._progress)
            self._live.start()
            self._open.callback(self._stop_live)
        if self._verbose:
            self._open.enter_context(listener(_Lines(self._print)))

    def note(self, text: str) -> None:
        """A sentence that the person must see."""
        if not self._quiet:
            self._print(plain(text))

    def warn(self, text: str) -> None:
        """The same; in quiet mode on the error stream, so that the closing block stays alone."""
        if self._quiet:
            sys.stderr.write(for_encoding(plain(redacted(text)), sys.stderr.encoding) + "\n")
            sys.stderr.flush()
        else:
            self._print(plain(text))

    def waiting(self, wait: Wait) -> None:
        """Say what is waited for: at once where it is long, and no more than a line a wait."""
        if wait is self._progress.wait:
            return
        self._progress.wait = wait
        now = self._progress.clock()
        if wait.seconds >= WORTH_WARNING_S:
            self.warn(f"… {wait}")
        elif wait.seconds < WORTH_SAYING_S or self._quiet or self._live is not None or now < self._next_wait_line:
            return
        else:
            self._print(plain(f"… {wait}"))
        self._next_wait_line = now + HEARTBEAT_S  # short waits come by the hundred

    def tick(self) -> None:
        """A sign of life, if it is time for one."""
        self._heartbeat()

    def result(self, text: str) -> None:
        """What a sweep was made for: below the table of its cells, and in quiet mode, too."""
        self._stop_live()
        self._print(plain(text))

    def run_started(self, cell: int, run: int) -> None:
        """Count it as running."""
        self._progress.run_started(cell, run)

    def turn_done(self, cell: int, run: int, turn: Turn) -> None:
        """Count its tokens. Verbose shows the step in the log, and the conversation once it is whole."""
        self._progress.turn_done(cell, run, turn)
        self._heartbeat()

    def run_done(self, cell: int, run: Run) -> None:
        """The run line. In a sweep a rollout serves many cells, so there only verbose prints a line for each."""
        self._progress.run_done(cell, run)
        single = len(self._progress.cells) == 1
        if self._verbose and single:
            for turn in run.rollout.turns:
                for line in turn_lines(run_name(run), turn):
                    self._print(line)
        if not self._quiet and (single or self._verbose):
            self._print(run_line(run))
        else:
            self._heartbeat()

    def cell_done(self, cell: int, summary: Summary) -> None:
        """The closing block; of a sweep, a line for the cell."""
        self._progress.cell_done(cell, summary)
        cells = self._progress.cells
        info = cells[cell].info
        if len(cells) > 1:
            if self._live is None:  # a live display has a row for it
                self._print(cell_line(info.index, len(cells), _knobs(info.overrides), summary))
            return
        self._stop_live()
        self._print("" if not self._quiet else None)
        block = closing_block(summary, info.title, simulated=info.simulated, published=self._published)
        for line in block.split("\n"):
            self._print(line)
        if self._published:
            self._say_beside(summary, info)
        if not self._quiet:
            self._print(f"Output: {plain(info.folder, one_line=True)}")
            self._print(f"Report: {plain(info.folder / 'report.html', one_line=True)}")

    def _say_beside(self, summary: Summary, info: CellInfo) -> None:
        """What the published form has no place for, and nobody may miss."""
        for warning in summary.warnings:
            self.warn(f"Warning: {plain(warning, one_line=True)}")
        if info.simulated and self._quiet:  # else the header has said it
            self.warn("Model: simulated: these figures measure no LLM")

    def end(self) -> None:
        """Give the terminal back."""
        self._open.close()

    def _stop_live(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _heartbeat(self) -> None:
        progress = self._progress
        if self._quiet or self._live is not None or progress.clock() - self._last_line < HEARTBEAT_S:
            return
        left = progress.seconds_left
        parts = [
            f"{progress.done:,} of {counted(progress.total, 'run')} done",
            f"{progress.running} running",
            counted(progress.tokens, "output token"),
            duration(progress.seconds) + (f", about {duration(left)} left" if left else ""),
        ]
        wait = progress.wait
        if wait and wait.left:
            parts.append(f"waits another {duration(wait.left)}: {plain(wait.reason, one_line=True)}")
        self._print("… " + ", ".join(parts))

    def _print(self, line: str | None) -> None:
        if line is None:
            return
        self._last_line = self._progress.clock()
        line = for_encoding(redacted(line), self._stream.encoding)
        try:
            if self._live is not None:
                self._live.print(line)
            else:
                self._stream.write(fitted(line, self._stream) + "\n")
                self._stream.flush()
        except OSError:  # the reader has left, or the disk behind it is full
            self._go_silent()

    def _go_silent(self) -> None:
        """Nobody can read (`| head`, a full disk behind `>`). The launch goes on: its results are files."""
        self._live = None
        try:
            target = self._stream.fileno()
        except (OSError, ValueError):
            target = -1
        if target >= 0:  # else Python complains once more when it flushes at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), target)


class _Lines(logging.Handler):
    """Prints log records as lines; run results are left out, for the run line says them.

    What cells that share a rollout log one after the other in the same words is printed once.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write
        self._last = ""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if not getattr(record, "run_result", False) and message != self._last:
            self._write(self.format(record))
        self._last = message


def wants_live(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """A live display belongs on a terminal that can move its cursor, and not into the log of a CI job."""
    ci = environ.get("CI", "").lower() not in ("", "0", "false", "no")
    return stream.isatty() and not ci and environ.get("TERM", "") not in ("dumb", "unknown")


def header(cells: list[CellInfo]) -> list[str]:
    """What is about to run, a line a fact."""
    if not cells:
        return []
    first = cells[0]
    once = "one after the other" if first.concurrency == 1 else f"{first.concurrency} at once"
    rows = [
        ("model", _model(first)),
        ("runs", f"{first.runs:,}, {once}"),
        ("limits", first.limits),
        ("sandbox", first.isolation),
    ]
    if len(cells) > 1:
        models = {cell.model for cell in cells}
        rows[0] = rows[0] if len(models) == 1 else ("model", f"{len(models)} models")
        rows[2:3] = [("sweep", f"{counted(len(cells), 'cell')} over {', '.join(first.overrides)}")]
    title = f"{first.title} ({first.task})" if len({cell.task for cell in cells}) == 1 else "Several tasks"
    return [plain(title, one_line=True)] + [f"  {name:<9}{plain(text, one_line=True)}" for name, text in rows if text]


def _model(cell: CellInfo) -> str:
    if not cell.simulated:
        return cell.model
    return f"{cell.model} ({'' if cell.model == 'simulated' else 'simulated: '}measures no LLM)"


def _knobs(overrides: Mapping[str, str]) -> str:
    return plain(" ".join(f"{name}={value}" for name, value in overrides.items()), one_line=True)
