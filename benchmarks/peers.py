"""Peers: what a rollout costs in evalkit, in a bare loop over the SDK and in Inspect, side by side on one server.

    python -m benchmarks.peers [--runs 400] [--concurrency 50] [--repeats 3]

Everything talks to one loopback server in a process of its own, which answers at once and plays three responses a
rollout: two calls of a Python tool, then the submission. Printed are CPU seconds of the process and all its children
(evalkit's sandboxes included), for one rollout, for all and for each further one; the wall clock from the first
request to the last; and the time from the command to the first request. The ratios of one run are what counts.
Inspect is measured where it is installed (`pip install inspect-ai`), its tool runs inside its own process.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = "print((2**10 + 3**5) * 7 - 100)"
BARE = """
import asyncio, sys
import anthropic

TOOLS = [{"name": "python_expression", "description": "Run it.", "input_schema": {"type": "object", "properties": {"expression": {"type": "string"}}}},
         {"name": "submit_answer", "description": "Submit.", "input_schema": {"type": "object", "properties": {"answer": {}}}}]

async def rollout(client, gate):
    async with gate:
        messages = [{"role": "user", "content": "Calculate (2^10 + 3^5) * 7 - 100."}]
        while True:
            answer = await client.messages.create(model="local", max_tokens=2900, messages=messages, tools=TOOLS)
            call = answer.content[-1]
            if call.name == "submit_answer":
                return
            messages.append({"role": "assistant", "content": answer.content})
            messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "8769"}]})

async def main(url, runs, concurrency):
    gate = asyncio.Semaphore(concurrency)
    async with anthropic.AsyncAnthropic(api_key="none", base_url=url) as client:
        await asyncio.gather(*(rollout(client, gate) for _ in range(runs)))

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""  # noqa: E501
INSPECT = '''
import sys
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import basic_agent
from inspect_ai.tool import tool

@tool
def python_expression():
    async def execute(expression: str) -> str:
        """Run it.

        Args:
            expression: The program.
        """
        return "8769"
    return execute

url, runs, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
samples = [Sample(input="Calculate (2^10 + 3^5) * 7 - 100.", target="8769") for _ in range(runs)]
agent = basic_agent(tools=[python_expression()], submit_name="submit_answer")
model = get_model("anthropic/local", base_url=url, api_key="none")
eval(Task(dataset=MemoryDataset(samples), solver=agent, scorer=includes()), model=model, display="none",
     max_samples=concurrency, max_connections=concurrency, log_dir=sys.argv[4])
'''


@dataclass(frozen=True)
class Cost:
    """Of one command."""

    cpu_s: float
    first_s: float
    """From the command to its first request."""
    wall_s: float
    """From its first request to its last."""
    peak_mb: float


def answer(body: dict[str, Any], number: int) -> dict[str, Any]:
    """The next response of the conversation."""
    turn = sum(message["role"] == "assistant" for message in body["messages"])
    name, given = ("submit_answer", {"answer": "8769"}) if turn == 2 else ("python_expression", {"expression": PROGRAM})
    call = {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": given}
    return {
        "id": f"msg_{number}", "type": "message", "role": "assistant", "model": "local", "content": [call],
        "stop_reason": "tool_use", "stop_sequence": None, "usage": {"input_tokens": 100, "output_tokens": 40},
    }  # fmt: skip


class Server:
    """Answers at once. `GET /times`: when the first and the last request came, by the clock of `time.monotonic`."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.count = 0

    async def serve(self) -> None:
        """Print the port, and serve for ever."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                raw = await reader.readexactly(int(headers.get("content-length", 0)))
                text = json.dumps(self._reply(head[0].split()[1], raw)).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ")
                writer.write(str(len(text)).encode() + b"\r\n\r\n" + text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _reply(self, path: str, raw: bytes) -> Any:
        if path == "/times":
            times, self.times = self.times, []
            return times
        if not path.startswith("/v1/messages"):
            return {"type": "model", "id": "local", "display_name": "local"}
        self.times.append(time.monotonic())
        self.count += 1
        return answer(json.loads(raw), self.count)


def measured(command: list[str], times: Any) -> Cost:
    """Run a command to its end. Raises CalledProcessError where it fails."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "ANTHROPIC_API_KEY": "none"}
        subprocess.run([part.replace("FOLDER", folder) for part in command], check=True, cwd=folder, env=env,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
    after, seen = resource.getrusage(resource.RUSAGE_CHILDREN), times()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, seen[0] - began, seen[-1] - seen[0], after.ru_maxrss / 1024)


def commands(url: str, runs: int, concurrency: int) -> dict[str, list[str]]:
    """Peer → its command."""
    own = ["task=arithmetic", "model=local", f"model.base_url={url}", "model.stream=never", "quiet=true",
           f"runs.count={runs}", f"runs.concurrency={concurrency}", "store=FOLDER/store"]  # fmt: skip
    found = {
        "bare SDK loop": [sys.executable, "-c", BARE, url, str(runs), str(concurrency)],
        "evalkit": [sys.executable, "-m", "evalkit", *own],
        "evalkit, durability=os": [sys.executable, "-m", "evalkit", *own, "durability=os"],
    }
    if importlib.util.find_spec("inspect_ai"):
        found["Inspect"] = [sys.executable, "-c", INSPECT, url, str(runs), str(concurrency), "FOLDER/logs"]
    return found


def report(runs: int, concurrency: int, repeats: int) -> None:
    """Measure and print the table, medians of `repeats`."""
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.peers", "--serve"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
    try:
        rows = {}
        for name in commands(url, 1, 1):
            one = [measured(commands(url, 1, concurrency)[name], lambda: _get(url)) for _ in range(repeats)]
            many = [measured(commands(url, runs, concurrency)[name], lambda: _get(url)) for _ in range(repeats)]
            rows[name] = (one, many)
    finally:
        server.terminate()
        server.wait()
    _print(rows, runs, concurrency)


def _get(url: str) -> Any:
    import urllib.request

    with urllib.request.urlopen(f"{url}/times") as reply:
        return json.loads(reply.read())


def _print(rows: dict[str, tuple[list[Cost], list[Cost]]], runs: int, concurrency: int) -> None:
    print(f"{runs} rollouts of 3 requests, {concurrency} at once; medians; × = times the bare loop")
    print(
        f"{'':24}{'CPU of 1':>10}{'CPU of all':>12}{'each further':>20}{'first request':>20}{'wall':>18}{'peak MB':>9}"
    )
    base: list[float] = []
    for name, (one, many) in rows.items():
        cpu_1, cpu = (statistics.median(cost.cpu_s for cost in costs) for costs in (one, many))
        figures = [
            (cpu - cpu_1) / (runs - 1) * 1000,
            statistics.median(cost.first_s for cost in one),
            statistics.median(cost.wall_s for cost in many),
        ]
        base = base or figures
        further, first, wall = (f"{figure:.2f} ({figure / by:.2f} ×)" for figure, by in zip(figures, base, strict=True))
        peak = max(cost.peak_mb for cost in many)
        cells = f"{further + ' ms':>20}{first + ' s':>20}{wall + ' s':>18}{peak:>9.0f}"
        print(f"{name:24}{cpu_1:>8.2f} s{cpu:>10.2f} s{cells}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(Server().serve())
    else:
        report(options.runs, options.concurrency, options.repeats)
