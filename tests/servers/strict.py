"""What the Messages API refuses, written after its documented rules and the errors that people met."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

TOP = {
    "model", "max_tokens", "messages", "system", "tools", "tool_choice", "stream", "temperature", "top_p", "top_k",
    "stop_sequences", "thinking", "metadata", "service_tier", "output_config", "container", "cache_control",
}  # fmt: skip
KEYS = {
    "text": {"type", "text", "cache_control", "citations"},
    "tool_use": {"type", "id", "name", "input", "cache_control", "caller", "toolset_name"},
    "tool_result": {"type", "tool_use_id", "content", "is_error", "cache_control"},
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
    "server_tool_use": {"type", "id", "name", "input", "cache_control", "caller"},
    "web_search_tool_result": {"type", "tool_use_id", "content", "cache_control", "caller"},
}
NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
ID = re.compile(r"[a-zA-Z0-9_-]+")
HALF = re.compile(r"(?<!\\)(?:\\\\)*\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})", re.IGNORECASE)
Block = Mapping[str, Any]


class Refused(Exception):
    """With the API's message."""


def problem(
    raw: bytes, *, model_limit: int = 128_000, thinking: Collection[str] = (), own: Collection[str] = ()
) -> str:
    """Why the API refuses this request body, or nothing.

    `thinking`: the thinking blocks that were given out, as `fingerprint` writes them; others are refused if there are
    any. `own`: types of blocks that the server has sent itself, beside those that all know.
    """
    try:
        text = raw.decode("utf-8")
        body = json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        return f"The request body is not valid JSON: {error}"
    if HALF.search(text):
        return "The request body is not valid JSON: no low surrogate in string"
    try:
        _top(body, model_limit)
        for number, message in enumerate(body["messages"]):
            _message(number, message, last=number == len(body["messages"]) - 1, thinking=thinking, own=own)
        _conversation(_merged(body["messages"]))
    except Refused as refused:
        return str(refused)
    return ""


def fingerprint(block: Block) -> str:
    """A thinking block as text, to know it again."""
    return json.dumps(block, sort_keys=True)


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _top(body: Any, model_limit: int) -> None:
    if not isinstance(body, dict):
        raise Refused("Input should be a valid dictionary")
    for extra in sorted(set(body) - TOP):
        raise Refused(f"{extra}: Extra inputs are not permitted")
    most = body.get("max_tokens")
    if type(most) is not int or most < 1:
        raise Refused("max_tokens: Input should be greater than or equal to 1")
    if most > model_limit:
        raise Refused(f"max_tokens: {most} > {model_limit}, which is the maximum allowed number of output tokens")
    if ((body.get("thinking") or {}).get("budget_tokens") or 0) >= most:
        raise Refused("`max_tokens` must be greater than `thinking.budget_tokens`")
    if not body.get("messages"):
        raise Refused("messages: at least one message is required")
    _tools(body.get("tools", ()))
    if (marks := _marks(body)) > 4:
        raise Refused(f"A maximum of 4 blocks with cache_control may be provided. Found {marks}.")


def _tools(tools: Sequence[Block]) -> None:
    names = [tool.get("name") for tool in tools]
    for number, (name, tool) in enumerate(zip(names, tools, strict=True)):
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise Refused(f"tools.{number}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if not isinstance(tool.get("input_schema"), dict) or tool["input_schema"].get("type") != "object":
            raise Refused(f"tools.{number}.custom.input_schema.type: Input should be 'object'")
    if len(set(names)) < len(names):
        raise Refused("tools: Tool names must be unique.")


def _marks(body: Block) -> int:
    messages = [block for message in body["messages"] for block in _blocks(message)]
    system = body.get("system") if isinstance(body.get("system"), list) else []
    return sum("cache_control" in block for block in (*messages, *(system or ()), *body.get("tools", ())))


def _blocks(message: Block) -> Sequence[Block]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _message(number: int, message: Block, *, last: bool, thinking: Collection[str], own: Collection[str]) -> None:
    where, role = f"messages.{number}", message.get("role")
    if set(message) != {"role", "content"} or role not in ("user", "assistant"):
        raise Refused(f"{where}: Extra inputs are not permitted, and the role is user or assistant")
    blocks = _blocks(message)
    if message["content"] in ("", []) and not (last and role == "assistant"):
        raise Refused(f"{where}: all messages must have non-empty content except for the optional final assistant one")
    for place, block in enumerate(blocks):
        _block(f"{where}.content.{place}", role, block, thinking, own)
    texts = [block["text"] for block in blocks if block["type"] == "text"]
    if texts and not any(text.strip() for text in texts):
        raise Refused("messages: text content blocks must contain non-whitespace text")
    if role == "assistant" and blocks and blocks[-1]["type"] in ("thinking", "redacted_thinking"):
        raise Refused(f"{where}: The final block in an assistant message cannot be `thinking`.")


def _block(where: str, role: str, block: Block, thinking: Collection[str], own: Collection[str]) -> None:
    kind = block.get("type")
    if kind not in KEYS and kind not in own:
        raise Refused(f"{where}: Input tag '{kind}' does not match any of the expected tags")
    for extra in sorted(set(block) - KEYS.get(str(kind), set(block))):
        raise Refused(f"{where}.{kind}.{extra}: Extra inputs are not permitted")
    if kind == "text" and not isinstance(block.get("text"), str):
        raise Refused(f"{where}.text.text: Field required")
    if kind == "text" and not block["text"]:
        raise Refused("messages: text content blocks must be non-empty")
    if kind == "tool_use":
        _tool_use(where, role, block)
    if kind == "tool_result" and role != "user":
        raise Refused(f"{where}: tool_result blocks can only be in user messages")
    if kind == "tool_result" and block.get("is_error") and not block.get("content"):
        raise Refused(f"{where}.tool_result: content cannot be empty if `is_error` is true")
    if kind in ("thinking", "redacted_thinking") and thinking and fingerprint(block) not in thinking:
        raise Refused(f"{where}: `thinking` or `redacted_thinking` blocks cannot be modified")


def _tool_use(where: str, role: str, block: Block) -> None:
    if not isinstance(block.get("input"), dict):
        raise Refused(f"{where}.tool_use.input: Input should be a valid dictionary")
    for name, pattern in (("name", NAME), ("id", ID)):
        if not isinstance(block.get(name), str) or not pattern.fullmatch(block[name]):
            raise Refused(f"{where}.tool_use.{name}: String should match pattern '^{pattern.pattern}$'")
    if role != "assistant":
        raise Refused(f"{where}: tool_use blocks can only be in assistant messages")


def _merged(messages: Sequence[Block]) -> list[tuple[str, list[Block]]]:
    """The conversation with messages of one role in a row put together, as the API reads it."""
    merged: list[tuple[str, list[Block]]] = []
    for message in messages:
        if merged and merged[-1][0] == message["role"]:
            merged[-1][1].extend(_blocks(message))
        else:
            merged.append((message["role"], list(_blocks(message))))
    return merged


def _conversation(merged: Sequence[tuple[str, list[Block]]]) -> None:
    if merged[0][0] != "user":
        raise Refused('messages: first message must use the "user" role')
    role, blocks = merged[-1]
    if role == "assistant" and blocks and blocks[-1]["type"] == "text" and blocks[-1]["text"][-1].isspace():
        raise Refused("messages: final assistant content cannot end with trailing whitespace")
    calls = list(_calls(merged))
    if len(set(calls)) < len(calls):
        raise Refused("messages: `tool_use` ids must be unique")
    for number, (role, blocks) in enumerate(merged):
        following = merged[number + 1][1] if number + 1 < len(merged) else None
        if role == "assistant":
            _answered(number, blocks, following)
        else:
            asked = [block["id"] for block in merged[number - 1][1] if block["type"] == "tool_use"] if number else []
            for block in blocks:
                if block["type"] == "tool_result" and block["tool_use_id"] not in asked:
                    raise Refused(f"messages.{number}: unexpected `tool_use_id`: {block['tool_use_id']}")


def _calls(merged: Sequence[tuple[str, list[Block]]]) -> Iterator[str]:
    for _, blocks in merged:
        yield from (block["id"] for block in blocks if block["type"] == "tool_use")


def _answered(number: int, blocks: Sequence[Block], following: Sequence[Block] | None) -> None:
    """Every call has its result at the head of the next message; the server's own calls have theirs beside them."""
    head = []
    for block in following or ():
        if block["type"] != "tool_result":
            break
        head.append(block["tool_use_id"])
    asked = [block["id"] for block in blocks if block["type"] == "tool_use"]
    if missing := [one for one in asked if one not in head]:
        raise Refused(f"messages.{number}: `tool_use` ids without `tool_result` blocks right after: {missing}")
    if len(set(head)) < len(head):
        raise Refused(f"messages.{number}: each tool_use must have a single result")
    finished = [block.get("tool_use_id") for block in blocks]
    for block in blocks:
        if block["type"] == "server_tool_use" and block["id"] not in finished and following and not asked:
            raise Refused(f"messages.{number}: `{block['name']}` tool use was found without a corresponding result")
