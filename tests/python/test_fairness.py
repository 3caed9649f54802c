"""One principal floods, another asks now and then: over stdio and over HTTP, each in both parts."""

import http.client
import json
import pathlib
import select

import pytest

from test_gateway import until
from wire import PATIENCE, Kernel

POLICY = """
version: 1
limits:
  agent_calls_per_minute: 10000000
  tools: {"*": 10000000}
"""
SLOW, ARGUMENTS = "slow_compute", {"seconds": 60}  # of the conformance fixtures; ends when it is cancelled
SHORT = {"seconds": 0}
RUNNING, WAITING = 48, 64  # calls of one principal that work at once, and calls that wait


class Web:
    """Connections of the principal with the token, one a call."""

    def __init__(self, kernel):
        self.host, port = kernel.run("--json", "status")["http"].split("/")[2].split(":")
        self.port = int(port)
        self.token = (kernel.home / "token").read_text().strip()

    def send(self, tool, arguments):
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                           "params": {"name": tool, "arguments": arguments, "_meta": meta}})
        link = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        link.request("POST", "/mcp", body, {
            "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {self.token}", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call",
            "Mcp-Name": tool})
        return link

    @staticmethod
    def receive(link):
        text = link.getresponse().read().decode()
        link.close()
        line = next((one[6:] for one in text.splitlines() if one.startswith("data: ") and '"id"' in one), text)
        return json.loads(line)["result"]

    def call(self, tool, arguments):
        return self.receive(self.send(tool, arguments))


def working(kernel):
    """Workers that calls have been given to."""
    tasks = pathlib.Path(f"/proc/{kernel.process.pid}/task")
    return sum((one / "comm").read_text().strip() == "waits" for one in tasks.iterdir())


class FloodByStdio:
    def __init__(self, kernel, waiting):
        self.client, self.calls = kernel.client(), 0
        self.send(RUNNING)
        until(lambda: working(kernel) == RUNNING)
        self.send(waiting)

    def send(self, calls):
        for _ in range(calls):
            self.client.send({"jsonrpc": "2.0", "id": 1000 + self.calls, "method": "tools/call",
                              "params": {"name": SLOW, "arguments": ARGUMENTS}})
            self.calls += 1

    def answered(self):
        return self.client.lines.qsize()

    def end(self):
        for number in range(self.calls):
            self.client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1000 + number}})


class FloodByHttp:
    def __init__(self, kernel, waiting):
        self.links = [Web(kernel).send(SLOW, ARGUMENTS) for _ in range(RUNNING)]
        until(lambda: working(kernel) == RUNNING)
        self.links += [Web(kernel).send(SLOW, ARGUMENTS) for _ in range(waiting)]

    def answered(self):
        return len(select.select([link.sock for link in self.links], [], [], 0)[0])

    def end(self):
        for link in self.links:
            link.close()


@pytest.fixture
def kernel():
    with Kernel(flags=("--http", "127.0.0.1:0", "--conformance"), policy=POLICY) as made:
        yield made


@pytest.mark.parametrize("flooding,quiet", [("stdio", "http"), ("http", "stdio")])
def test_who_asks_seldom_does_not_wait_for_a_flood(kernel, flooding, quiet):
    ask = Web(kernel).call if quiet == "http" else kernel.client().result
    flood = (FloodByStdio if flooding == "stdio" else FloodByHttp)(kernel, 40)
    try:
        for _ in range(3):
            result = ask(SLOW, SHORT)
            assert not result["isError"], result
        # In a queue for all it would have come after everything that was asked before it.
        assert flood.answered() == 0, "the flood came first"
    finally:
        flood.end()


def test_what_is_too_much_is_shed_with_a_reason_and_a_time_and_others_are_served(kernel):
    too_many = 30
    flood = FloodByStdio(kernel, WAITING + too_many)
    try:
        shed = [flood.client.receive()["result"]["structuredContent"]["denial"] for _ in range(too_many)]
        result = Web(kernel).call(SLOW, SHORT)
        assert not result["isError"], result
        # Its place was taken from the flood.
        shed.append(flood.client.receive()["result"]["structuredContent"]["denial"])
        for denial in shed:
            assert denial["code"] == "overloaded" and denial["stage"] == "queue"
            assert 0.1 <= denial["retry_after_s"] <= 30 and "not run" in denial["reason"] and denial["way_out"]
        assert len(shed) + flood.answered() < flood.calls, "who has room is not refused"
    finally:
        flood.end()
    health = kernel.client().result("health.check")
    assert not health["isError"]
