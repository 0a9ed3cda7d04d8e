"""`runs.until=decided`: stops when the band is decided, in the same place however the runs are scheduled."""

import json

import pytest

from evalkit.config.saved import write_config
from evalkit.display import figure
from evalkit.display.formatting import advice, closing_block
from evalkit.engine.cells import Cell
from evalkit.engine.regrading import write_regraded
from evalkit.launch.pipeline import execute
from evalkit.report.figures import tokens_curve
from evalkit.results.early_stopping import Watched
from evalkit.results.reading import load
from evalkit.results.stopped_summary import conclude
from evalkit.results.summary import summarize
from evalkit.stats.sequential import ConfidenceSequence, UntilDecided
from evalkit.stats.verdict import Band, Decision
from tests.launching import Watcher, config_for, launch
from tests.runs import failed, lost, unknown

COMMON = ("task=arithmetic", "model=simulated", "runs.until=decided", "runs.max=60", "limits.max_tokens=150")


async def test_it_stops_at_the_run_that_decides_and_says_when(tmp_path):
    result = await launch(tmp_path / "out", *COMMON, "band.low=0.6", "band.high=0.9", store=tmp_path / "store")
    stopping = result.summary.stopping
    assert stopping.decision is Decision.TOO_HARD
    assert stopping.decided_at == len(result.runs) == stopping.sampled < 60
    assert stopping.saved == 60 - len(result.runs)
    watched = UntilDecided(result.summary.band)
    decisions = [watched.add(run.number, run.grade.passed) for run in sorted(result.runs, key=lambda run: run.number)]
    assert decisions[-1] is Decision.TOO_HARD
    assert set(decisions[:-1]) == {Decision.UNDECIDED}
    assert str(stopping) == f"decided after {len(result.runs)} runs of at most 60"
    assert result.done


@pytest.mark.parametrize("concurrency", [3, 16])
async def test_concurrent_runs_stop_where_sequential_ones_do(tmp_path, concurrency):
    words = (*COMMON, "band.low=0.6", "band.high=0.9")
    for name, extra in (("one", 1), ("many", concurrency)):
        await launch(tmp_path / name, *words, f"runs.concurrency={extra}", store=tmp_path / f"store-{name}")
    for name in ("runs.jsonl", "summary.json", "manifest.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


async def test_verdict_and_interval_are_those_of_the_sequence(tmp_path):
    result = await launch(tmp_path / "out", *COMMON, "band.low=0.6", "band.high=0.9", store=tmp_path / "store")
    facts = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert facts["verdict"] == {"decision": "TOO HARD", "more_runs": None}
    sequence = ConfidenceSequence()
    for run in sorted(result.runs, key=lambda run: run.number):
        sequence.observe(run.grade.passed)
    assert facts["pass_rate"]["interval"] == {"low": sequence.interval.low, "high": sequence.interval.high}
    assert facts["stopping"]["saved"] == result.summary.stopping.saved
    assert facts["stopping"]["each_side"] == 0.05
    write_config(tmp_path / "out", result.cell.config, {})
    assert load(tmp_path / "out").cells[0].summary.stopping == result.summary.stopping


async def test_a_launch_of_a_fixed_number_is_continued_and_ends_where_one_from_scratch_does(tmp_path):
    """What an undecided launch advises: its runs are kept, and the sequence takes them as its first ones."""
    words = [word for word in (*COMMON, "band.low=0.6", "band.high=0.9") if not word.startswith("runs.until")]
    first = await launch(tmp_path / "first", *words, "runs.count=4", store=tmp_path / "store")
    assert first.summary.verdict.decision is Decision.UNDECIDED
    assert "runs.until=decided keeps these 4 runs" in advice(first.summary)
    on = await launch(tmp_path / "on", *words, "runs.count=4", "runs.until=decided", store=tmp_path / "store")
    assert on.summary.reused.runs == (1, 2, 3, 4)
    assert on.summary.verdict.decision is Decision.TOO_HARD
    scratch = await launch(tmp_path / "new", *words, "runs.until=decided", store=tmp_path / "other")
    assert on.summary.stopping == scratch.summary.stopping
    assert on.summary.rate == scratch.summary.rate
    assert advice(on.summary) is None


async def test_new_verdicts_of_a_launch_that_stopped_are_judged_by_the_sequence_again(tmp_path):
    """A verdict for a fixed number of runs does not hold for a number that the results have chosen."""
    words = (*COMMON, "band.low=0.6", "band.high=0.9")
    result = await launch(tmp_path / "out", *words, store=tmp_path / "store")
    write_config(tmp_path / "out", result.cell.config, {})
    task, runs = result.task, sorted(result.runs, key=lambda run: run.number)
    (tmp_path / "again").mkdir()
    write_regraded(load(tmp_path / "out").cells[0], tmp_path / "again", result.cell.config, task, runs, [])
    again = load(tmp_path / "again").cells[0].summary
    assert again.stopping == result.summary.stopping
    assert (again.verdict, again.rate) == (result.summary.verdict, result.summary.rate)


async def test_nothing_that_assumes_a_fixed_number_of_runs_is_said_of_one_that_the_results_chose(tmp_path):
    words = [*COMMON, "band.low=0.6", "band.high=0.9", "runs.batches=2"]
    result = await launch(tmp_path / "out", *words, store=tmp_path / "store")
    summary, runs = result.summary, result.runs
    assert summary.stability.p_value is None
    assert "no test: the results decided how many runs there are" in " ".join(closing_block(summary, "x").split())
    write_config(tmp_path / "out", result.cell.config, {})
    cell = load(tmp_path / "out").cells[0]
    assert cell.summary.stability == summary.stability
    found = tokens_curve(cell)
    assert found and not any(
        isinstance(item, figure.Band) for item in found[0].items
    )  # its margin is for a fixed number of runs
    more = [*runs, lost(len(runs) + 1)]
    lost_too = conclude(summarize(more, **ANALYSIS), more, watched(runs), 60)
    assert lost_too.rate.interval == summary.rate.interval
    sequence = ConfidenceSequence()
    for run in [*sorted(runs, key=lambda run: run.number), None]:
        sequence.observe(bool(run and run.grade.passed))
    assert lost_too.rate_with_errors.interval == sequence.interval  # the error counts as a failure, at every look


ANALYSIS = {"band": Band(0.6, 0.9), "confidence": 0.95, "categories": {}}


def watched(runs):
    found = Watched(Band(0.6, 0.9), 0.95, 60)
    for run in runs:
        found.take(run)
    return found


async def test_without_a_decision_it_stops_at_the_most_runs(tmp_path):
    words = [word.replace("runs.max=60", "runs.max=4") for word in COMMON]
    result = await launch(tmp_path / "out", *words, store=tmp_path / "store")
    assert len(result.runs) == 4
    assert result.summary.stopping.decided_at is None
    assert str(result.summary.stopping) == "not decided after 4 runs of at most 4"
    assert result.done


async def test_cells_that_share_rollouts_stop_together(tmp_path):
    cells = []
    for index, tokens in enumerate((20, 150, 4000)):
        words = [*COMMON[:4], f"limits.max_tokens={tokens}", "band.low=0.6", "band.high=0.9", "runs.concurrency=5"]
        (tmp_path / str(tokens)).mkdir()
        config = config_for(*words, store=tmp_path / "store")
        cells.append(Cell(config, tmp_path / str(tokens), {"limits.max_tokens": str(tokens)}, index))
    results = await execute(cells, Watcher())
    decided = [result.summary.stopping.decided_at for result in results]
    assert decided[0] < max(at or 60 for at in decided)
    assert {len(result.runs) for result in results} == {max(at or 60 for at in decided)}
    assert len({tuple(run.number for run in result.runs) for result in map(sorted_runs, results)}) == 1


def test_unknown_runs_decide_only_what_they_could_not_change():
    hard, both = Watched(Band(0.1, 0.4), 0.95), Watched(Band(0.1, 0.4), 0.95)
    for number in range(1, 121):
        hard.take(unknown(number) if number == 30 else failed(number))
        both.take(unknown(number))
    assert (both.decision, both.decided_at) == (Decision.UNDECIDED, None)
    alone = UntilDecided(Band(0.1, 0.4))
    for number in range(1, 121):
        alone.add(number, number == 30)
    assert hard.decision is Decision.TOO_HARD and hard.decided_at == alone.decided_at > 30


def test_the_interval_of_a_sequence_with_unknown_runs_holds_both_of_its_ends():
    runs = [*map(failed, range(1, 11)), *map(unknown, range(11, 21))]
    watched = Watched(Band(0.1, 0.4), 0.95)
    summary = summarize(runs, band=Band(0.1, 0.4), confidence=0.95, categories={})
    found = conclude(summary, runs, watched, 20).rate
    ends = []
    for counts_as in (False, True):
        sequence = ConfidenceSequence(0.95)
        for number in range(1, 21):
            sequence.observe(number > 10 and counts_as)
        ends.append(sequence.interval)
    assert (found.interval.low, found.interval.high) == (ends[0].low, ends[1].high)
    assert (found.range.low, found.range.high) == (0.0, 0.5)


def sorted_runs(result):
    result.runs.sort(key=lambda run: run.number)
    return result
