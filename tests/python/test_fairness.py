"""One principal floods, another asks now and then: over stdio and over HTTP, each in both parts."""

import http.client
import json
import select

import pytest

from wire import PATIENCE, Kernel

POLICY = """
version: 1
limits:
  agent_calls_per_minute: 10000000
  tools: {"*": 10000000}
"""
SLOW, ARGUMENTS = "capability.matrix", {"detail": "schema", "limit": 100}  # a worker's job of some milliseconds
FLOOD = 120  # calls at once


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


class FloodByStdio:
    def __init__(self, kernel, connections=1):
        self.clients = [kernel.client() for _ in range(connections)]
        self.all = FLOOD * connections
        for client in self.clients:
            for number in range(FLOOD):
                client.send({"jsonrpc": "2.0", "id": 1000 + number, "method": "tools/call",
                             "params": {"name": SLOW, "arguments": ARGUMENTS}})

    def answered(self):
        return sum(client.lines.qsize() for client in self.clients)

    def answers(self):
        return [client.receive()["result"] for client in self.clients for _ in range(FLOOD)]


class FloodByHttp:
    def __init__(self, kernel):
        self.links = [Web(kernel).send(SLOW, ARGUMENTS) for _ in range(FLOOD)]
        self.all = FLOOD

    def answered(self):
        return len(select.select([link.sock for link in self.links], [], [], 0)[0])

    def answers(self):
        return [Web.receive(link) for link in self.links]


def denials(answers):
    return [one["structuredContent"]["denial"] for one in answers if "denial" in one.get("structuredContent", {})]


@pytest.fixture(scope="module")
def kernel():
    with Kernel(flags=("--http", "127.0.0.1:0"), policy=POLICY) as made:
        yield made


@pytest.mark.parametrize("flooding,quiet", [("stdio", "http"), ("http", "stdio")])
def test_who_asks_seldom_does_not_wait_for_a_flood(kernel, flooding, quiet):
    ask = Web(kernel).call if quiet == "http" else kernel.client().result
    flood = FloodByStdio(kernel) if flooding == "stdio" else FloodByHttp(kernel)
    before = flood.answered()
    for _ in range(3):
        result = ask(SLOW, ARGUMENTS)
        assert not result["isError"], result
    # In a queue for all, each of the three would have come after everything that was asked before it.
    assert before == flood.all or flood.answered() < flood.all, "the flood came first"
    answers = flood.answers()
    assert len(answers) == flood.all
    assert not denials(answers), "there was room for all of them"


def test_what_is_too_much_is_shed_with_a_reason_and_a_time_and_others_are_served(kernel):
    flood = FloodByStdio(kernel, 3)  # of one principal, more than may wait
    result = Web(kernel).call(SLOW, ARGUMENTS)
    assert not result["isError"], result
    answers = flood.answers()
    assert len(answers) == flood.all, "each is answered, once"
    shed = denials(answers)
    assert shed and len(shed) < flood.all
    for denial in shed:
        assert denial["code"] == "overloaded" and denial["stage"] == "queue"
        assert 0.1 <= denial["retry_after_s"] <= 30 and "not run" in denial["reason"] and denial["way_out"]
    health = kernel.client().result("health.check")
    assert not health["isError"]
