"""A task that grades files: start files, programs that change them, and hidden lines that they must hold."""

from __future__ import annotations

SOURCE = """\
from dataclasses import dataclass

from evalkit import (
    Check, Grade, Measurement, PythonExpression, ScriptedAgent, ScriptedTurn, SubmitAnswer, Tokens
)


@dataclass
class Config:
    wanted: int = 3


class Spec:
    prompt = "Make numbers.txt hold 3 lines."
    answer_schema = {"type": "object"}
    files = {"numbers.txt": b"one\\n", "notes.md": b"not graded"}
    artifacts = ("numbers.txt", "src/**/*.py")
    needs_submission = False
    tools = (PythonExpression(), SubmitAnswer(answer_schema))


def run(code):
    return {"name": "python_expression", "input": {"expression": code}}


class Task:
    Config = Config
    title = "Files"
    categories = {"too_few": "Too few lines", "too_many": "Too many lines", "left_out": "A file was left out",
                  "no_submission": "No submission"}
    graded_by = ("wanted",)

    def __init__(self, config):
        self.config = config

    def spec(self, problem):
        return Spec()

    async def measure(self, attempt, spec, context):
        lines = attempt.artifacts.get("numbers.txt", b"").splitlines()
        return Measurement({"lines": len(lines), "files": sorted(attempt.artifacts), "answer": attempt.answer,
                            "left_out": dict(attempt.left_out)})

    def grade(self, measurement):
        lines = measurement.values["lines"]
        if measurement.values["left_out"]:
            return Grade(False, str(measurement.values["left_out"]), "left_out")
        if lines == self.config.wanted:
            return Grade(True, f"{lines} lines")
        return Grade(False, f"{lines} lines", "too_few" if lines < self.config.wanted else "too_many")

    def oracle(self, spec):
        return self.agents(spec)[0]

    def agents(self, spec):
        write = run("open('numbers.txt', 'a').write('next\\\\n') and None")
        module = run("import os; os.makedirs('src/a', exist_ok=True); open('src/a/b.py', 'w').write('1') and None")
        gone = run("import os; os.remove('numbers.txt')")
        link = run("import os; os.remove('numbers.txt'); os.symlink('/etc/passwd', 'numbers.txt'); os.mkfifo('src')")
        submit = {"name": "submit_answer", "input": {"answer": {}}}

        def turn(*calls, tokens=60):
            return ScriptedTurn(Tokens(tokens, 0.4), "", calls)

        return [
            ScriptedAgent("submits", (turn(write), turn(write), turn(submit))),
            ScriptedAgent("never_submits", (turn(write), turn(module), turn(write), turn(write), turn())),
            ScriptedAgent("goes_on", (turn(write, write), turn(gone), turn(write, submit))),
            ScriptedAgent("links", (turn(link), turn()), weight=3),
        ]
"""
