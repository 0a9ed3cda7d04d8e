"""Launches over large sets: wall clock, CPU and memory per run, and size on disk, as the set grows.

    python -m benchmarks.sets [--problems 500 2000 10000] [--tries 8]

The task is one sum a row, played by simulated agents in this process, so what is measured is evalkit's own work:
sampling, keeping, grading, analysis and report. The exponent is that of CPU time in the number of runs: 1 means a
constant cost per run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

PLUGIN = '''"""One sum a row."""

from dataclasses import dataclass

from evalkit import Grade, Measurement, ScriptedAgent, SubmitAnswer, submitting


@dataclass
class Config:
    name: str


class Spec:
    answer_schema = {"type": "number"}
    tools = (SubmitAnswer(answer_schema),)

    def __init__(self, row):
        self.prompt, self.expected = row["question"], row["answer"]


class Task:
    Config = Config
    title = "Sums"
    categories = {"wrong": "Wrong"}
    graded_by = ()

    def __init__(self, config):
        pass

    def spec(self, problem):
        return Spec(problem.row)

    async def measure(self, attempt, spec, context):
        return Measurement({"right": attempt.answer == spec.expected})

    def grade(self, measurement):
        return Grade(measurement.values["right"], "", None if measurement.values["right"] else "wrong")

    def oracle(self, spec):
        return submitting(spec.expected)

    def agents(self, spec):
        share = (spec.expected % 10) / 10
        turns = submitting(spec.expected).turns, submitting(-1).turns
        return [ScriptedAgent("right", turns[0], share), ScriptedAgent("wrong", turns[1], 1 - share)]
'''


def prepare(folder: Path, problems: int) -> None:
    """A directory with the task and a file of so many rows."""
    (folder / "tasks" / "sums").mkdir(parents=True)
    (folder / "tasks" / "sums" / "__init__.py").write_text(PLUGIN)
    (folder / "conf" / "task").mkdir(parents=True)
    (folder / "conf" / "task" / "sums.yaml").write_text("# @package _global_\ntask:\n  name: sums\n")
    with (folder / "rows.jsonl").open("w") as file:
        for number in range(problems):
            row = {"id": f"sum-{number}", "question": f"What is {number} + {number}?", "answer": 2 * number}
            file.write(json.dumps(row) + "\n")


def size_mb(folder: Path) -> float:
    """What lies below a folder, in megabytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def measure(problems: int, tries: int) -> dict[str, float]:
    """One launch in a process of its own."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepare(folder, problems)
        words = ["task=sums", "problems.file=rows.jsonl", f"runs.count={tries}", "runs.concurrency=20"]
        words += ["model=simulated", "quiet=true", "store=store", "hydra.run.dir=out"]
        command = [sys.executable, "-m", "evalkit", *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        began = os.times().elapsed
        _, status, used = os.wait4(process.pid, 0)
        wall, runs = os.times().elapsed - began, problems * tries
        if status:
            raise SystemExit(f"the launch over {problems} problems ended with {status}")
        return {
            "problems": problems,
            "runs": runs,
            "wall_s": round(wall, 1),
            "cpu_ms_a_run": round(1000 * (used.ru_utime + used.ru_stime) / runs, 2),
            "cpu_s": used.ru_utime + used.ru_stime,
            "memory_mb": round(used.ru_maxrss / 1024),
            "store_kb_a_run": round(1000 * size_mb(folder / "store") / runs, 2),
            "output_kb_a_run": round(1000 * size_mb(folder / "out") / runs, 2),
        }


def main() -> int:
    """Print a line of JSON a size, then the exponent of CPU time. Exit status 1 if it is above 1.05."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, nargs="+", default=[500, 2000, 10_000])
    parser.add_argument("--tries", type=int, default=8)
    options = parser.parse_args()
    found = []
    for problems in options.problems:
        found.append(measure(problems, options.tries))
        print(json.dumps(found[-1]), flush=True)
    if len(found) < 2:
        return 0
    first, last = found[0], found[-1]
    exponent = math.log(last["cpu_s"] / first["cpu_s"]) / math.log(last["runs"] / first["runs"])
    print(json.dumps({"exponent": round(exponent, 3)}))
    return int(exponent > 1.05)


if __name__ == "__main__":
    raise SystemExit(main())
