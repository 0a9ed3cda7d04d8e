"""`show`: launches, sweeps and conversations in a terminal, coloured and paged, with nothing raw in them."""

from __future__ import annotations

import io
import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from rich.text import Text

from evalkit import UserError
from evalkit.display.pager import present
from evalkit.results.runs import Run
from evalkit.rollout.record import Ending, Rollout
from evalkit.task.grade import Grade, Measurement
from tests.outputs import conversation, failed, passed, some_runs, write_launch, write_sweep
from tests.verbs import verb

main = verb("show")

NASTY = "\x1b[2J\x1b]0;owned\x07\x9b31m \x1b]52;c;YmFk\x07 \u202egnp.exe [bold red]markup[/] \r\x08\x7f"


class Terminal(io.StringIO):
    """Says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def shown(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    assert main([str(word) for word in argv]) == 0
    return capsys.readouterr().out


def test_a_launch_is_its_closing_block_and_a_line_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, write_launch(tmp_path / "a"))
    assert "TASK ANALYSIS - Arithmetic with a Python tool" in out
    assert "simulated: these figures measure no LLM" in out
    runs = [line.split() for line in out.splitlines() if line.startswith("  2  ")]
    assert runs == [
        ["2", "✗", "FAILURE", *["Wrong", "value:", "Got", "8770,", "expected", "8769"], "400", "2", "1.7", "s"]
    ]
    assert "\x1b" not in out


@pytest.mark.parametrize("width", [80, 160])
def test_a_set_is_its_closing_block_and_its_problems_lowest_rate_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    makes = {"easy": (passed, passed), "hard": (failed, failed), "middle": (passed, failed)}
    runs = [
        replace(make(index * 1_000_000 + attempt), problem=name, attempt=attempt)
        for index, (name, tries) in enumerate(makes.items())
        for attempt, make in enumerate(tries, 1)
    ]
    folder = write_launch(tmp_path / "a", runs)
    out = shown(capsys, folder)
    listed = [line.split()[:2] for line in out.splitlines() if line.split()[:1] and line.split()[0] in makes]
    assert listed == [["hard", "✗✗"], ["middle", "✓✗"], ["easy", "✓✓"]]
    assert "PROBLEM TRY" in out and "100000" not in out
    assert max(map(len, out.splitlines()[:-2])) <= width  # the hint is a command with the path of the directory
    assert shown(capsys, folder, "hard", 2).splitlines()[0].split(":")[0].endswith("hard try 2")


def test_a_conversation_is_shown_turn_by_turn_with_the_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shown(capsys, write_launch(tmp_path / "a"), 3)
    for line in (
        "500 of 500 output tokens, 3 steps, $0.010, 1.8 s",
        "calls python_expression",
        "    print(f(12))",
        "    144",
    ):
        assert line in out.splitlines()
    assert "turn 2: 200 output tokens, 400 of 500, tool_use ──" in out
    assert "the budget ended in this response, after 100 of its 200 tokens" in out


def test_what_a_task_found_out_about_a_failure_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = replace(failed(1), measurement=Measurement({"diagnosis": {"nearest": "no_mask"}}))
    assert "Diagnosis\n    nearest: no_mask\n" in shown(capsys, write_launch(tmp_path / "a", [run]), 1)


def test_a_sweep_is_a_line_a_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = write_sweep(tmp_path / "s", {f"limits.max_tokens={n}": some_runs() for n in (500, 900)})
    out = shown(capsys, sweep)
    assert [line.split()[:4] for line in out.splitlines() if line.lstrip()[:1].isdigit()] == [
        ["500", "12", "36.4%", "15.2-64.6%"],
        ["900", "12", "36.4%", "15.2-64.6%"],
    ]
    with pytest.raises(UserError, match="is a sweep: name one of its cells"):
        main([str(sweep), "1"])


def test_a_run_that_does_not_exist_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no run 13: its runs are 1 to 12"):
        main([str(write_launch(tmp_path / "a")), "13"])


@pytest.mark.parametrize("colour", ["never", "always"])
def test_no_escape_of_others_reaches_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], colour: str
) -> None:
    output = json.dumps({"result": NASTY, "error": NASTY})
    rollout = replace(conversation(1, prompt=NASTY, said=NASTY, output=output, answer=NASTY), system=NASTY)
    run = Run(1, rollout, Grade(False, NASTY, "wrong_value"))
    gone = Run(2, Rollout(2, "?", "", (), ending=Ending.ERROR, detail=NASTY), None, error=NASTY)
    folder = write_launch(tmp_path / "a", [run, gone], categories={"wrong_value": NASTY})
    out = "".join(shown(capsys, folder, *number, "--color", colour) for number in ((), (1,), (2,)))
    ours = Text.from_ansi(out).plain if colour == "always" else out
    for sign in ("\x1b", "\x9b", "\x07", "\u202e", "\x08", "\x7f", "\r"):
        assert sign not in ours
    for sequence in ("\x1b[2J", "\x1b]", "\x9b", "\x07"):
        assert sequence not in out
    assert "[bold red]markup[/]" in ours


def test_colours_are_for_terminals_and_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    content = Text("passed", style="green")
    for stream, environ, coloured in ((Terminal(), "", True), (io.StringIO(), "", False), (Terminal(), "1", False)):
        if environ:
            monkeypatch.setenv("NO_COLOR", environ)
        present(content, stream, pager=False)
        assert ("\x1b[32m" in stream.getvalue()) is coloured


def test_what_is_taller_than_the_terminal_goes_to_the_pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    monkeypatch.setenv("PAGER", f"tee {shlex.quote(str(seen))}")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("COLUMNS", "100")
    short, long = Terminal(), Terminal()
    present(Text("one\ntwo"), short)
    assert short.getvalue() == "one\ntwo\n" and not seen.exists()
    present(Text("\n".join(map(str, range(50)))), long)
    assert long.getvalue() == "" and seen.read_text().split() == [str(n) for n in range(50)]


def test_without_a_pager_everything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "no-such-program-anywhere")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    present(Text("\n".join(map(str, range(200)))), stream)
    assert len(stream.getvalue().splitlines()) == 200


def test_a_terminal_that_knows_no_unicode_gets_ascii(tmp_path: Path) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    present(Text("✓ SUCCESS – …"), stream)
    stream.seek(0)
    assert stream.read() == "+ SUCCESS - ...\n"


def test_a_program_of_a_megabyte_is_shown_without_colours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = failed(1, output=json.dumps({"result": "y" * 1_000_000, "error": None}))
    out = shown(capsys, write_launch(tmp_path / "a", [run, passed(2)]), 1)
    assert out.count("y") >= 1_000_000
