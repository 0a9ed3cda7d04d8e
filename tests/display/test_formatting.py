"""The words of run lines and of the closing block, whose published form is pinned to the letter."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.display.formatting import advice, cell_line, closing_block, observed, run_line, sweep_advice
from evalkit.results.early_stopping import Stopping
from evalkit.results.summary import Rate, summarize
from evalkit.rollout.record import Ending
from evalkit.stats import Band, Decision, verdict
from tests.runs import failed, lost, passed, stopped, timed

TITLE = "Positional Multi-Head Attention Implementation"
CATEGORIES = {
    "shape_error": "Dimension errors",
    "no_mask": "Missing causal mask",
    "numeric": "Numerical issues",
    "no_submission": "No submission",
}

PUBLISHED = """\
================================================================================
TASK ANALYSIS - Positional Multi-Head Attention Implementation
================================================================================
Total Runs: 15
Successful: 4
Failed: 11
Pass Rate: 26.7%

Failure Analysis:
  Dimension errors: 5 runs (33.3%)
  Missing causal mask: 3 runs (20.0%)
  Numerical issues: 2 runs (13.3%)
  No submission: 1 run (6.7%)

✓ PASS RATE IN TARGET RANGE (10-40%)
"""


def published_runs():
    kinds = ["shape_error"] * 5 + ["no_mask"] * 3 + ["numeric"] * 2
    runs = [passed(number) for number in range(1, 5)]
    runs += [failed(number, category) for number, category in enumerate(kinds, 5)]
    return [*runs, stopped(15, Ending.STEP_LIMIT)]


def analyse(runs, **options):
    options = {"band": Band(0.1, 0.4), "confidence": 0.95, "categories": CATEGORIES} | options
    return summarize(runs, **options)


def block(runs, *, simulated=False, published=False, **options):
    return closing_block(analyse(runs, **options), TITLE, simulated=simulated, published=published)


def test_the_published_form_is_there_to_the_letter():
    assert block(published_runs(), published=True) == PUBLISHED + "=" * 80


def test_the_block_begins_as_published_and_ends_with_what_is_known():
    shown = block(published_runs())
    begin, _, rest = PUBLISHED.partition("✓ PASS RATE")
    assert rest and shown.startswith(begin + "Observed: ")
    assert shown.endswith("\n" + "=" * 80)


@given(st.integers(0, 300), st.integers(0, 300), st.sampled_from([0.8, 0.95]))
def test_no_two_lines_of_the_block_contradict_each_other(good, bad, confidence):
    """What is observed is said once and called so; what is decided is said once; and nobody is told to peek."""
    summary = analyse([], confidence=confidence)
    rate = Rate.of(good, good + bad, confidence)
    said = verdict(good, good + bad, summary.band, confidence)
    shown = closing_block(replace(summary, total=good + bad, rate=rate, verdict=said), TITLE)
    assert "PASS RATE" not in shown and "✓" not in shown and "✗" not in shown and "about" not in shown
    lines = shown.split("\n")
    assert sum(line.startswith("Observed:") for line in lines) == 1
    assert sum(line.startswith("Verdict:") for line in lines) == 1
    assert sum(word.value in shown for word in Decision) == 1
    undecided = said.decision is Decision.UNDECIDED and good + bad > 0
    assert ("runs.until=decided" in shown) == undecided


@pytest.mark.parametrize(
    ("runs", "advised"),
    [
        (1, "runs.until=decided keeps this run"),
        (100, "runs.until=decided keeps these 100 runs"),
        (150, "runs.until=decided runs.max=750 keeps these 150 runs"),
    ],
)
def test_an_undecided_launch_is_told_how_to_go_on(runs, advised):
    """`runs.max` is named where its default would leave little."""
    summary = analyse([passed(1)])
    assert advice(replace(summary, total=runs)) == f"the same command with {advised} and goes on until it is known"


def test_a_launch_that_stopped_undecided_is_told_to_raise_its_end():
    stopping = Stopping(Decision.UNDECIDED, None, 200, 200, 0.05)
    summary = replace(analyse([passed(1)]), stopping=stopping)
    assert advice(summary) == "the same command with runs.max=400 keeps these runs and goes on until it is known"


def test_a_sweep_says_once_how_its_undecided_cells_are_decided():
    open_, decided = analyse(published_runs()), analyse([passed(n) for n in range(1, 60)])
    assert decided.verdict.decision is Decision.TOO_EASY
    assert sweep_advice([open_, decided, open_]) == (
        "UNDECIDED: 2 of 3 cells; the same command with runs.until=decided keeps these 15 runs and goes on until it is "
        "known."
    )
    assert sweep_advice([decided]) == sweep_advice([analyse([lost(1)])]) == ""


def test_the_block_adds_what_makes_the_rate_honest():
    runs = [timed(replace(run, cost_usd=0.02), run.number) for run in published_runs()]
    shown = block(runs, batches=3, seconds={run.number: float(run.number) for run in runs})
    additions = shown.partition("(6.7%)\n\n")[2].strip("\n=").split("\n")
    assert additions == [
        "Observed:     in the target range (10-40%)",
        "95% interval: 10.9-52.0% (Wilson)",
        "Verdict:      UNDECIDED at 95% confidence",
        "To decide:    the same command with runs.until=decided keeps these 15 runs and",
        "              goes on until it is known",
        "pass@k:       pass@2 47.6% (20.6-76.9%), pass@4 75.8% (37.0-94.7%);",
        "              pass^2 5.7% (1.2-27.0%), pass^4 0.1% (0.0-7.3%)",
        "Stability:    standard deviation 46.2 points over 3 batches (80.0%, 0.0%, 0.0%);",
        "              chance alone gives 19.8 (p = 0.012 that it gives as much as",
        "              observed)",
        "Run time:     mean 8.0 s, 95th percentile 14.3 s",
        "Tokens:       mean 287 output tokens and 1.0 step a run, 4,300 in all",
        "Cost:         $0.30",
    ]


def test_k_tries_are_left_out_where_runs_are_different_problems_and_it_says_why():
    runs = [replace(run, rollout=replace(run.rollout, prompt=str(run.number))) for run in published_runs()]
    shown = " ".join(block(runs).split())
    assert "pass@2" not in shown and "pass^" not in shown
    assert (
        "pass@k: not estimated: the 15 runs were 15 different problems, and a rate over all of them says nothing "
        "about k tries at one" in shown
    )


def test_errors_are_explained_beside_the_rate():
    shown = " ".join(block([*published_runs()[:14], lost(15)]).split())
    assert "Failed: 10 Errors: 1 Pass Rate: 28.6%" in shown
    assert "1 run ended by a fault that is not the model's (15); the rate covers 93.3% of the runs; " in shown
    assert "with errors counted as failures it is 26.7% (10.9-52.0%)" in shown


@pytest.mark.parametrize(
    ("runs", "line"),
    [
        ([passed(1)], "✗ PASS RATE ABOVE TARGET RANGE (10-40%)"),
        ([failed(1)], "✗ PASS RATE BELOW TARGET RANGE (10-40%)"),
        ([lost(1)], "! NO PASS RATE (target range 10-40%): every run ended in an error"),
        ([], "! NO PASS RATE (target range 10-40%): there are no runs"),
    ],
)
def test_the_range_line_of_the_published_form_in_every_case(runs, line):
    assert line in block(runs, published=True).split("\n")


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([passed(1)], "above the target range (10-40%)"),
        ([failed(1)], "below the target range (10-40%)"),
        ([lost(1)], "nothing (target range 10-40%): every run ended in an error"),
        ([], "nothing (target range 10-40%): there are no runs"),
    ],
)
def test_what_was_observed_in_every_case(runs, words):
    assert observed(analyse(runs)) == words
    assert words in " ".join(block(runs).split())


def test_without_failures_there_is_no_failure_analysis():
    assert "Failure Analysis" not in block([passed(1)])
    assert "Pass Rate: unknown" in block([lost(1)])


def test_a_simulated_model_measures_no_llm_and_costs_nothing():
    shown = block(published_runs(), simulated=True)
    assert "simulated: these figures measure no LLM" in shown
    assert "Cost:" not in shown
    assert "unknown price" in block(published_runs())


def test_every_line_fits_80_columns():
    many = [lost(number) for number in range(1, 40)] + [stopped(number) for number in range(40, 60)]
    leaked = [replace(passed(60), rollout=replace(passed(60).rollout, leaked=True))]
    assert max(map(len, block(many + leaked, batches=20).split("\n"))) == 80


@pytest.mark.parametrize(
    ("run", "line"),
    [
        (passed(3), "✓ Run 3: SUCCESS - Got VERIFIED"),
        (stopped(1), "✗ Run 1: FAILURE - [LIMIT REACHED] Hit 2900 token limit"),
        (stopped(4, Ending.STEP_LIMIT), "✗ Run 4: FAILURE - [LIMIT REACHED] Hit 15 step limit"),
        (lost(2), "! Run 2: ERROR - overloaded (529) after 5 tries"),
        (passed(5, "SUCCESS: Complete. Errors: pos=0.000"), "✓ Run 5: SUCCESS - Complete. Errors: pos=0.000"),
        (failed(6, message="FAILURE: Incorrect w1 (err: 0.4)"), "✗ Run 6: FAILURE - Incorrect w1 (err: 0.4)"),
        (failed(7, message="PARTIAL: no mask"), "✗ Run 7: FAILURE - PARTIAL: no mask"),
        (passed(8, ""), "✓ Run 8: SUCCESS"),
        (failed(9, message="\x1b[2Jtwo\nlines [red]x[/red]"), "✗ Run 9: FAILURE - two lines [red]x[/red]"),
    ],
)
def test_run_lines(run, line):
    assert run_line(run) == line


def test_a_cell_of_a_sweep_takes_one_line():
    shown = cell_line(2, 16, "limits.max_tokens=2900", analyse([*published_runs(), lost(16)]))
    assert shown == "? [3/16] limits.max_tokens=2900: 26.7% (10.9-52.0%), UNDECIDED, 1 error"
    easy = cell_line(1, 2, "x=1", analyse([passed(number) for number in range(1, 60)]))
    assert easy == "✗ [2/2] x=1: 100.0% (93.9-100.0%), TOO EASY"
    right = cell_line(1, 2, "x=1", analyse([(passed if n % 4 == 0 else failed)(n) for n in range(1, 201)]))
    assert right == "✓ [2/2] x=1: 25.0% (19.5-31.4%), IN BAND"
    assert cell_line(0, 2, "x=1", analyse([lost(1)])) == "! [1/2] x=1: –, UNDECIDED, 1 error"
