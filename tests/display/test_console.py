"""What a person sees: plain lines, the live display as a terminal shows it, quiet, verbose, sweeps."""

import io
import logging
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.display.console import ConsoleView, header, wants_live
from evalkit.display.progress import Progress
from evalkit.display.view import CellInfo, View
from evalkit.model.protocol import Wait
from evalkit.results.summary import summarize
from evalkit.stats import Band
from evalkit.util import redaction
from tests.builders import turn
from tests.runs import failed, lost, passed, stopped, timed

CATEGORIES = {"wrong_values": "Wrong values", "no_submission": "No submission"}


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


def info(index=0, runs=3, **options):
    return CellInfo(
        **{
            "index": index,
            "task": "arithmetic",
            "title": "Arithmetic",
            "model": "some-model",
            "simulated": False,
            "runs": runs,
            "concurrency": 1,
            "limits": "2,900 tokens, 15 steps",
            "isolation": "strong",
            "folder": Path("outputs/x"),
        }
        | options
    )


def analyse(runs):
    return summarize(runs, band=Band(0.1, 0.4), confidence=0.95, categories=CATEGORIES)


def launch(view: View, runs, cells=1):
    """The events of a launch whose cells all have the same runs, each of two turns."""
    try:
        view.note("Model: some-model (an API key is set)")
        view.begin(
            [
                info(index, len(runs), overrides={"limits.max_tokens": str(1000 * index)} if cells > 1 else {})
                for index in range(cells)
            ]
        )
        for run in runs:
            for cell in range(cells):
                view.run_started(cell, run.number)
            step = turn(100)
            for cell in range(cells):
                view.turn_done(cell, run.number, step)
            for cell in range(cells):
                view.run_done(cell, run)
        for cell in range(cells):
            view.cell_done(cell, analyse(runs))
    finally:
        view.end()


def shown(runs, *, cells=1, stream=None, **options):
    stream = io.StringIO() if stream is None else stream
    launch(ConsoleView(stream, **options), runs, cells)
    return stream.getvalue()


RUNS = [passed(1), stopped(2), lost(3)]


def test_plain_output_from_the_first_line_to_the_last():
    lines = shown(RUNS).split("\n")
    assert lines[:9] == [
        "Model: some-model (an API key is set)",
        "Arithmetic (arithmetic)",
        "  model    some-model",
        "  runs     3, one after the other",
        "  limits   2,900 tokens, 15 steps",
        "  sandbox  strong",
        "✓ Run 1: SUCCESS - Got VERIFIED",
        "✗ Run 2: FAILURE - [LIMIT REACHED] Hit 2900 token limit",
        "! Run 3: ERROR - overloaded (529) after 5 tries",
    ]
    assert lines[9:11] == ["", "=" * 80]
    assert lines[-4:] == ["=" * 80, "Output: outputs/x", "Report: outputs/x/report.html", ""]


def test_quiet_leaves_the_closing_block_alone():
    lines = shown(RUNS, quiet=True).split("\n")
    assert lines[0] == lines[-2] == "=" * 80
    assert not any("Run 1:" in line for line in lines)


@pytest.mark.parametrize("quiet", [True, False])
def test_the_published_form_ends_with_the_range_line_and_what_it_lacks_is_said_beside_it(quiet, capsys):
    leaked = replace(passed(1), rollout=replace(passed(1).rollout, leaked=True))
    stream = io.StringIO()
    view = ConsoleView(stream, quiet=quiet, published=True)
    view.begin([replace(info(), simulated=True)])
    view.cell_done(0, analyse([leaked]))
    view.end()
    block = stream.getvalue()[stream.getvalue().index("=" * 80) :].split("\n")
    assert block[8:10] == ["✗ PASS RATE ABOVE TARGET RANGE (10-40%)", "=" * 80]
    said = capsys.readouterr().err if quiet else stream.getvalue()
    assert "Warning: the grader's secrets leaked" in said and "measure" in said


def test_verbose_adds_conversations_and_the_log():
    stream = io.StringIO()
    view = ConsoleView(stream, verbose=True)
    try:
        view.begin([info()])
        logging.getLogger("evalkit").info("Run 1: started")
        logging.getLogger("evalkit").info("Run 1: started")
        view.run_done(0, passed(1))
    finally:
        view.end()
    logging.getLogger("evalkit").info("after the end")
    lines = stream.getvalue().split("\n")
    assert [line for line in lines if re.fullmatch(r"[-\d]+ [:,\d]+ - INFO - Run 1: started", line)] == lines[5:6]
    assert lines[6:] == [
        "--- Run 1: 100 output tokens, tool_use",
        "  > submit_answer",
        '  answer: {"x": 1}',
        "✓ Run 1: SUCCESS - Got VERIFIED",
        "",
    ]


def test_verbose_names_a_run_of_a_set_by_problem_and_try():
    stream = io.StringIO()
    view = ConsoleView(stream, verbose=True)
    try:
        view.begin([info()])
        view.run_done(0, replace(passed(1_000_002), problem="p1", attempt=2))
    finally:
        view.end()
    assert "--- p1 try 2: 100 output tokens" in stream.getvalue()
    assert "1000002" not in stream.getvalue()


def test_a_sweep_prints_a_line_a_cell():
    lines = shown(RUNS, cells=2).split("\n")
    assert "  sweep    2 cells over limits.max_tokens" in lines
    assert "? [2/2] limits.max_tokens=1000: 50.0% (9.5-90.5%), UNDECIDED, 1 error" in lines
    assert not any("Run 1:" in line or line.startswith("=") for line in lines)


def test_a_stream_that_cannot_show_the_marks_gets_ascii():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    launch(ConsoleView(stream), RUNS)
    stream.flush()
    text = raw.getvalue().decode("ascii")
    assert "+ Run 1: SUCCESS - Got VERIFIED" in text and "x Run 2: FAILURE" in text


@pytest.mark.parametrize("live", [False, True])
def test_nothing_that_a_model_wrote_is_obeyed(live):
    evil = "\x1b]0;owned\x07\x1b[2J[bold red]x[/bold red] [link=http://x]y[/link]"
    text = shown([failed(1, message=evil)], stream=Terminal(), live=live)
    assert "[bold red]x[/bold red] [link=http://x]y[/link]" in text
    assert "owned" not in text and "\x1b[2J" not in text


def test_a_reader_that_goes_away_does_not_end_the_launch():
    code = (
        "from tests.display.test_console import *\n"
        "launch(ConsoleView(), RUNS * 2000)\n"
        "print('done', file=sys.stderr)\n"
    )  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline().startswith(b"Model:")
    process.stdout.close()
    assert process.stderr.read() == b"done" + os.linesep.encode()
    process.stderr.close()
    assert process.wait() == 0


@pytest.mark.parametrize(
    ("environ", "terminal", "live"),
    [
        ({"TERM": "xterm-256color"}, True, True),
        ({}, True, True),
        ({"CI": ""}, True, True),
        ({"CI": "false"}, True, True),
        ({"CI": "true"}, True, False),
        ({"CI": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "xterm"}, False, False),
    ],
)
def test_a_live_display_is_for_terminals(environ, terminal, live):
    assert wants_live(Terminal() if terminal else io.StringIO(), environ) is live


def screen(monkeypatch, width, runs, cells=1, until=None):
    """What the live display draws after `until` runs, as text."""
    from evalkit.display.live import LiveDisplay

    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", "24")
    clock = Clock()
    progress = Progress(clock)
    progress.begin(
        [
            info(
                index,
                len(runs),
                overrides={"task.tolerances.output": f"0.{index}", "limits.max_tokens": "9"} if cells > 1 else {},
            )
            for index in range(cells)
        ]
    )
    for run in runs[:until]:
        for cell in range(cells):
            progress.run_started(cell, run.number)
            progress.turn_done(cell, run.number, run.rollout.turns[0])
            progress.run_done(cell, run)
        clock.now += 10
    display = LiveDisplay(Terminal(), progress)
    with display.console.capture() as capture:
        display.console.print(display._live.renderable)
    return re.sub(r"\x1b\[[\d;]*m", "", capture.get()).rstrip("\n").split("\n")


def test_the_live_display_shows_runs_rate_tokens_cost_and_time_left(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    runs = [passed(1, cost=0.02), stopped(2, cost_usd=0.5), failed(3), failed(4)]
    bar, figures = screen(monkeypatch, 80, runs, until=2)
    assert re.fullmatch(r"━+╸?╺?━* 2/4 runs · 20\.0 s, about 20\.0 s left", bar)
    assert figures == "pass rate 50.0% · 3,000 output tokens · $0.52"  # no interval before the end
    assert len(bar) == 80


@pytest.mark.parametrize("width", [60, 80, 160])
def test_the_live_display_fits_the_terminal(monkeypatch, width):
    monkeypatch.setenv("TERM", "xterm-256color")
    single = screen(monkeypatch, width, RUNS[:2])
    sweep = screen(monkeypatch, width, RUNS[:2], cells=40)
    assert len(single) == 2 and max(map(len, single + sweep)) <= width
    assert len(sweep) <= 24


def test_a_sweep_shows_a_table_of_cells(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    lines = screen(monkeypatch, 80, RUNS[:2], cells=2, until=1)
    assert lines[0].split() == ["output", "max_tokens", "runs", "passed", "verdict"]
    assert lines[2].split() == ["0.1", "9", "1/2", "100.0%"]
    assert lines[-1] == "100 output tokens"


def test_tokens_of_a_rollout_that_cells_share_are_counted_once():
    progress = Progress(Clock())
    progress.begin([info(0), info(1)])
    for step in (turn(100), turn(50)):
        progress.turn_done(0, 1, step)
        progress.turn_done(1, 1, step)
    assert progress.tokens == 150 and progress.cost_usd is None


def test_rollouts_found_on_disk_do_not_shorten_the_time_left():
    clock = Clock()
    progress = Progress(clock)
    progress.begin([info(runs=4)])
    progress.run_started(0, 1)
    progress.run_done(0, timed(passed(1, cost=1.0), 60))
    assert progress.seconds_left is None and progress.cost_usd == 0 and progress.tokens == 0
    progress.run_started(0, 2)
    progress.turn_done(0, 2, turn(100))
    clock.now = 30
    progress.run_done(0, passed(2, cost=0.5))
    assert progress.seconds_left == 60 and progress.cost_usd == 0.5


def test_plain_output_says_now_and_then_how_far_it_is():
    clock, stream = Clock(), io.StringIO()
    view = ConsoleView(stream, clock=clock)
    view.begin([info()])
    before = stream.getvalue()
    view.run_started(0, 1)
    view.turn_done(0, 1, turn(100))
    clock.now = 61
    view.turn_done(0, 1, turn(200))
    view.turn_done(0, 1, turn(200))
    view.end()
    assert stream.getvalue().removeprefix(before) == "… 0 of 3 runs done, 1 running, 300 output tokens, 1 min 01 s\n"


def test_slow_calls_leave_signs_of_life_with_the_time_left():
    clock, stream = Clock(), io.StringIO()
    view = ConsoleView(stream, clock=clock)
    view.begin([info(runs=4)])
    view.run_started(0, 1)
    view.turn_done(0, 1, turn(100))
    clock.now = 20
    view.run_done(0, passed(1))
    before = stream.getvalue()
    for second in range(21, 90):
        clock.now = second
        view.tick()
    said = stream.getvalue().removeprefix(before).splitlines()
    assert said[0] == "… 1 of 4 runs done, 0 running, 100 output tokens, 50.0 s, about 2 min 30 s left"
    assert len(said) == 2


def test_a_wait_is_said_at_once_and_only_once():
    stream = io.StringIO()
    view = ConsoleView(stream)
    view.begin([info(0), info(1)])
    before = stream.getvalue()
    wait = Wait("http://here", "HTTP 429: slow", 7200, time.monotonic() + 7200)
    for _ in range(2):  # cells that share a model report the same wait
        view.waiting(wait)
    assert stream.getvalue().removeprefix(before) == "… Waits 2 h 00 min for http://here: HTTP 429: slow\n"
    view.waiting(Wait("http://here", "blink", 0.5, time.monotonic() + 0.5))
    assert "blink" not in stream.getvalue()


def test_short_waits_that_come_by_the_hundred_are_said_now_and_then():
    clock, stream = Clock(), io.StringIO()
    view = ConsoleView(stream, clock=clock)
    view.begin([info()])
    for second in range(0, 100, 2):
        clock.now = second
        view.waiting(Wait("http://here", f"at {second}", 2, time.monotonic() + 2))
    said = [line for line in stream.getvalue().splitlines() if "Waits" in line]
    assert [line.rpartition(" ")[2] for line in said] == ["0", "30", "60", "90"]


def test_a_long_wait_is_said_on_the_error_stream_in_quiet_mode(capsys):
    stream = io.StringIO()
    view = ConsoleView(stream, quiet=True)
    view.begin([info()])
    view.waiting(Wait("http://here", "HTTP 429: slow", 60, time.monotonic() + 60))
    view.warn("Stopped")
    assert stream.getvalue() == ""
    assert capsys.readouterr().err == "… Waits 1 min 00 s for http://here: HTTP 429: slow\nStopped\n"


@pytest.mark.parametrize("width", [40, 80])
def test_the_live_display_shows_what_is_waited_for_on_one_line(monkeypatch, width):
    from rich.console import Console

    from evalkit.display.live import status

    progress = Progress(Clock())
    progress.begin([info()])
    progress.wait = Wait("http://here", "HTTP 429: " + "slow " * 50, 7200, time.monotonic() + 7200)
    console = Console(file=io.StringIO(), width=width)
    console.print(status(progress, width, "utf-8"))
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[-1].startswith("waits another 2 h 00 min for ")
    progress.wait = Wait("http://here", "over", 1, time.monotonic() - 1)
    console.print(status(progress, width, "utf-8"))
    assert "over" not in console.file.getvalue()


def test_no_secret_reaches_the_terminal(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "planted-key-0123456789")
    redaction.learn_from(os.environ)
    stream = io.StringIO()
    ConsoleView(stream).note("refused planted-key-0123456789 and sk-ant-api03-abcdefgh12345")
    assert stream.getvalue() == "refused <ANTHROPIC_API_KEY> and <secret>\n"


def test_the_header_names_what_differs_in_a_sweep():
    lines = header([info(0, model="a", overrides={"model": "a"}), info(1, model="b", overrides={"model": "b"})])
    assert "  model    2 models" in lines and "  sweep    2 cells over model" in lines
    assert header([info(concurrency=4, simulated=True)])[1:3] == [
        "  model    some-model (simulated: measures no LLM)",
        "  runs     3, 4 at once",
    ]


def test_the_end_gives_the_terminal_back_after_an_exception():
    stream = Terminal()
    view = ConsoleView(stream, live=True)
    try:
        view.begin([info()])
        assert "\x1b[?25l" in stream.getvalue()
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        view.end()
        view.end()
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_rich_and_scipy_are_loaded_only_when_needed():
    code = (
        "from tests.display.test_console import *\n"
        "launch(ConsoleView(open(os.devnull, 'w')), RUNS)\n"
        "print(sorted({'rich', 'scipy', 'numpy', 'anthropic', 'torch'} & set(sys.modules)))\n"
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
