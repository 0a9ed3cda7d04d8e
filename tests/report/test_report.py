"""Reports as files: equal bytes for equal launches, markdown that shows text of others, pages that stay small."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit import UserError
from evalkit.display.markdown import escaped, markdown
from evalkit.display.svg import asset
from evalkit.report import conversations, write
from evalkit.report.launch import launch_document
from evalkit.report.page import launch_page
from evalkit.results.reading import load
from evalkit.rollout.record import Timing
from evalkit.task.grade import Grade
from tests.outputs import failed, manifest_of, passed, some_runs, write_launch, write_sweep
from tests.verbs import verb

main = verb("report")


def test_equal_launches_have_equal_reports(tmp_path: Path) -> None:
    slower = [replace(run, rollout=replace(run.rollout, timing=Timing(9.0, 99.0, 9.0))) for run in some_runs()]
    first, second = write_launch(tmp_path / "a"), write_launch(tmp_path / "elsewhere" / "b", slower)
    for folder in (first, second):
        write(folder)
    for name in ("report.md", "report.html"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_durations_are_shown_where_they_are_asked_for(tmp_path: Path) -> None:
    folder = write_launch(tmp_path / "a")
    write(folder)
    assert "Run time" not in (folder / "report.md").read_text()
    assert main([str(folder), "--times"]) == 0
    words = (folder / "report.md").read_text()
    assert "| Run time | mean" in words and "| Run | Status | Observation | Tokens | Steps | Time |" in words
    assert '"seconds":1.6' in (folder / "report.html").read_text()


def test_the_tables_that_people_paste(tmp_path: Path) -> None:
    lines = write(write_launch(tmp_path / "a")).with_suffix(".md").read_text().splitlines()
    assert lines[0] == "# Arithmetic with a Python tool: 36.4%, UNDECIDED"
    for line in (
        "| Metric | Result |",
        "| Runs | 12: 4 passed, 7 failed, 1 error |",
        "| Observed | in the target range (10-40%) |",
        "| 95% interval | 15.2-64.6% (Wilson) |",
        "| Verdict | UNDECIDED at 95% confidence |",
        "| To decide | the same command with runs.until=decided keeps these 12 runs and goes on until it is known |",
        "| Token limit | 5 runs | 45.5% | 3, 5, 6, 10, 11 |",
        "| 1 | ✓ SUCCESS | Got 8769 | 400 | 2 |",
        "| 2 | ✗ FAILURE | Wrong value: Got 8770, expected 8769 | 400 | 2 |",
        "| 9 | ! ERROR | the provider answered 529 five times | 0 | 0 |",
        "python -m evalkit task=arithmetic model=simulated",
    ):
        assert line in lines


def test_a_simulated_model_is_called_simulated_and_a_real_one_is_not(tmp_path: Path) -> None:
    simulated = load(write_launch(tmp_path / "a")).cells[0]
    model = {"id": "claude-sonnet-4-5", "kind": "anthropic", "simulated": False}
    real = load(write_launch(tmp_path / "b", manifest=manifest_of(model=model))).cells[0]
    assert "measure no LLM" in markdown(launch_document(simulated)) and '"simulated":true' in launch_page(simulated)
    assert "measure no LLM" not in markdown(launch_document(real)) and '"simulated":false' in launch_page(real)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a | b", r"a \| b"),
        ("*a* _b_ `c` ~d~", r"\*a\* \_b\_ \`c\` \~d\~"),
        ("![x](http://y)", r"!\[x\](http://<!-- -->y)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("&lt;", r"\&lt;"),
        ("@octocat fixes #1", "@<!-- -->octocat fixes #<!-- -->1"),
        ("me@example.org", "me@<!-- -->example.org"),
        ("pass@2 and www.x.org", "pass@2 and www.<!-- -->x.org"),
        ("a\\|b", r"a\\\|b"),
        ("two\nlines \x1b[31mred", "two lines red"),
    ],
)
def test_markdown_shows_what_others_wrote_and_does_nothing_else(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_an_observation_does_not_repeat_the_verdict(tmp_path: Path) -> None:
    run = replace(failed(1), grade=Grade(False, "FAILURE: Incorrect position_encoding", "wrong_value"))
    words = markdown(launch_document(load(write_launch(tmp_path / "a", [run])).cells[0]))
    assert "| 1 | ✗ FAILURE | Wrong value: Incorrect position\\_encoding |" in words


def test_a_command_with_backticks_stays_inside_its_fence(tmp_path: Path) -> None:
    folder = write_launch(tmp_path / "a", overrides=["task=arithmetic", "+task.note='```\n# no heading'"])
    assert "````sh\n" in markdown(launch_document(load(folder).cells[0]))


def test_a_sweep_is_reported_cell_by_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = write_sweep(tmp_path / "s", {f"limits.max_tokens={n}": some_runs() for n in (500, 900)})
    (sweep / "1,limits.max_tokens=900" / "summary.json").unlink()
    assert main([str(sweep)]) == 0
    assert "without 1 unfinished cell" in capsys.readouterr().out
    words = (sweep / "report.md").read_text()
    assert "| max\\_tokens | Runs | Pass rate |" in words
    assert "| 500 | 12 | 36.4% | 15.2-64.6% | UNDECIDED | 445 | 1 |" in words
    assert "> **Unfinished:** 1 cell without results." in words
    assert (sweep / "0,limits.max_tokens=500" / "report.html").is_file()


def test_texts_are_cut_only_when_a_page_would_become_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = "".join(map(chr, range(0x4E00, 0x4E00 + 3000)))
    cell = load(write_launch(tmp_path / "a", [passed(run, said=noise) for run in range(1, 21)])).cells[0]
    whole = launch_page(cell)
    monkeypatch.setattr(conversations, "ROOM", 90_000)
    smaller = launch_page(cell)
    assert len(smaller) < len(whole) and '"left_out":[]' in smaller
    monkeypatch.setattr(conversations, "ROOM", 20_000)
    left_out = re.search(r'"left_out":\[([\d,]*)\]', launch_page(cell))
    assert left_out and left_out[1].endswith("19,20")


def test_the_page_holds_no_address_that_a_browser_would_ask(tmp_path: Path) -> None:
    html = launch_page(load(write_launch(tmp_path / "a")).cells[0])
    assert re.findall(r'(?:src|href)="[^#]', html) == []
    assert re.findall(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", html) == []
    assert "default-src 'none'; style-src 'sha256-" in html and "unsafe" not in html


def test_a_directory_that_cannot_be_read_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is empty"):
        main([str(tmp_path)])


def test_writing_a_report_imports_nothing_heavy(tmp_path: Path) -> None:
    folder = write_launch(tmp_path / "a")
    heavy = ("torch", "anthropic", "numpy", "scipy", "hydra", "rich", "jsonschema")
    code = (
        "import sys, pathlib; from evalkit.report import write; write(pathlib.Path(sys.argv[1]));"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio of two `#rrggbb` colours."""
    lights = []
    for colour in (one, other):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        lights.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_every_text_colour_has_contrast_in_light_dark_and_print() -> None:
    css = asset("page.css")
    schemes = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    assert len(schemes) == 3
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): (#\w{6});", scheme))
        texts = ("text", "muted", "link", "passed", "failed", "error", "word", "string", "number", "comment", "name")
        for text in texts:
            for ground in ("back", "raised"):
                assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        assert _contrast(colours["text"], colours["note"]) >= 4.5
