"""`hydra/sweeper=find`: what it believes, when it stops, how often it is right, and the way from the command line."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.landscape.finding import SearchedKnob, conclusion, facts
from evalkit.landscape.search import Search
from evalkit.stats.verdict import Band, Decision

BAND = Band(0.10, 0.40)


def searching(rate, sizes, seed=0, max_runs=400, band=BAND) -> Search:
    """A whole search against a simulated pass rate per candidate."""
    search, dice, data = Search(sizes, band, 0.95, max_runs=max_runs), random.Random(seed), {}
    while (step := search.next()) is not None:
        place, count = step
        results = data.setdefault(place, [])
        results += [dice.random() < rate(place) for _ in range(count - len(results))]
        search.tell(place, results)
    return search


def logistic(z):
    return 1 / (1 + math.exp(-z))


@pytest.mark.parametrize(
    ("rate", "sizes"),
    [
        (lambda place: logistic(2 - 0.6 * place[0]), (10,)),
        (lambda place: logistic(-6 + 0.4 * place[0]), (25,)),
        (lambda place: 0.9 * math.exp(-(((place[0] - 12) / 4) ** 2)), (25,)),
        (lambda place: logistic(4 - 0.5 * place[0] - 0.7 * place[1]), (8, 8)),
    ],
    ids=["falling", "rising", "a hill", "two knobs"],
)
def test_it_finds_the_band_and_is_right_when_it_says_so(rate, sizes):
    found = [searching(rate, sizes, seed) for seed in range(4)]
    assert all(rate(search.nearest()) in BAND for search in found)
    decided = [search.found for search in found if search.found]
    assert decided
    assert all(rate(place) in BAND for place in decided)


@pytest.mark.parametrize("level", [0.02, 0.8])
def test_where_no_value_is_in_the_band_it_says_so_and_spends_less_than_it_may(level):
    search = searching(lambda place: level, (10,))
    assert search.found is None
    assert search.spent < 400
    assert all(
        visit.decision(BAND) in (Decision.TOO_EASY, Decision.TOO_HARD, Decision.UNDECIDED)
        for visit in search.visits.values()
    )
    words = conclusion(search, [SearchedKnob("task.x", tuple(range(10)))])
    assert words.startswith("No value is known to be in the band (10-40%) at 95% after ")


SAMPLE = [SearchedKnob("task.x", tuple(range(10)))]
ADVERSARIES = {
    "flat just above the band": (lambda place: 0.41, BAND, 400),
    "flat just below it": (lambda place: 0.095, BAND, 400),
    "flat just above it, few runs": (lambda place: 0.43, BAND, 24),
    "a cliff over it": (lambda place: 0.06 if place[0] > 4 else 0.7, BAND, 400),
    "a cliff to just above it": (lambda place: 0.02 if place[0] > 4 else 0.42, BAND, 120),
    "up and down": (lambda place: (0.05, 0.6)[place[0] % 2], BAND, 400),
    "up and down just outside": (lambda place: (0.09, 0.42)[place[0] % 2], BAND, 64),
    "a band narrower than the runs resolve": (lambda place: 0.27, Band(0.24, 0.26), 400),
    "a band between two values": (lambda place: 0.1 * place[0], Band(0.22, 0.28), 400),
    "a single run a value": (lambda place: 0.5, BAND, 3),
}


@pytest.mark.parametrize("name", ADVERSARIES)
def test_where_no_value_is_in_the_band_nothing_is_said_to_be_set(name):
    rate, band, max_runs = ADVERSARIES[name]
    wrong = 0
    for seed in range(6):
        search = searching(rate, (10,), seed, max_runs, band)
        words = conclusion(search, SAMPLE)
        wrong += words.startswith("Set")
        assert ("Set " in words) == (search.found is not None)
        assert facts(search, SAMPLE, [])["setting"] is None or search.found is not None
    assert wrong <= 1, f"{wrong} of 6 at an error of 5 %"


def test_a_decision_at_the_very_end_of_the_band_keeps_its_error():
    wrong = sum(searching(lambda place: 0.4001, (4,), seed, 96).found is not None for seed in range(60))
    assert wrong <= 0.05 * 60 + 2 * (60 * 0.05 * 0.95) ** 0.5


def told(runs, sizes=(10,), **more):
    """A search that knows `runs`: passes and runs by place."""
    search = Search(sizes, BAND, 0.95, **more)
    for place, (passed, count) in runs.items():
        search.tell((place,), [(n + 1) * passed // count > n * passed // count for n in range(count)])
    return search


def test_where_it_is_open_the_conclusion_says_what_is_known_and_what_would_settle_it():
    words = conclusion(told({0: (30, 30), 9: (0, 90), 5: (9, 30)}), SAMPLE)
    assert words == (
        "No value is known to be in the band (10-40%) at 95% after 150 runs at 3 values; 7 values never sampled. "
        "Too easy: task.x=0. Too hard: task.x=9. "
        "Nearest to the band: task.x=5, 9 of 30 pass (6.5-62.5%, holds at every look), UNDECIDED. "
        "About 310 more runs there would settle it if the rate stays the same (hydra.sweeper.max_runs=460). "
        "The same search again goes on from the runs at hand."
    )


def test_the_runs_that_would_settle_it_do():
    search = told({5: (9, 30)})
    more = int(conclusion(search, SAMPLE).partition("About ")[2].split()[0])
    search.tell((5,), [n % 10 in (0, 3, 6) for n in range(30 + more)])
    assert search.found == (5,)


def test_outside_of_the_band_nobody_knows_how_many_runs_would_settle_it():
    assert "Many more runs there would settle it" in conclusion(told({5: (13, 30)}), SAMPLE)


def test_values_that_only_a_guess_rules_out_are_not_called_known():
    words = conclusion(told({0: (30, 30), 9: (0, 90)}), SAMPLE)
    assert "8 values never sampled" in words
    assert words.endswith(
        "The values that were never sampled are ruled out by a guess only: list some to have them sampled."
    )
    every = conclusion(told({0: (60, 60), 1: (0, 90)}, sizes=(2,)), SAMPLE)
    assert every.endswith(
        "All values are decided: give others, between two that are too easy and too hard if there are any."
    )


def test_a_recommendation_has_its_chance_and_calls_simulated_agents_so():
    words = conclusion(told({5: (50, 200)}), SAMPLE, simulated=True)
    assert words == (
        "Set task.x=5 for the simulated model (which measures no LLM): 50 of 200 pass (15.0-36.0%, holds at every "
        "look), in the band (10-40%) with a chance of at least 95%; found with 200 runs at 1 value."
    )


def test_it_never_samples_more_runs_than_it_may():
    assert searching(lambda place: 0.11, (10,), max_runs=61).spent == 61


def test_errors_are_runs_that_teach_nothing():
    search = Search((5,), BAND, 0.95, max_runs=40)
    search.tell((2,), [None, True, None, False])
    assert (search.visits[2,].runs, search.visits[2,].seen, search.spent) == (2, 4, 4)
    search.tell((2,), [None, True, None, False, False])
    assert search.visits[2,].runs == 3


def test_beliefs_follow_the_runs():
    search = Search((11,), BAND, 0.95)
    search.tell((0,), [True] * 30)
    search.tell((10,), [False] * 30)
    chances, rates = search.beliefs()
    assert np.all(np.diff(rates) < 0)
    assert chances[0] < 0.01 < chances[5]
    assert rates[0] > 0.9
    assert rates[10] < 0.1


def test_each_value_visited_costs_part_of_the_allowed_error():
    search = Search((5,), BAND, 0.95)
    for place in range(5):
        search.tell((place,), [True])
    errors = [1 - visit.sequence.confidence for visit in search.visits.values()]
    assert errors == pytest.approx([0.05 / 2, 0.05 / 6, 0.05 / 12, 0.05 / 20, 0.05 / 30])


PLUGIN = '''"""A task that gets harder with its length."""
import math
from dataclasses import dataclass
from evalkit.task.grade import Fault, Grade, Measurement
from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens
from evalkit.task.tools import SubmitAnswer

@dataclass
class Config:
    name: str
    length: int
    flavour: str = "plain"

@dataclass(frozen=True)
class Spec:
    length: int
    answer_schema = {"type": "number"}
    @property
    def prompt(self): return f"Count to {self.length}."
    @property
    def tools(self): return (SubmitAnswer(self.answer_schema),)

def agent(name, answer, weight):
    call = {"name": "submit_answer", "input": {"answer": answer}}
    return ScriptedAgent(name, (ScriptedTurn(Tokens(40, 0.2), "", (call,)),), weight)

class Task:
    Config = Config
    title = "Counting"
    categories = {"wrong": "Wrong", "no_submission": "No submission"}
    graded_by = ()
    def __init__(self, config): self.config = config
    def spec(self, problem): return Spec(self.config.length)
    async def measure(self, attempt, spec, context): return Measurement({"right": attempt.answer == spec.length})
    def grade(self, measurement):
        right = measurement.values["right"]
        return Grade(right, "counted", None if right else "wrong")
    def oracle(self, spec): return agent("oracle", spec.length, 1.0)
    def agents(self, spec):
        skill = 1 / (1 + math.exp(0.8 * (spec.length - 6)))
        return [agent("right", spec.length, skill), agent("wrong", -1, 1 - skill)]
'''


@pytest.fixture
def counting(tmp_path, monkeypatch) -> Path:
    """A working directory with a task that passes in logistic(0.8·(6 − length)) of its runs."""
    (tmp_path / "tasks" / "counting").mkdir(parents=True)
    (tmp_path / "tasks" / "counting" / "__init__.py").write_text(PLUGIN)
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / "conf" / "task" / "counting.yaml").write_text(
        "# @package _global_\ntask:\n  name: counting\n  length: 5\n  flavour: plain\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALKIT_MODEL", "simulated")
    return tmp_path


SEARCH = ("-m", "hydra/sweeper=find", "task=counting", "runs.concurrency=8", "hydra.sweep.dir=out")


def test_a_search_from_the_command_line_ends_with_a_recommendation(counting, capsys):
    assert main([*SEARCH, "task.length=range(1,13)", "hydra.sweeper.batch=16"]) == 0
    said = capsys.readouterr().out.splitlines()
    found = json.loads((counting / "out" / "find.json").read_text())
    assert found["conclusion"] in said
    assert found["decided"]
    length = found["setting"]["task.length"]
    assert 0.10 <= logistic(0.8 * (6 - length)) <= 0.40
    assert found["conclusion"].startswith(f"Set task.length={length} for the simulated model (which measures no LLM): ")
    assert found["path"] == [line for line in said if line.startswith("[")]
    assert found["runs"] == sum(visit["runs"] for visit in found["visited"])
    folders = sorted(path.name for path in (counting / "out").iterdir() if path.is_dir())
    assert len(folders) == len(found["path"])
    assert folders[0] == "000_task.length=7"


def test_another_search_goes_on_with_what_was_sampled(counting, capsys):
    words = [*SEARCH, "task.length=range(1,13)", "hydra.sweeper.max_runs=24"]
    main(words)
    first = json.loads((counting / "out" / "find.json").read_text())
    files = sorted((counting / "outputs" / "rollouts").rglob("*.jsonl"))
    main([word.replace("=out", "=again") for word in words])
    assert json.loads((counting / "again" / "find.json").read_text()) == first
    assert sorted((counting / "outputs" / "rollouts").rglob("*.jsonl")) == files


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["task.length=3"], "hydra/sweeper=find needs a config key to search"),
        (["limits.max_tokens=100,200"], "limits.max_tokens needs no search"),
        (["task.flavour=plain,sweet"], "task.flavour: hydra/sweeper=find searches numbers"),
        (["task.length=range(3,4)"], "task.length has a single value"),
        (["task.length=range(1,5)", "reuse=never"], "reuse=never would sample every step"),
        (["task.length=interval(5,2)"], "task.length: an interval needs finite ends, the first below the second"),
        (["task.length=range(1,5)", "model=oracle"], "model=oracle is a script, not a language model"),
        (["task.length=range(1,5)", "model=noop"], "model=noop is a script, not a language model"),
        (["task.length=range(1,5)", "hydra.sweeper.batch=0"], "hydra.sweeper.max_runs and batch must be at least 1"),
    ],
)
def test_what_cannot_be_searched_is_said_in_one_sentence_and_nothing_is_written(counting, words, message, capsys):
    assert main([*SEARCH, *words]) == 2
    assert message in capsys.readouterr().err
    assert not (counting / "out").exists()
