"""An MCP server over stdio without the SDK, which starts in 30 ms: counts, says errors, and fails in every way."""

import json
import os
import sys
import time
from pathlib import Path

OBJECT = {"type": "object", "properties": {}}
NAMES = ("count", "environment", "odd", "unknown", "hang", "crash", "garbage", "picture", "structured", "leave")


def text(said, **more):
    return {"content": [{"type": "text", "text": said}], **more}


def answer(name, state):
    if name == "count":
        state["count"] = state.get("count", 0) + 1
        return text(f"{state['count']} in process {os.getpid()} with {[path.name for path in Path().iterdir()]}")
    if name == "leave":
        Path("left").touch()
        return text("left")
    if name == "environment":
        return text(json.dumps(dict(os.environ)))
    if name == "odd":
        return text("that is odd", isError=True)
    if name == "hang":
        time.sleep(60)
    if name == "crash":
        os.write(2, b"out of cheese\n")
        os._exit(3)
    if name == "garbage":
        return {"content": "no list"}
    if name == "picture":
        return {"content": [{"type": "image", "data": "AAAA", "mimeType": "image/png"}]}
    return {"content": [], "structuredContent": {"total": 3}}


def say(line):
    os.write(1, f"{line}\n".encode())


def main():
    broken = sys.argv[1] if len(sys.argv) > 1 else ""
    if broken == "mute":
        time.sleep(60)
    if broken == "exit":
        sys.exit("no licence")
    state = {}
    say("this line is no message")
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked:
            continue
        params, reply = asked.get("params", {}), {"jsonrpc": "2.0", "id": asked["id"]}
        if asked["method"] == "initialize":
            version = params["protocolVersion"]
            info = {"name": "counts", "version": "1"}
            reply["result"] = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
        elif asked["method"] == "tools/list":
            tools = [{"name": name, "description": f"To {name}.", "inputSchema": OBJECT} for name in NAMES]
            page = 0 if broken == "empty" else 4
            start = int(params.get("cursor", 0))
            reply["result"] = {"tools": tools[start : start + page]}
            if page and start + page < len(tools):
                reply["result"]["nextCursor"] = str(start + page)
        elif params.get("name") == "unknown":
            reply["error"] = {"code": -32602, "message": "unknown is unknown"}
        else:
            reply["result"] = answer(params["name"], state)
        say(json.dumps(reply))


if __name__ == "__main__":
    main()
