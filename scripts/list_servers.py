"""Starts published MCP servers and writes the tools that each lists.

    python scripts/list_servers.py SERVERS.json FOLDER OUT.json

SERVERS.json: {"servers": {NAME: {"command": [...], "environment": {...}}}}; `{folder}` stands for FOLDER, where
scripts/setup.sh put the packages, `{work}` for an empty folder. Keys in it are made up: a server lists its tools
before it would use them. A server that does not answer is named on stderr and left out; the last line counts.
"""

import concurrent.futures
import json
import os
import pathlib
import selectors
import signal
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 90
PROTOCOL = "2025-06-18"


class Server:
    """One server over stdio: a line out, lines in; noise on stdout is passed over."""

    def __init__(self, command, environment, folder):
        self.process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.deadline = time.monotonic() + PATIENCE_S
        self.pending = b""
        self.next_id = 0

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def line(self):
        while b"\n" not in self.pending:
            if not self.selector.select(max(0, self.deadline - time.monotonic())):
                raise TimeoutError(f"no answer within {PATIENCE_S} s")
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                raise ConnectionError("the server ended")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return line

    def ask(self, method, params):
        self.next_id += 1
        self.send({"id": self.next_id, "method": method, "params": params})
        while True:
            try:
                message = json.loads(self.line())
            except ValueError:
                continue
            if isinstance(message, dict) and message.get("id") == self.next_id and "method" not in message:
                if "error" in message:
                    raise RuntimeError(message["error"].get("message", "error"))
                return message["result"]
            if isinstance(message, dict) and "id" in message and "method" in message:
                self.send({"id": message["id"], "error": {"code": -32601, "message": "not here"}})

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def list_tools(name, entry, folder):
    with tempfile.TemporaryDirectory(prefix="resonant-list-") as work:
        places = {"folder": str(folder), "work": work}
        command = [part.format(**places) for part in entry["command"]]
        subprocess.run(["git", "init", "-q", work], check=False)
        node = str(folder.parent / "conformance" / "bin")
        environment = {"PATH": f"{node}:{os.environ.get('PATH', '/usr/bin:/bin')}", "HOME": work, "LANG": "C.UTF-8",
                       **{key: value.format(**places) for key, value in entry.get("environment", {}).items()}}
        server = Server(command, environment, work)
        try:
            server.ask("initialize", {"protocolVersion": PROTOCOL, "capabilities": {},
                                      "clientInfo": {"name": "resonant-bench", "version": "1"}})
            server.send({"method": "notifications/initialized"})
            tools, cursor = [], None
            while True:
                page = server.ask("tools/list", {"cursor": cursor} if cursor else {})
                tools += page["tools"]
                cursor = page.get("nextCursor")
                if not cursor:
                    break
        finally:
            server.close()
    return [{"server": name, "name": tool["name"], "title": tool.get("title") or "",
             "description": tool.get("description") or "", "inputSchema": tool.get("inputSchema", {})}
            for tool in tools]


def main():
    entries = json.loads(pathlib.Path(sys.argv[1]).read_text())["servers"]
    folder, out = pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3])
    tools, absent = [], []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = {name: pool.submit(list_tools, name, entry, folder) for name, entry in entries.items()}
        for name, listed in waiting.items():
            try:
                found = listed.result()
            except (OSError, RuntimeError, KeyError, TypeError) as error:
                absent.append(name)
                print(f"absent: {name}: {type(error).__name__}: {error}", file=sys.stderr)
                continue
            tools += found
            print(f"{name}: {len(found)} tools", file=sys.stderr)
    out.write_text(json.dumps({"absent": absent, "tools": tools}, ensure_ascii=False, indent=0) + "\n")
    print(f"{len(tools)} tools of {len(entries) - len(absent)} servers, {len(absent)} absent", file=sys.stderr)


if __name__ == "__main__":
    main()
