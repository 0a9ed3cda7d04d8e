"""What a launch says about rollouts that it did not sample itself: everywhere, and only where it is so."""

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.config.saved import write_config
from evalkit.display.console import ConsoleView
from evalkit.report.page import launch_page
from evalkit.results.reading import load
from evalkit.sampling.provenance import Reused, mark_of, sweep_sentence
from tests.landscape.conftest import run_sweep
from tests.launching import config_for, launch
from tests.outputs import TIMED, failed, passed, write_launch
from tests.verbs import verb

regrade = verb("regrade")

COMMON = ("task=arithmetic", "model=simulated", "runs.count=4")
SAYS = "were sampled by another launch on 20"
WHY = "launches that share rollouts are not replications of each other"


async def launched(folder: Path, store: Path, *more: str, view=None):
    """A launch as the command line leaves it, with its config beside it before it starts."""
    if not folder.exists():
        write_config(folder, config_for(*COMMON, *more, store=store), {})
    return await launch(folder, *COMMON, *more, store=store, view=view)


def read(folder: Path, name: str):
    return json.loads((folder / name).read_text())


def files(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in sorted(found.items()) if name not in TIMED}


@pytest.fixture
async def twice(tmp_path):
    """Two launches of the same command."""
    for name in "ab":
        await launched(tmp_path / name, tmp_path / "s")
    return tmp_path / "a", tmp_path / "b"


async def test_the_second_of_two_equal_launches_says_so_in_every_file_and_differs_in_nothing_else(twice):
    first, second = map(files, twice)
    told = {name for name in first if first[name] != second[name]} - {"report.html"}
    assert told == {"summary.json", "manifest.json", "report.md"}
    one, other = (read(folder, "summary.json") for folder in twice)
    assert (one.pop("reused_runs"), other.pop("reused_runs")) == ([], [1, 2, 3, 4])
    assert one == other
    one, other = (read(folder, "manifest.json") for folder in twice)
    assert (one["rollouts"].pop("reused"), other["rollouts"].pop("reused")) == (0, 4)
    assert one["rollouts"].pop("reused_from") is None
    assert set(other["rollouts"].pop("reused_from")) == {"first", "last"}
    assert one == other
    lines = [line for line in second["report.md"].decode().splitlines() if line not in first["report.md"].decode()]
    assert len(lines) == 1
    assert f"Rollouts | all 4 {SAYS}" in lines[0]
    assert WHY in lines[0]


async def test_pages_and_terminals_say_so_too(twice, capsys):
    assert f"all 4 {SAYS}" in launch_page(load(twice[1]).cells[0])
    assert "sampled by another launch" not in launch_page(load(twice[0]).cells[0])
    for folder, expected in zip(twice, (False, True), strict=True):
        verb("show")([str(folder)])
        assert (SAYS in " ".join(capsys.readouterr().out.split())) is expected


async def test_a_quiet_launch_says_so(tmp_path, twice, capsys):
    await launched(tmp_path / "c", tmp_path / "s", view=ConsoleView(quiet=True, live=False))
    assert f"all 4 {SAYS}" in " ".join(capsys.readouterr().out.split())


async def test_a_launch_that_adds_runs_counts_those_it_found(tmp_path, twice):
    await launched(tmp_path / "c", tmp_path / "s", "runs.count=6")
    assert read(tmp_path / "c", "summary.json")["reused_runs"] == [1, 2, 3, 4]
    assert f"4 of 6 {SAYS}" in (tmp_path / "c" / "report.md").read_text()
    assert [run.reused for run in load(tmp_path / "c").runs] == [True] * 4 + [False] * 2


async def test_a_launch_that_goes_on_after_it_was_cut_reused_nothing(tmp_path):
    """Its own rollouts, whole and half ones, are no other launch's: same bytes as without the cut."""
    await launched(tmp_path / "a", tmp_path / "s")
    whole = files(tmp_path / "a")
    second, third, *_ = sorted((tmp_path / "s").rglob("000[23].jsonl"))
    third.unlink()
    second.write_bytes(b"".join(second.read_bytes().splitlines(keepends=True)[:2]))
    resumed = await launched(tmp_path / "a", tmp_path / "s")
    assert resumed.source.budget.output_tokens > 0
    assert files(tmp_path / "a") == whole
    assert read(tmp_path / "a", "summary.json")["reused_runs"] == []


async def test_a_rollout_that_another_launch_began_is_not_wholly_ones_own(tmp_path, twice):
    (half,) = (tmp_path / "s").rglob("0002.jsonl")
    half.write_bytes(b"".join(half.read_bytes().splitlines(keepends=True)[:2]))
    again = await launched(tmp_path / "c", tmp_path / "s")
    assert again.source.budget.output_tokens > 0
    assert 2 in read(tmp_path / "c", "summary.json")["reused_runs"]


async def test_a_fresh_launch_reuses_nothing_beside_a_full_store(tmp_path, twice):
    await launched(tmp_path / "c", tmp_path / "s", "reuse=never")
    assert read(tmp_path / "c", "summary.json")["reused_runs"] == []


async def test_a_directory_that_is_launched_into_again_is_another_launch(tmp_path, twice):
    shutil.rmtree(twice[0])
    await launched(twice[0], tmp_path / "s")
    assert read(twice[0], "summary.json")["reused_runs"] == [1, 2, 3, 4]


def test_what_was_regraded_keeps_what_its_rollouts_are(tmp_path):
    for name in "ab":
        asyncio.run(launched(tmp_path / name, tmp_path / "s"))
    regrade([str(tmp_path / "b"), "runs.count=3", "--out", str(tmp_path / "r")])
    assert read(tmp_path / "r", "summary.json")["reused_runs"] == [1, 2, 3]
    assert read(tmp_path / "r", "manifest.json")["rollouts"]["reused"] == 3
    assert "the rollouts of b, graded again runs.count=3" in (tmp_path / "r" / "report.md").read_text()


async def test_diff_says_that_neither_replicates_the_other(tmp_path, twice, capsys):
    assert verb("diff")([*map(str, twice)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "rest on the same 4 conversations" in said
    assert "neither replicates the other" in said
    verb("diff")([*map(str, twice), "--format", "json"])
    facts = json.loads(capsys.readouterr().out)
    assert (facts["sides"]["old"]["reused"], facts["sides"]["new"]["reused"]) == (0, 4)
    await launched(tmp_path / "c", tmp_path / "s", "runs.count=6")
    verb("diff")([str(twice[0]), str(tmp_path / "c")])
    said = " ".join(capsys.readouterr().out.split())
    assert "rest on the same 4 conversations" in said
    assert "of them reused – 4" in said
    assert "McNemar's exact test on 4 shared rollouts" in said


def test_diff_of_independent_launches_says_nothing_of_it(tmp_path, capsys):
    pair = [write_launch(tmp_path / name, [make(1, stamp=name)]) for name, make in (("a", passed), ("b", failed))]
    verb("diff")([*map(str, pair)])
    said = capsys.readouterr().out
    assert "rest on the same" not in said
    assert "independent rollouts" in said


async def test_a_sweep_and_its_landscape_say_so_and_its_own_cells_do_not_count(tmp_path, capsys):
    fixed, knobs = COMMON, {"limits.max_tokens": ["100", "200", "400"]}
    for name in "ab":
        await run_sweep(tmp_path / name, fixed, knobs)
        (tmp_path / name / "multirun.yaml").write_text("{}")
        for index, value in enumerate(knobs["limits.max_tokens"]):
            config = config_for(*fixed, f"limits.max_tokens={value}")
            write_config(tmp_path / name / f"{index:03d}", config, {"limits.max_tokens": value})
    first, second = (read(tmp_path / name, "landscape.json") for name in "ab")
    sentence = "All 4 rollouts were sampled by other launches on 20"
    assert not [note for note in first["notes"] if "other launches" in note]
    assert [note for note in second["notes"] if note.startswith(sentence) and WHY in note]
    assert [line for line in second["summary"] if line.startswith(sentence)]
    assert [cell["reused"] for facet in second["panels"] for cell in facet["cells"]] == [4, 4, 4]
    assert [cell["reused"] for facet in first["panels"] for cell in facet["cells"]] == [0, 0, 0]
    assert sentence in (tmp_path / "b" / "landscape.html").read_text()
    for name, argv in (("show", ["b"]), ("diff", ["a", "b"])):
        verb(name)([str(tmp_path / word) for word in argv])
        said = " ".join(capsys.readouterr().out.split())
        assert (sentence if name == "show" else "rest on the same 12 conversations") in said
    from evalkit.report import write

    write(tmp_path / "b")
    for report in ("report.md", "report.html"):
        assert sentence in (tmp_path / "b" / report).read_text()


def test_sentences_count_what_cells_share_once():
    reused = Reused.of({1: 86400.0 * 20000, 3: 86400.0 * 20001})
    assert reused.sentence(5) == f"2 of 5 were sampled by another launch from 2024-10-04 to 2024-10-05: {WHY}"
    assert replace(reused, runs=(1,)).sentence(1).startswith("1 of 1 was sampled by another launch")
    assert Reused().sentence(5) == ""
    cells = [("s", 5, reused), ("s", 5, reused), ("t", 5, Reused())]
    assert sweep_sentence(cells).startswith("2 of 10 rollouts were sampled by other launches from 2024-10-04 to")
    assert sweep_sentence([("s", 5, Reused())]) == ""


def test_an_older_directory_counts_as_one_that_reused_nothing():
    assert Reused.read({}, {"rollouts": {"set": "x"}}) == Reused()


def test_the_mark_of_a_cell_is_that_of_its_sweep_and_moves_with_it(tmp_path):
    sweep = tmp_path / "x" / "sweep"
    (sweep / "0" / ".hydra").mkdir(parents=True)
    (sweep / "multirun.yaml").write_text("{}")
    (sweep / "0" / ".hydra" / "config.yaml").write_text("{}")
    mark = mark_of(sweep / "0", "")
    assert mark == mark_of(sweep / "1", "")
    shutil.move(sweep, tmp_path / "sweep")
    assert mark_of(tmp_path / "sweep" / "0", "") == mark
    assert mark_of(tmp_path / "nothing", "now") == "nothing now"
