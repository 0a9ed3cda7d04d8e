"""Whether graders refuse honest work: right solutions of `paged_attention` in any style, on many hidden problems.

    python -m benchmarks.right_solutions [--seeds 50] [--variant NAME] [--only PART]

The solutions in `benchmarks/right/` were written from the prompt alone, before the grader was looked at; those of the
task's own `solutions/correct/` come along. One line each: passes, the most work that one call did, and what spoke
against it. Exit status 1 if any was refused. Sources that hold `SLIDING_WINDOW = None` know every variant.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from evalkit import Attempt, GradingContext, Problem
from evalkit.config import search_path
from evalkit.config.schema import SandboxConfig
from evalkit.sandbox import Sandbox, open_sandbox
from evalkit.task.grade import Grade, Measurement
from evalkit.task.registry import load_task

FOLDER = Path(__file__).parent / "right"
OWN = search_path.bundled("tasks") / "paged_attention" / "solutions" / "correct"
CONFIGS = search_path.bundled("conf") / "task"
VARIANTS = sorted(path.stem for path in CONFIGS.glob("paged_attention*.yaml"))


def right_solutions() -> list[Path]:
    """The sources, one file each."""
    found = sorted(FOLDER.glob("*.py"))
    if not found:
        raise FileNotFoundError(f"no solutions in {FOLDER}")
    return found


def tasks() -> Iterator[tuple[str, Any]]:
    """The task of each shipped config, by name."""
    plain = OmegaConf.load(CONFIGS / "paged_attention.yaml").task
    for name in VARIANTS:
        own = OmegaConf.load(CONFIGS / f"{name}.yaml").task
        yield name, load_task(OmegaConf.to_container(OmegaConf.merge(plain, own)))


def fits(source: str, task: Any) -> bool:
    """Whether a source knows the variant: all of them, or its header names what it needs, or the plain one only."""
    if "SLIDING_WINDOW = None" in source:
        return True
    needs = re.match(r"# needs: (.*)", source)
    plain = "num_kv_heads=null sliding_window=null logit_softcap=null dtype=float32"
    wanted = dict(part.split("=") for part in (needs[1] if needs else plain).split())
    return all(str(getattr(task.config, knob)).replace("None", "null") == value for knob, value in wanted.items())


@dataclass
class Tally:
    """What became of one source in one variant."""

    passes: int = 0
    steps: int = 0
    """The most of one call, as the operations."""
    operations: int = 0
    message: str = ""
    """Of the last refusal."""

    def add(self, measured: Measurement, grade: Grade) -> None:
        """Count one more grading."""
        self.passes += grade.passed
        self.message = self.message if grade.passed else grade.message
        for steps, operations in measured.values.get("work", {}).values():
            self.steps, self.operations = max(self.steps, steps), max(self.operations, operations)


async def tally(task: Any, sources: Mapping[str, str], seeds: int, sandbox: Sandbox) -> dict[str, Tally]:
    """Grade every source on every seed; all of one seed together, since hidden inputs take a while to make."""
    found = {name: Tally() for name in sources}
    for seed in range(seeds):
        spec = task.spec(Problem.seeded(seed))
        for name, source in sources.items():
            answer = task.solution(source, spec).turns[-1].calls[0]["input"]["answer"]
            measured = await task.measure(Attempt(answer), spec, GradingContext(sandbox))
            found[name].add(measured, task.grade(measured))
    return found


async def main(seeds: int, variant: str, part: str) -> int:
    """Try everything; 1 if something was refused."""
    everything = {
        path.stem: path.read_text(encoding="utf-8") for path in [*right_solutions(), *sorted(OWN.glob("*.py"))]
    }
    tallies: list[Tally] = []
    async with open_sandbox(SandboxConfig(allow_weak=True)) as sandbox:
        for name, task in tasks():
            sources = {stem: text for stem, text in everything.items() if part in stem and fits(text, task)}
            found = await tally(task, sources if variant in ("", name) else {}, seeds, sandbox)
            tallies += found.values()
            for stem, one in found.items():
                work = f"{one.steps:4} steps {one.operations:4} operations"
                print(f"{name:26} {stem:34} {one.passes}/{seeds}  {work}  {one.message[:150]}", flush=True)
    refused = sum(one.passes < seeds for one in tallies)
    steps, operations = max(one.steps for one in tallies), max(one.operations for one in tallies)
    print(f"{len(tallies)} solutions and variants on {seeds} seeds: {refused} refused")
    print(f"at most {steps} Python steps and {operations} tensor operations in one call")
    return int(refused > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--variant", default="")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.seeds, given.variant, given.only)))
