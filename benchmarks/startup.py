"""What starting costs, in CPU time, as ratios to `import hydra`: README's claims about it come from here.

    python benchmarks/startup.py [repetitions]

CPU time (user + system of the whole child) instead of wall clock, medians of interleaved repetitions, so that a
busy machine changes little. Exit status 1 if showing a config costs 2.5 times an `import hydra` or more.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BOUND = 2.5
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import hydra": ["-c", "import hydra"],
    "evalkit --help": ["-m", "evalkit", "--help"],
    "evalkit <unknown word>": ["-m", "evalkit", "no_such_verb"],
    "evalkit --cfg job task=positional_attention": ["-m", "evalkit", "--cfg", "job", "task=positional_attention"],
}


def cpu_seconds(argv: list[str], cwd: str) -> float:
    """CPU time of one child."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    subprocess.run([sys.executable, *argv], cwd=cwd, env=env, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure and print."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as empty:
        for _ in range(repetitions + 1):
            for name, argv in COMMANDS.items():
                taken[name].append(cpu_seconds(argv, empty))
    medians = {name: statistics.median(times[1:]) for name, times in taken.items()}  # the first fills caches
    for name, median in medians.items():
        print(f"{name:<45} {1000 * median:6.0f} ms CPU   {median / medians['import hydra']:5.2f} x import hydra")
    return 0 if medians["evalkit --cfg job task=positional_attention"] < BOUND * medians["import hydra"] else 1


if __name__ == "__main__":
    sys.exit(main())
