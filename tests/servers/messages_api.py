"""A Messages API server on loopback, in a process of its own: plays scripted agents and misbehaves on request.

    python -m tests.servers.messages_api --port 0 --task arithmetic runs.seed=0

prints its address on the first line and serves until it is stopped. Without `--task` it plays the agents that
`POST /control` gives it. `GET /control` tells what it was asked and what it served.

Real endpoints are not told which run is asking, and neither is this one: it numbers conversations in the order in which
their first answer is delivered, and recognises them by the ids and signatures that it put into its answers. One run
after the other, it therefore plays run for run what `model=simulated` plays. Where every run has a prompt of its own
(`task.data=seeded`), a conversation is recognised by it, in any order and however often it is asked for again.

It is as strict as the real one (`strict.problem`): a request that the API would refuse is refused, and counted.
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

from evalkit.model.anthropic.sse import write_events
from evalkit.model.embedded.scripted_backends import Scripted, estimate_tokens
from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens
from tests.servers import families, llama, strict

HELLO = [{"name": "hello", "turns": [{"text": "Hello.", "tokens": {"median": 20}}]}]
KEPT = 500
"""Requests that are remembered."""


class Server(ThreadingHTTPServer):
    """Keeps many waiting at the door: with the usual five, the sixth connection at once takes a second."""

    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what is our own fault: clients may be killed in the middle of a request or an answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class State:
    """What the server plays, how it misbehaves, and what it has seen. Guarded by `lock`."""

    def __init__(self, backend: Scripted | None = None, run_by_prompt: dict[str, int] | None = None) -> None:
        self.lock = threading.Lock()
        self.task_player = backend
        self.run_by_prompt = run_by_prompt or {}
        self.refused: list[str] = []
        self.set_up({})

    def set_up(self, script: dict[str, Any]) -> None:
        """Start over with a script: `agents`, `seed`, `answers`, `plan`, `repeat`, `dialect`, `models`, `lists_models`,
        `tells`, `strict`, `context`, `reserves`, `loading`, `cut_as`.

        `answers` replaces the agents: the n-th is given to a request with n assistant messages, the last one to all
        later ones. One is a message, or just its content; a text is sent as the body, as it is.

        `plan` holds one entry per request for a message: null (answer), or a fault `{"kind": …}` as in `Handler`.
        After its end requests are answered, or it starts again (`repeat`). `dialect` is anthropic or llama.cpp.
        `models` are the ids that are served (empty: any; llama.cpp lists them and takes any). `models_body` is what is
        sent instead of their list.
        `strict`: requests are checked (unless it is false). `context`: tokens that prompt and answer must fit into;
        with `reserves` a request is refused, without a number, where prompt and `max_tokens` do not fit.
        `tells`: it knows the models of `families`, tells what they can do and refuses what they refuse.
        `loading`: so many requests get 503 first. `cut_as`: what llama.cpp makes of a cut call (`llama.CUTS`).
        """
        agents = [_agent(entry) for entry in script.get("agents", HELLO)]
        self.backend = self.task_player or Scripted("scripted", lambda run: agents, script.get("seed", 0))
        self.plan: list[dict[str, Any] | None] = list(script.get("plan", []))
        self.repeat: bool = script.get("repeat", False)
        self.answers: list[Any] = script.get("answers", [])
        self.llama: bool = script.get("dialect") == "llama.cpp"
        self.strict: bool = script.get("strict", True)
        self.context: int | None = script.get("context")
        self.reserves: bool = script.get("reserves", False)
        self.loading: int = script.get("loading", 0)
        self.cut_as: str = script.get("cut_as", "empty")
        self.thinking: set[str] = set()
        self.own: set[str] = set()
        self.seen: Counter[str] = Counter()
        self.models: list[str] = script.get("models", [])
        self.models_body: str | None = script.get("models_body")
        self.lists_models: bool = script.get("lists_models", True)
        self.tells: bool = script.get("tells", False)
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
        """Counters (`asked`, `answered`, `output_tokens`, one per fault), the last requests, why some were refused."""
        return {"counts": dict(self.counts), "requests": self.requests, "refused": self.refused}

    def problem(self, raw: bytes) -> str:
        """Why the real server would refuse this request."""
        why = strict.problem(raw, thinking=self.thinking, own=self.own) if self.strict else ""
        if why:
            self.refused.append(why)
        return why

    def remember(self, message: dict[str, Any]) -> None:
        """Note what was given out, to check that it comes back."""
        for block in message["content"]:
            self.own.add(block["type"])
            if block["type"] in ("thinking", "redacted_thinking"):
                self.thinking.add(strict.fingerprint(block))


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


def dressed(message: dict[str, Any], run: int) -> dict[str, Any]:
    """The answer with the marks that `run_of` needs."""
    content = [dict(block) for block in message["content"]]
    for block in content:
        if block["type"] == "tool_use":
            block["id"] = f"toolu_run{run}_{block['id'][-20:]}"
    content.insert(0, {"type": "thinking", "thinking": "", "signature": f"run{run}"})
    return {**message, "content": content, "id": f"msg_{message['id'][-20:]}"}


def whole(answer: Any) -> dict[str, Any]:
    """The message that an entry of `answers` stands for."""
    message = {"content": answer} if isinstance(answer, list) else dict(answer)
    called = any(isinstance(block, dict) and block.get("type") == "tool_use" for block in message["content"] or ())
    default = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "scripted",
        "stop_reason": "tool_use" if called else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 20},
    }
    return default | message


class Handler(BaseHTTPRequestHandler):
    """One connection. Faults: `status` (with `status`, `headers`, `message`), `drop`, `cut`, `malformed`, `slow`,
    `raw` (with `status`, `body`)."""

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
        elif self.path.startswith("/v1/models") and state.models_body is not None:
            self._send(200, state.models_body.encode(), "application/json")
        elif self.path.startswith("/v1/models") and state.lists_models:
            name = self.path.removeprefix("/v1/models").lstrip("/").split("?")[0]
            if state.llama and not name:
                self._json(200, llama.models(state.models, state.context))
            elif state.llama:
                self._fail(404, "File Not Found")
            elif not name:
                self._json(200, {"data": [{"type": "model", "id": model} for model in state.models], "has_more": False})
            elif not state.models or name in state.models:
                known = {"type": "model", "id": name, "display_name": name}
                self._json(200, families.facts(name) if state.tells and name in families.MODELS else known)
            else:
                self._fail(404, f"model: {name}")
        else:
            self._fail(404, "Not found")

    def do_POST(self) -> None:
        """A message, or a new script."""
        raw = self.rfile.read(int(self.headers["content-length"]))
        if len(raw) < int(self.headers["content-length"]):  # the client was killed in the middle of its request
            self.close_connection = True
            return
        state = self.state
        if self.path == "/control":
            with state.lock:
                state.set_up(json.loads(raw))
            self._json(200, {})
        elif self.path.split("?")[0] == "/v1/messages":
            with state.lock:
                why = state.problem(raw)
                body = json.loads(raw)
                if not why and state.tells and body["model"] in families.MODELS:
                    why = families.refused(body, self.headers["anthropic-version"])
                seen = {"headers": dict(self.headers), "body": body, "at": time.monotonic()}
                state.requests = [*state.requests, seen][-KEPT:]
                fault = state.next_fault()
                state.counts[fault["kind"] if fault else "unplanned"] += 1
            if why:
                self._fail(400, why)
            else:
                self._message(body, fault or {"kind": "none"})
        else:
            self._fail(404, "Not found")

    def _message(self, body: dict[str, Any], fault: dict[str, Any]) -> None:
        kind = fault["kind"]
        if kind == "status":
            return self._fail(fault["status"], fault.get("message", "planned"), fault.get("headers", {}))
        if kind == "drop":
            return self._hang_up()
        if kind == "raw":
            return self._send(fault["status"], fault["body"].encode(), "application/json")
        if kind == "malformed":
            return self._send(200, b'{"id": "msg_', "application/json")
        if self.state.models and body["model"] not in self.state.models and not self.state.llama:
            return self._fail(404, f"model: {body['model']}")
        if kind == "slow":
            time.sleep(fault["seconds"])
        if self.state.loading > 0:
            self.state.loading -= 1
            return self._json(503, llama.failure(503, "Loading model"))
        prompt = estimate_tokens([body.get("system"), body.get("tools"), body["messages"]])
        if self.state.context is not None and prompt >= self.state.context:
            return self._json(400, llama.too_long(prompt, self.state.context))
        if self.state.context is not None and self.state.reserves and prompt + body["max_tokens"] > self.state.context:
            return self._fail(400, "prompt and max_tokens together exceed the context window")
        room = body["max_tokens"] if self.state.context is None else self.state.context - prompt
        with self.state.lock:
            message = self._answer({**body, "max_tokens": min(room, body["max_tokens"])}, counts=kind != "cut")
        if isinstance(message, str):
            return self._send(200, message.encode(), "text/event-stream" if "event:" in message else "application/json")
        stream = bool(body.get("stream"))
        payload = write_events(message) if stream else json.dumps(message).encode()
        self._send(200, payload, "text/event-stream" if stream else "application/json", cut=kind == "cut")
        return None

    def _answer(self, body: dict[str, Any], *, counts: bool) -> dict[str, Any] | str:
        state = self.state
        if state.answers:
            turn = sum(message["role"] == "assistant" for message in body["messages"])
            answer = state.answers[min(turn, len(state.answers) - 1)]
            if isinstance(answer, str):
                return answer
            state.remember(whole(answer))
            return whole(answer)
        run = state.run_by_prompt.get(asked(body)) or run_of(body)
        message = state.backend.answer(run or state.runs + 1, body)
        if counts:
            state.runs += run is None
            state.counts["answered"] += 1
            state.counts["output_tokens"] += message["usage"]["output_tokens"]
        number = run or state.runs
        if state.llama:
            meant = state.backend.answer(number, {**body, "max_tokens": 10**9})
            again = state.seen[llama.fingerprint(body)]
            state.seen[llama.fingerprint(body)] += counts
            return llama.dressed(message, number, meant, state.cut_as, again)
        message = dressed(message, number)
        state.remember(message)
        return message

    def _json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(value).encode(), "application/json", headers)

    def _fail(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        kind = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}.get(
            status, "api_error"
        )
        if self.state.llama:
            return self._json(status, llama.failure(status, message), headers)
        return self._json(status, {"type": "error", "error": {"type": kind, "message": message}}, headers)

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

    from hydra import compose, initialize_config_dir

    from evalkit.config import hydra_setup
    from evalkit.config.search_path import bundled
    from evalkit.config.typed import to_config
    from evalkit.sampling.problem_set import problem_set
    from evalkit.task.registry import load_task

    hydra_setup.install("simulated")
    with initialize_config_dir(str(bundled("conf")), version_base="1.3"):
        config = to_config(compose("config", [*overrides, "model=simulated"]))
    task = load_task(config.task)
    specs = problem_set(config, task).specs(task)
    prompts = {specs(run).prompt: run for run in range(1, config.runs.count + 1)}
    backend = Scripted.of("simulated", "simulated", task, specs, config.runs.seed)
    return backend, prompts if len(prompts) == config.runs.count > 1 else {}


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--task", help="plays this task's simulated agents; further arguments are overrides")
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    played = task_player([f"task={arguments.task}", *arguments.overrides]) if arguments.task else ()
    Handler.state = State(*played)
    server = Server(("127.0.0.1", arguments.port), Handler)
    server.daemon_threads = True
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
