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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from evalkit import plugins
from evalkit.config import SandboxConfig
from evalkit.registry import load_task
from evalkit.sandbox import Sandbox, open_sandbox

FOLDER = Path(__file__).parent / "right"
OWN = plugins.bundled("tasks") / "paged_attention" / "solutions" / "correct"
CONFIGS = plugins.bundled("conf") / "task"
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


async def grade(source: str, task: Any, seeds: int, sandbox: Sandbox) -> tuple[int, int, int, str]:
    """Passes, the most Python steps and tensor operations of one call, and the last message of a refusal."""
    passes, steps, operations, message = 0, 0, 0, ""
    for seed in range(seeds):
        spec = task.spec(seed)
        answer = task.solution(source, spec).turns[-1].calls[0]["input"]["answer"]
        measured = await task.measure(answer, spec, sandbox)
        got = task.judge(measured)
        passes += got.passed
        message = message if got.passed else got.message
        for python, tensor in measured.values.get("work", {}).values():
            steps, operations = max(steps, python), max(operations, tensor)
    return passes, steps, operations, message


async def main(seeds: int, variant: str, part: str) -> int:
    """Try everything; 1 if something was refused."""
    refused, most = 0, [0, 0]
    paths = [path for path in [*right_solutions(), *sorted(OWN.glob("*.py"))] if part in path.stem]
    async with open_sandbox(SandboxConfig(allow_weak=True)) as sandbox:
        for name, task in tasks():
            for path in paths if variant in ("", name) else ():
                source = path.read_text(encoding="utf-8")
                if not fits(source, task):
                    continue
                passes, steps, operations, message = await grade(source, task, seeds, sandbox)
                refused += passes < seeds
                most = [max(most[0], steps), max(most[1], operations)]
                print(
                    f"{name:26} {path.stem:34} {passes}/{seeds}  {steps:4} steps {operations:4} ops  {message[:150]}",
                    flush=True,
                )
    print(f"{refused} refused; at most {most[0]} Python steps and {most[1]} tensor operations in one call")
    return int(refused > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--variant", default="")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.seeds, given.variant, given.only)))
