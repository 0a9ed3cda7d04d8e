"""What isolation costs, in one run: latencies, memory of 200 children, a whole launch; README's claims come from here.

    python benchmarks/sandbox.py [--quick]

Every figure stands beside what it is compared with (`exec` in this process, `python -c`), and every claim beside its
bound. A busy machine changes milliseconds: trust ratios and minima. Exit status 1 if a bound is missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from evalkit.config.schema import SandboxConfig  # noqa: E402
from evalkit.sandbox import Output, Tensor, open_sandbox  # noqa: E402
from evalkit.sandbox.local.sandbox import LocalSandbox  # noqa: E402

CALL_MS, POOL_MS, CHILD_MB, LAUNCH_RATIO = 1.0, 2.0, 12.0, 1.3
"""The bounds: next call, child from the pool (medians), memory of a live child, launch against in-process."""
CHILDREN = 200
IDENTITY = "def f(x): return x"
WORK = "import torch\nx = torch.randn(32, 32, requires_grad=True)\n(x @ x).softmax(-1).sum().backward()\n"


class InProcess:
    """What the sandbox is compared with: `exec` in the evaluator, as the popular template does it. Isolates nothing."""

    level, versions, rejected = "in-process", {}, ()

    async def ready(self) -> None:
        """There is nothing to start."""

    @contextlib.asynccontextmanager
    async def session(self, *, seed: int = 0, files: Mapping[str, bytes] | None = None) -> AsyncIterator[InProcess]:
        """Everything shares one process."""
        yield self

    async def run(
        self, code: str, *, timeout_s: float, persistent: bool = False, preload: Sequence[str] = ()
    ) -> Output:
        """Execute and capture what is printed."""
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            try:
                exec(code, {})
            except Exception:
                return Output(printed.getvalue(), traceback.format_exc(), "raised")
        return Output(printed.getvalue())


@contextlib.asynccontextmanager
async def open_in_process(config: SandboxConfig, *, preload: Sequence[str] = ()) -> AsyncIterator[InProcess]:
    """Stands in for `open_sandbox`."""
    yield InProcess()


async def times(work: Callable[[], Awaitable[object]], count: int, pause: float = 0.0) -> list[float]:
    """Milliseconds of each of `count` repetitions."""
    taken = []
    for _ in range(count):
        await asyncio.sleep(pause)
        started = time.perf_counter()
        await work()
        taken.append(1000 * (time.perf_counter() - started))
    return taken


def row(name: str, taken: Sequence[float], bound: float | None = None, note: str = "") -> bool:
    """Print minimum and median in ms; whether the median keeps its bound."""
    median = statistics.median(taken)
    kept = bound is None or median <= bound
    verdict = "" if bound is None else f"  <= {bound:g} ms: {'kept' if kept else 'MISSED'}"
    print(f"  {name:<52} min {min(taken):9.2f}   median {median:9.2f}{verdict}{note}")
    return kept


def python(*arguments: str) -> float:
    """Milliseconds of a whole interpreter."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-I", *arguments], capture_output=True, check=True)
    return 1000 * (time.perf_counter() - started)


def unique_mb(process: str) -> float:
    """Memory that only this process has, MiB."""
    total = 0
    for line in Path("/proc", process, "smaps_rollup").read_text().splitlines():
        if line.startswith("Private_"):
            total += int(line.split()[1])
    return total / 1024


def descendants(process: int) -> set[str]:
    """All processes below one."""
    parents: dict[str, list[str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = stat.read_text().rpartition(")")[2].split()[1]
            parents.setdefault(parent, []).append(stat.parent.name)
    found, pending = set(), [str(process)]
    while pending:
        for child in parents.get(pending.pop(), []):
            found.add(child)
            pending.append(child)
    return found


async def latencies(sandbox: LocalSandbox, count: int) -> bool:
    """Calls and children, against `exec` and `python -c`."""
    print("\nLatency, ms")
    baseline = InProcess()
    row("exec in this process", await times(lambda: baseline.run("1 + 1", timeout_s=10), count))
    async with sandbox.session() as session:
        await session.run("1", timeout_s=10)
        call = await times(lambda: session.run("1 + 1", timeout_s=10), count)
        kept = row("next call in a live child", call, CALL_MS)
        plain = [python("-c", "1 + 1") for _ in range(5)]
        row("python -I -c '1 + 1'", plain, note=f"   {statistics.median(plain) / statistics.median(call):.0f} x a call")
        heavy = [python("-c", "import torch") for _ in range(2)]
        row("python -I -c 'import torch'", heavy)

        await session.define(IDENTITY, "f", timeout_s=10)
        for label, size in (("112 B", 28), ("1 MiB", 1 << 18)):
            argument = [Tensor.of(np.zeros(size, np.float32))]
            row(f"grading call, {label} each way", await times(lambda a=argument: session.call(a, timeout_s=10), 50))

    async def fresh() -> None:
        async with sandbox.session() as session:
            await session.run("1", timeout_s=10)

    async def taken() -> None:
        taken_children.append(await sandbox.take_child())

    taken_children: list = []
    kept &= row("child from the warm pool", await times(taken, 20, pause=0.4), POOL_MS)
    row("the same with its first call and its end", await times(fresh, 20, pause=0.4))
    for child in taken_children:
        await sandbox.discard(child)
    return kept


async def without_pool(level: str, count: int) -> None:
    """What the pool hides: forking and confining a child."""
    async with open_sandbox(SandboxConfig(level=level, pool=0)) as sandbox:
        await sandbox.ready()
        children: list = []

        async def take() -> None:
            children.append(await sandbox.take_child())

        row("new child with all its confinement, no pool", await times(take, count))
        for child in children:
            await sandbox.discard(child)


async def memory(level: str) -> bool:
    """Unique memory of many live children, before and after they have worked."""
    print(f"\nUnique memory of {CHILDREN} live children, MiB each")
    kept = True
    async with open_sandbox(SandboxConfig(level=level, pool=0)) as sandbox, contextlib.AsyncExitStack() as stack:
        await sandbox.ready()
        before = descendants(os.getpid())
        sessions = [await stack.enter_async_context(sandbox.session()) for _ in range(CHILDREN)]
        started = time.perf_counter()
        await asyncio.gather(*(session.run("1", timeout_s=60) for session in sessions))
        print(f"  started in {time.perf_counter() - started:.1f} s, side by side")
        children = descendants(os.getpid()) - before
        for label, code in (("after one call", "1"), ("after autograd through a matrix product and a softmax", WORK)):
            for session in sessions:
                output = await session.run(code, timeout_s=60)
                assert output.kind == "ok", output.error
            each = sorted(unique_mb(child) for child in children)
            kept &= each[-1] <= CHILD_MB
            verdict = f"<= {CHILD_MB:g}: {'kept' if each[-1] <= CHILD_MB else 'MISSED'}"
            print(f"  {label:<52} median {statistics.median(each):6.1f}   largest {each[-1]:6.1f}  {verdict}")
        assert len(children) >= CHILDREN
    return kept


async def start(level: str, preload: tuple[str, ...]) -> tuple[float, float]:
    """Seconds from opening to the first answer, and of closing."""
    started = time.perf_counter()
    async with open_sandbox(SandboxConfig(level=level), preload=preload) as sandbox, sandbox.session() as session:
        await session.run("1", timeout_s=60)
        answered = closing = time.perf_counter()
    return answered - started, time.perf_counter() - closing


async def starts(level: str) -> None:
    """What a launch waits for, at worst: it goes on beside the import of the SDK."""
    print("\nStart, s")
    for preload in ((), ("numpy",), ("numpy", "torch")):
        first, closing = await start(level, preload)
        print(
            f"  from opening to the first answer, {' and '.join(preload) or 'nothing'} preloaded: {first:.2f}", end=""
        )
        print(f"   closing: {closing:.2f}")


def launch(kind: str) -> float:
    """Seconds of a whole `python -m evalkit task=arithmetic` with ten runs."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, __file__, "--launch", kind],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "EVALKIT_MODEL": "simulated"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or "Successful: " not in done.stdout:
            raise SystemExit(f"the launch failed:\n{done.stdout}{done.stderr}")
        return time.perf_counter() - started


def launches(count: int) -> bool:
    """The same launch with and without isolation, turn by turn."""
    print("\nWhole launch, 10 runs of arithmetic with the simulated model, s")
    taken: dict[str, list[float]] = {"in-process": [], "sandbox": []}
    for _ in range(count):
        for kind, seconds in taken.items():
            seconds.append(launch(kind))
    medians = {kind: statistics.median(seconds) for kind, seconds in taken.items()}
    ratio = medians["sandbox"] / medians["in-process"]
    for kind, seconds in taken.items():
        print(f"  {kind:<52} min {min(seconds):9.2f}   median {medians[kind]:9.2f}")
    print(f"  ratio of the medians {ratio:.2f}  <= {LAUNCH_RATIO:g}: {'kept' if ratio <= LAUNCH_RATIO else 'MISSED'}")
    return ratio <= LAUNCH_RATIO


def launched(kind: str) -> int:
    """The child of `launch`."""
    import evalkit.sampling.resources
    from evalkit.__main__ import main

    if kind == "in-process":
        evalkit.sampling.resources.open_sandbox = open_in_process  # type: ignore[assignment]
    return main(["task=arithmetic"])


async def measured(count: int) -> bool:
    """Everything that one event loop can measure."""
    async with open_sandbox(SandboxConfig()) as sandbox:
        await sandbox.ready()
        level = sandbox.level
        print(f"Isolation: {level}, user {os.geteuid()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
        kept = await latencies(sandbox, count)
    await without_pool(level, max(5, count // 10))
    await starts(level)
    return await memory(level) and kept


def main() -> int:
    """Measure and print."""
    if "--launch" in sys.argv:
        return launched(sys.argv[-1])
    quick = "--quick" in sys.argv
    kept = asyncio.run(measured(50 if quick else 300))
    kept &= launches(3 if quick else 7)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
