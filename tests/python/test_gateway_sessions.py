"""Real servers by HTTP that are started anew behind the gateway's back: their sessions are gone, and the next call is
answered all the same. Also: a slow start, and a server that is redirected to."""

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from test_gateway import Scripted, tool, until, words
from test_gateway_servers import MODULES, NODE
from wire import PATIENCE, Kernel

SDK = '''
import sys, uvicorn
from mcp.server import MCPServer
server = MCPServer("sdk")

@server.tool()
def echo(message: str) -> str:
    return "Echo: " + message

uvicorn.run(server.streamable_http_app(stateless_http=False), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
'''


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Restarted:
    """A server in a process of its own at a port that stays."""

    def __init__(self, kind):
        self.port = free_port()
        self.words = ([str(NODE), str(MODULES / "server-everything/dist/index.js"), "streamableHttp"] if kind == "everything"
                      else [sys.executable, "-c", SDK, str(self.port)])
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.words, env=dict(os.environ, PORT=str(self.port)), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)  # node is the child of a script

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        until(listens)

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def kernel():
    with Kernel() as made:
        yield made


def state_of(kernel, name):
    time.sleep(0.3)  # a tool may be called 300 times a minute
    return kernel.call("server.list", {"name": name}).get("state")


@pytest.mark.parametrize("kind, name", [("everything", "echo"), ("sdk", "echo")])
def test_a_restarted_server_goes_on_with_the_next_call(kernel, kind, name):
    server = Restarted(kind)
    try:
        added = kernel.call("server.add", {"name": kind, "url": server.url, "era": "legacy"}, owner=True)
        assert added.get("tools"), added
        client = kernel.client()
        call = lambda text: client.result(f"{kind}__{name}", {"message": text})
        assert words(call("one")) == "Echo: one"
        for round_ in range(2):
            server.stop()
            server.start()
            # Within a second of its last word it is not asked again; a call on a connection that died is not repeated.
            time.sleep(1.1)
            until(lambda: state_of(kernel, kind) == "ready")
            result = call(f"round {round_}")
            assert not result["isError"] and words(result) == f"Echo: round {round_}", result
        server.stop()
        server.start()
        # Without anybody having looked, it may have been noticed already that the server went; then it is said so, once.
        result = until(lambda: (lambda one: not one["isError"] and one)(call("unseen")))
        assert words(result) == "Echo: unseen"
        server.stop()
        until(lambda: state_of(kernel, kind) != "ready")
    finally:
        if server.process.poll() is None:
            server.stop()
        kernel.call("server.remove", {"name": kind}, owner=True)


def test_a_slow_start_is_waited_for_as_long_as_is_said(tmp_path):
    with Scripted(tmp_path, tools=[tool("echo")]) as made:
        slow = [sys.executable, "-c", "import os, sys, time; time.sleep(2); os.execv(sys.argv[1], sys.argv[1:])", *made.words]
        late = made.kernel.run("--json", "server", "add", "late", "--start-timeout", "1", "--era", "legacy", "--", *slow, owner=True)
        assert "start_timeout_s" in json.dumps(late), late
        added = made.kernel.run("--json", "server", "add", "slow", "--start-timeout", "75", "--era", "legacy", "--", *slow, owner=True)
        assert added["tools"] == 1, added
        kept = json.loads((made.kernel.home / "servers.json").read_text())["servers"]
        assert kept["slow"]["spec"]["start_timeout_s"] == 75 and "late" not in kept


def test_a_redirect_at_the_same_place_is_followed_and_another_is_named(kernel):
    """Starlette and others send /mcp to /mcp/."""
    seen = []

    class Site(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((self.path, body["method"], self.headers.get("X-Secret")))
            if self.path == "/mcp":
                return self.answer(307, b"", Location="/mcp/")
            if self.path == "/away":
                return self.answer(307, b"", Location=f"http://localhost:{self.server.server_port}/mcp/")
            if "id" not in body:
                return self.answer(202, b"")
            results = {"initialize": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                                      "serverInfo": {"name": "site", "version": "1"}},
                       "tools/list": {"tools": [tool("echo")]}, "tools/call": {"content": [{"type": "text", "text": "here"}]}}
            message = ({"result": results[body["method"]]} if body["method"] in results
                       else {"error": {"code": -32601, "message": "no"}})
            return self.answer(200, json.dumps({"jsonrpc": "2.0", "id": body["id"], **message}).encode())

        def do_GET(self):
            self.answer(405, b"")

        def answer(self, status, body, **headers):
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": len(body), **headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    try:
        where = f"http://127.0.0.1:{site.server_port}"
        added = kernel.call("server.add", {"name": "site", "url": where + "/mcp", "headers": {"X-Secret": "s"}}, owner=True)
        assert added.get("tools") == 1, added
        assert words(kernel.client().result("site__echo")) == "here"
        assert sum(1 for path, method, _ in seen if (path, method) == ("/mcp/", "tools/call")) == 1
        seen.clear()
        away = kernel.call("server.add", {"name": "away", "url": where + "/away", "headers": {"X-Secret": "s"}}, owner=True)
        assert "another place" in json.dumps(away), away
        assert {path for path, _, _ in seen} == {"/away"}, "headers went to another place"
    finally:
        site.shutdown()


def test_progress_keeps_a_call_alive_whether_its_client_asked_for_it_or_not(tmp_path):
    with Scripted(tmp_path, tools=[tool("echo")]) as made:
        made.file.write_text(json.dumps([tool("slow")]))
        quick = made.kernel.call("server.add", {"name": "quick", "command": made.words, "timeout_s": 1}, owner=True)
        assert quick["tools"] == 1, quick
        client = made.kernel.client()
        client.send({"jsonrpc": "2.0", "id": 900, "method": "tools/call", "params": {"name": "quick__slow", "arguments": {}}})
        time.sleep(2.5)
        said = [client.lines.get() for _ in range(client.lines.qsize())]
        assert not any(b'"id":900' in bytes(line) for line in said), said  # it tells of progress, and its limit is a second
        client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 900}})
        until(lambda: made.file.with_suffix(".cancelled").exists(), PATIENCE)
