"""A server over stdio that does what other people's servers were reported to do: python reported_server.py HOW

HOW: well (every tool below), circles (its list has a next page for ever), pages (two tools a page), absent (exits at once).
"""

import json
import os
import sys
import threading
import time

HOW = sys.argv[1]
LOCK = threading.Lock()
REF = {"type": "object", "properties": {"item": {"$ref": "#/definitions/Item"}}, "required": ["item"],
       "definitions": {"Item": {"type": "string", "enum": ["a", "b"]}}}
OUT = {"type": "object", "properties": {"points": {"type": "integer"}}, "required": ["points"]}
TOOLS = {
    "echo": {},
    "chatty": {},       # writes a megabyte to stderr before it answers
    "noisy": {},        # writes lines to stdout that are no messages, one of them for each thing it hears
    "picture": {},      # an image beside structured content
    "typed": {"outputSchema": OUT},
    "broken_promise": {"outputSchema": OUT},  # isError without structured content
    "referring": {"inputSchema": REF},
    "environment": {},
    "slow": {},
    "separators": {},   # U+2028 and U+2029 in its answer, unescaped
}


def send(message):
    with LOCK:
        sys.stdout.buffer.write(json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False).encode() + b"\n")
        sys.stdout.buffer.flush()


def text(words, **more):
    return {"content": [{"type": "text", "text": words}], **more}


def listed(cursor):
    names = [f"tool_{n}" for n in range(5)] if HOW in ("circles", "pages") else list(TOOLS)
    tools = [{"name": name, "description": "as reported", "inputSchema": {"type": "object"},
              "annotations": {"readOnlyHint": True}, **TOOLS.get(name, {})} for name in names]
    if HOW == "circles":
        return {"tools": tools, "nextCursor": "5"}
    if HOW == "pages":
        start = int(cursor or 0)
        page = {"tools": tools[start:start + 2]}
        return page if start + 2 >= len(tools) else {**page, "nextCursor": str(start + 2)}
    return {"tools": tools}


def carried_out(name, arguments):
    if name == "chatty":
        for _ in range(1024):
            sys.stderr.write("a warning that nobody reads " * 36 + "\n")
        sys.stderr.flush()
    if name == "noisy":
        with LOCK:
            sys.stdout.write("INFO  called\n{\"level\": \"info\"}\n\n[1, 2]\nnull\n")
            sys.stdout.flush()
    if name == "picture":
        return {"content": [{"type": "text", "text": "a heron"}, {"type": "image", "data": "aGVyb24=", "mimeType": "image/png"}],
                "structuredContent": {"width": 3}}
    if name == "typed":
        return text("7 points", structuredContent={"points": 7})
    if name == "broken_promise":
        return text("more than 200 points are not allowed", isError=True)
    if name == "environment":
        return text(json.dumps(dict(os.environ)))
    if name == "separators":
        return text("one\u2028two\u2029three\u0085four")
    if name == "slow":
        time.sleep(arguments.get("seconds", 5))
    return text(json.dumps({"bytes": len(arguments.get("text", "")), "arguments": {
        key: value for key, value in arguments.items() if key != "text"}}))


def take(message):
    method, number, params = message.get("method"), message.get("id"), message.get("params") or {}
    if number is None:
        return
    if method == "initialize":
        send({"id": number, "result": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {"listChanged": True}},
                                       "serverInfo": {"name": "reported", "version": "1"}}})
    elif method == "tools/list":
        send({"id": number, "result": listed(params.get("cursor"))})
    elif method == "tools/call":
        threading.Thread(target=lambda: send({"id": number, "result": carried_out(
            params["name"], params.get("arguments", {}))}), daemon=True).start()
    else:
        send({"id": number, "error": {"code": -32601, "message": "no such method"}})


if __name__ == "__main__":
    if HOW == "absent":
        sys.exit("exec: reported: not found")
    for line in sys.stdin:
        heard = json.loads(line)
        if "method" not in heard:  # who is answered for its noise says more: a storm
            with LOCK:
                sys.stdout.write(f"INFO  heard {line.strip()[:80]}\n")
                sys.stdout.flush()
            continue
        take(heard)
