"""Cleaning a CSV file that is graded as a file."""

import csv
import io
from pathlib import Path

import evalkit
from evalkit import Fault, Grade, ListFiles, Measurement, PythonExpression, ReadFile, SubmitAnswer, WriteFile, at_most

RAW = Path(__file__).with_name("raw.csv").read_bytes()
WANTED = [["ada", "36"], ["grace", "85"], ["linus", ""]]


class Spec:
    prompt = (
        "raw.csv holds names and ages. Write cleaned.csv with the header name,age, names in lower case without spaces "
        "around them, one row for each name (the first counts), sorted by name; an age that is not a number is empty."
    )
    answer_schema = {"type": "string"}
    files = {"raw.csv": RAW}
    artifacts = ("cleaned.csv",)
    needs_submission = False
    play = "python"
    rules = {"case": "lower case", "sorted": "sorted by name", "twice": "one row for each name", "age": "is empty"}
    tools = (ReadFile(), WriteFile(only=("cleaned.csv",)), ListFiles(), PythonExpression(), SubmitAnswer(answer_schema))


class Task(evalkit.Task):
    title = "Clean a CSV file"
    categories = {"no_file": "No cleaned.csv", "rows": "Wrong rows", "no_submission": "No submission"}
    graded_by = ("tolerances",)

    def spec(self, problem):
        return Spec()

    async def measure(self, attempt, spec, context):
        if "cleaned.csv" not in attempt.artifacts:
            return Measurement(fault=Fault("no_file", "cleaned.csv was not written"))
        got = list(csv.reader(io.StringIO(attempt.artifacts["cleaned.csv"].decode("utf-8", "replace"))))
        wanted = [["name", "age"], *WANTED]
        wrong = sum(a != b for a, b in zip(got, wanted, strict=False)) + abs(len(got) - len(wanted))
        return Measurement({"wrong": wrong})

    def grade(self, measurement):
        if measurement.fault:
            return Grade.failed(measurement.fault)
        return Grade.of([at_most(measurement.values["wrong"], self.config.tolerances.rows, knob="tolerances.rows")])
