"""What each client of tests/clients does, told as lines of JSON on stdout: list, call, be denied, and, after a
line on stdin says that the kernel was killed, call again. By stdio (PROGRAM HOME), or by HTTP (URL TOKEN)."""

import json
import sys

COMMAND = {"command": sys.argv[1], "args": ["mcp", "--home", sys.argv[2]]}
URL = sys.argv[1] if sys.argv[1].startswith("http://") else None
HEADERS = {"Authorization": f"Bearer {sys.argv[2]}"}
CALL = ("memory_add", {"content": "the heron came back to the lighthouse"})
DENIED = ("memory_erase", {"id": "m1", "reason": "an agent may not"})
AGAIN = ("memory_search", {"query": "heron lighthouse"})


def tell(step, what):
    print(json.dumps({"step": step, "what": what if step == "list" else str(what)}), flush=True)


def wait_for_kill():
    tell("ready", "")
    sys.stdin.readline()
