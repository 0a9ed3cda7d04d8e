"""Repairing a module that hidden tests grade, submitted or not."""

import evalkit
from evalkit import Fault, Grade, Measurement, PythonExpression, ReadFile, SubmitAnswer, WriteFile, equal, fault_of

BROKEN = b"def rotate(items, by):\n    return items[by:] + items[:by]\n"
CASES = [([], 3), ([1, 2, 3], 1), ([1, 2, 3], 4), ([1, 2, 3], -1), ([5], 0)]


def right(items, by):
    by = by % len(items) if items else 0
    return items[len(items) - by :] + items[: len(items) - by]


class Spec:
    prompt = (
        "shift.py holds rotate(items, by), which must return the list rotated to the right by so many places: any "
        "whole number of them, negative ones to the left. Repair it; items itself must not change. It is graded as it "
        "stands."
    )
    answer_schema = {"type": "string"}
    files = {"shift.py": BROKEN}
    artifacts = ("shift.py",)
    needs_submission = False
    play = "write:shift.py"
    rules = {"right": "rotated to the right", "any": "any whole number", "pure": "items itself must not change"}
    tools = (ReadFile(), WriteFile(only=("shift.py",)), PythonExpression(), SubmitAnswer(answer_schema))


class Task(evalkit.Task):
    title = "Repair a module"
    categories = {
        "crash": "It raises",
        "timeout": "Too slow",
        "wrong": "A test fails",
        "no_submission": "Nothing",
    }

    def spec(self, problem):
        return Spec()

    async def measure(self, attempt, spec, context):
        source = attempt.artifacts.get("shift.py", b"").decode("utf-8", "replace")
        passed = 0
        async with context.sandbox.function(source, "rotate", timeout_s=2) as rotate:
            for items, by in CASES:
                reply = await rotate(items, by)
                if fault := fault_of(reply, raised="crash", other="crash"):
                    return Measurement(fault=Fault(fault.category, fault.message))
                passed += reply.value == right(items, by) and reply.arguments[0] == items
        return Measurement({"passed": passed})

    def grade(self, measurement):
        if measurement.fault:
            return Grade.failed(measurement.fault)
        return Grade.of([equal(measurement.values["passed"], len(CASES), name="tests", category="wrong")])
