"""my_task: the total of an order, worked out from a table in the prompt and graded as a number.

Replace the table, the question and the grader by your own. docs/authoring.md explains each part.
"""

import random
from dataclasses import dataclass
from pathlib import Path

from evalkit import (
    Fault,
    Grade,
    Measurement,
    PythonExpression,
    ScriptedAgent,
    ScriptedTurn,
    SubmitAnswer,
    Tokens,
    as_number,
    load_agents,
    preview,
    within,
)


@dataclass
class Tolerances:
    total: float


@dataclass
class Config:
    """Names and types of the knobs. Their values are in conf/task/my_task.yaml."""

    rows: int
    tolerances: Tolerances


@dataclass(frozen=True)
class Spec:
    """One problem. Prompt, reference and answer come from the same rows, so they cannot disagree."""

    rows: tuple[tuple[int, float], ...]  # quantity, price

    @property
    def prompt(self):
        table = "\n".join(f"{quantity:>8}  {price:>6.2f}" for quantity, price in self.rows)
        return (
            f"An order has these lines:\n\nquantity   price\n{table}\n\n"
            "Each line costs its quantity times its price in euros. "
            "Work out the total of all lines with the python_expression tool and submit it, exact to the cent, "
            "as a number with submit_answer."
        )

    answer_schema = {"type": "number"}

    # Each rule that the grader enforces and the words of the prompt that state it. Known wrong solutions name the rule
    # that they break.
    rules = {"quantity": "quantity times its price", "cents": "exact to the cent"}

    @property
    def program(self):
        return f"print(round(sum(quantity * price for quantity, price in {list(self.rows)}), 2))"

    @property
    def expected(self):
        return round(sum(quantity * price for quantity, price in self.rows), 2)

    @property
    def tools(self):
        return PythonExpression(), SubmitAnswer(self.answer_schema)


class Task:
    Config = Config
    title = "Total of an order"
    # Every failure category and its title in reports. `no_submission` is for runs that end without an answer.
    categories = {"wrong_value": "Wrong total", "format_error": "Not a number", "no_submission": "No submission"}
    # Knobs that only `grade` reads: changing them costs no new runs.
    graded_by = ("tolerances",)

    def __init__(self, config):
        self.config = config

    def spec(self, problem):
        """The same problem gives the same spec: draw everything random from `problem.seed`."""
        draw = random.Random(problem.seed)
        return Spec(tuple((draw.randint(2, 9), draw.randint(101, 1999) / 100) for _ in range(self.config.rows)))

    async def measure(self, attempt, spec, context):
        """Facts about the answer. A bad answer is a `Fault`; an exception here would be a bug of the grader."""
        number = as_number(attempt.answer)
        if number is None or abs(number) > 1e9 or number != number:
            return Measurement(fault=Fault("format_error", f"Got {preview(attempt.answer)}, which is not a total"))
        error = abs(float(number) - spec.expected)
        return Measurement({"got": float(number), "expected": spec.expected, "error": error})

    def grade(self, measurement):
        """The verdict about these facts under the tolerances."""
        if measurement.fault:
            return Grade.failed(measurement.fault)
        check = within("total", measurement.values["error"], self.config.tolerances.total)
        if check.passed:
            return Grade(True, f"Got {measurement.values['got']}", checks=(check,))
        said = f"Got {measurement.values['got']}, expected {measurement.values['expected']}"
        return Grade(False, said, "wrong_value", (check,))

    def oracle(self, spec):
        """Plays the right solution: `model=oracle` must pass."""
        return self.solution(spec.program, spec)

    def agents(self, spec):
        """Simulated agents of agents.yaml for `model=simulated`, which costs nothing."""
        return load_agents(Path(__file__).with_name("agents.yaml"), {"program": spec.program, "rows": list(spec.rows)})

    def solution(self, source, spec):
        """Plays a program of solutions/: runs it with the tool and submits what it printed. ROWS is the table."""
        call = {"name": "python_expression", "input": {"expression": source.replace("ROWS", repr(list(spec.rows)))}}
        turns = ScriptedTurn(Tokens(90), "", (call,)), ScriptedTurn(Tokens(40), submit_output=True)
        return ScriptedAgent("solution", turns)

    def reference_source(self, spec):
        """The program in which `audit` makes mistakes (mutants) that the grader must notice."""
        return spec.program
