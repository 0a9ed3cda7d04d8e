"""A Messages API server on loopback, in a process of its own: plays scripted agents and misbehaves on request.

    python -m tests.servers.messages_api --port 0 --task arithmetic runs.seed=0

prints its address on the first line and serves until it is stopped. Without `--task` it plays the agents that
`POST /control` gives it. `GET /control` tells what it was asked and what it served.

Real endpoints are not told which run is asking, and neither is this one: it numbers conversations in the order in which
their first answer is delivered, and recognises them by the ids and signatures that it put into its answers. One run
after the other, it therefore plays run for run what `model=simulated` plays. Where every run has a prompt of its own
(`task.data=seeded`), a conversation is recognised by it, in any order and however often it is asked for again.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from evalkit.model.players import Scripted
from evalkit.model.sse import write_events
from evalkit.scripted import ScriptedAgent, ScriptedTurn, Tokens

HELLO = [{"name": "hello", "turns": [{"text": "Hello.", "tokens": {"median": 20}}]}]
KEPT = 500
"""Requests that are remembered."""


class State:
    """What the server plays, how it misbehaves, and what it has seen. Guarded by `lock`."""

    def __init__(self, player: Scripted | None = None, run_by_prompt: dict[str, int] | None = None) -> None:
        self.lock = threading.Lock()
        self.task_player = player
        self.run_by_prompt = run_by_prompt or {}
        self.set_up({})

    def set_up(self, script: dict[str, Any]) -> None:
        """Start over with a script: `agents`, `seed`, `plan`, `repeat`, `dialect`, `models`, `lists_models`.

        `plan` holds one entry per request for a message: null (answer), or a fault `{"kind": …}` as in `Handler`.
        After its end requests are answered, or it starts again (`repeat`). `dialect` is anthropic or llama.cpp.
        `models` are the ids that are served (empty: any).
        """
        agents = [_agent(entry) for entry in script.get("agents", HELLO)]
        self.player = self.task_player or Scripted("scripted", lambda run: agents, script.get("seed", 0))
        self.plan: list[dict[str, Any] | None] = list(script.get("plan", []))
        self.repeat: bool = script.get("repeat", False)
        self.llama: bool = script.get("dialect") == "llama.cpp"
        self.models: list[str] = script.get("models", [])
        self.lists_models: bool = script.get("lists_models", True)
        self.counts: Counter[str] = Counter()
        self.requests: list[dict[str, Any]] = []
        self.runs = 0

    def next_fault(self) -> dict[str, Any] | None:
        """What is planned for this request."""
        asked = self.counts["asked"]
        self.counts["asked"] += 1
        if self.repeat and self.plan:
            return self.plan[asked % len(self.plan)]
        return self.plan[asked] if asked < len(self.plan) else None

    def report(self) -> dict[str, Any]:
        """Counters (`asked`, `answered`, `output_tokens`, one per fault) and the last requests."""
        return {"counts": dict(self.counts), "requests": self.requests}


def _agent(entry: dict[str, Any]) -> ScriptedAgent:
    turns = [
        ScriptedTurn(
            Tokens(**turn["tokens"]),
            turn.get("text", ""),
            tuple(turn.get("calls", ())),
            turn.get("submit_output", False),
        )
        for turn in entry["turns"]
    ]
    return ScriptedAgent(entry["name"], tuple(turns), entry.get("weight", 1.0))


def asked(body: dict[str, Any]) -> str:
    """The text of the first message."""
    content = body["messages"][0]["content"]
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)


def run_of(body: dict[str, Any]) -> int | None:
    """The run that a conversation belongs to, from the ids and signatures of our answers in it; None for a new one."""
    for message in reversed(body["messages"]):
        if message["role"] != "assistant":
            continue
        for block in message["content"]:
            if found := re.search(r"run(\d+)", f"{block.get('signature')} {block.get('id')}"):
                return int(found[1])
    return None


def dressed(message: dict[str, Any], run: int, *, llama: bool) -> dict[str, Any]:
    """The answer with the marks that `run_of` needs, in the dialect of the server that is imitated."""
    content = [dict(block) for block in message["content"]]
    for block in content:
        if block["type"] == "tool_use":
            block["id"] = f"{'call' if llama else 'toolu'}_run{run}_{block['id'][-20:]}"
    if not llama:
        content.insert(0, {"type": "thinking", "thinking": "", "signature": f"run{run}"})
        return {**message, "content": content, "id": f"msg_{message['id'][-20:]}"}
    usage = {name: message["usage"][name] for name in ("input_tokens", "output_tokens")}
    return {**message, "content": content, "id": f"chatcmpl-{message['id'][-20:]}", "usage": usage}


class Handler(BaseHTTPRequestHandler):
    """One connection. Faults: `status` (with `status`, `headers`, `message`), `drop`, `cut`, `malformed`, `slow`."""

    protocol_version = "HTTP/1.1"
    state: State

    def log_message(self, format: str, *arguments: Any) -> None:
        """Silence: the tests ask `/control`."""

    def do_GET(self) -> None:
        """The model list, and the report."""
        state = self.state
        if self.path == "/control":
            with state.lock:
                self._json(200, state.report())
        elif self.path.startswith("/v1/models") and state.lists_models:
            name = self.path.removeprefix("/v1/models").lstrip("/").split("?")[0]
            if not name:
                self._json(200, {"data": [{"type": "model", "id": model} for model in state.models], "has_more": False})
            elif not state.models or name in state.models:
                self._json(200, {"type": "model", "id": name, "display_name": name})
            else:
                self._fail(404, f"model: {name}")
        else:
            self._fail(404, "Not found")

    def do_POST(self) -> None:
        """A message, or a new script."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        state = self.state
        if self.path == "/control":
            with state.lock:
                state.set_up(body)
            self._json(200, {})
        elif self.path.split("?")[0] == "/v1/messages":
            with state.lock:
                state.requests = [*state.requests, {"headers": dict(self.headers), "body": body}][-KEPT:]
                fault = state.next_fault()
                state.counts[fault["kind"] if fault else "unplanned"] += 1
            self._message(body, fault or {"kind": "none"})
        else:
            self._fail(404, "Not found")

    def _message(self, body: dict[str, Any], fault: dict[str, Any]) -> None:
        kind = fault["kind"]
        if kind == "status":
            return self._fail(fault["status"], fault.get("message", "planned"), fault.get("headers", {}))
        if kind == "drop":
            return self._hang_up()
        if kind == "malformed":
            return self._send(200, b'{"id": "msg_', "application/json")
        if self.state.models and body["model"] not in self.state.models:
            return self._fail(404, f"model: {body['model']}")
        if kind == "slow":
            time.sleep(fault["seconds"])
        run = self.state.run_by_prompt.get(asked(body)) or run_of(body)
        with self.state.lock:
            message = self.state.player.answer(run or self.state.runs + 1, body)
            if kind != "cut":
                self.state.runs += run is None
                self.state.counts["answered"] += 1
                self.state.counts["output_tokens"] += message["usage"]["output_tokens"]
            message = dressed(message, run or self.state.runs, llama=self.state.llama)
        stream = bool(body.get("stream"))
        payload = write_events(message) if stream else json.dumps(message).encode()
        self._send(200, payload, "text/event-stream" if stream else "application/json", cut=kind == "cut")
        return None

    def _json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(value).encode(), "application/json", headers)

    def _fail(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        kind = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}.get(
            status, "api_error"
        )
        error = {"type": kind, "message": message}
        shape = {"error": {**error, "code": status}} if self.state.llama else {"type": "error", "error": error}
        self._json(status, shape, headers)

    def _send(
        self,
        status: int,
        payload: bytes,
        content_type: str,
        headers: dict[str, str] | None = None,
        *,
        cut: bool = False,
    ) -> None:
        self.send_response(status)
        for name, value in {"content-type": content_type, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload[: len(payload) // 2] if cut else payload)
        if cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def task_player(overrides: list[str]) -> tuple[Scripted, dict[str, int]]:
    """The simulated agents of the launch that `overrides` describe, and its runs by prompt where prompts differ."""
    from functools import partial

    from hydra import compose, initialize_config_dir

    from evalkit import _hydra
    from evalkit.keys import spec_of
    from evalkit.launch import typed
    from evalkit.plugins import bundled
    from evalkit.registry import load_task

    _hydra.install("simulated")
    with initialize_config_dir(str(bundled("conf")), version_base="1.3"):
        config = typed(compose("config", [*overrides, "model=simulated"]))
    task = load_task(config.task)
    specs = partial(spec_of, task, config)
    prompts = {specs(run).prompt: run for run in range(1, config.runs.count + 1)}
    player = Scripted.of("simulated", "simulated", task, specs, config.runs.seed)
    return player, prompts if len(prompts) == config.runs.count > 1 else {}


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--task", help="plays this task's simulated agents; further arguments are overrides")
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    played = task_player([f"task={arguments.task}", *arguments.overrides]) if arguments.task else ()
    Handler.state = State(*played)
    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
    server.daemon_threads = True
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
