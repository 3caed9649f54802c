"""HTTP over the wire, with clients that are many, slow, or gone for a while: everybody is answered once, nobody who is
being served is closed for a newcomer, and who is refused reads why."""

import concurrent.futures
import json
import os
import re
import resource
import socket
import time

import pytest

from wire import PATIENCE, Kernel

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


class Wire:
    """One connection, read as the test likes."""

    def __init__(self, kernel, receive_buffer=None):
        self.token = (kernel.home / "token").read_text().strip()
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port_of(kernel)))
        self.input = b""

    def post(self, message, headers=""):
        body = json.dumps(message).encode()
        return (f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.token}\r\nContent-Type: application/json\r\n"
                f"Accept: application/json, text/event-stream\r\n{headers}Content-Length: {len(body)}\r\n\r\n").encode() + body

    def send(self, data):
        self.socket.sendall(data)

    def more(self, size=65536):
        data = self.socket.recv(size)
        self.input += data
        return bool(data)

    def answer(self, at_once=65536):
        """The next answer: (status, headers, body); status 0 when the connection ended before it."""
        while b"\r\n\r\n" not in self.input:
            if not self.more(at_once):
                return 0, {}, b""
        head, self.input = self.input.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        size = int(headers.get("content-length", 0))
        while len(self.input) < size:
            if not self.more(at_once):
                return 0, {}, b""
        body, self.input = self.input[:size], self.input[size:]
        return int(lines[0].split()[1]), headers, body

    def ask(self, message, headers=""):
        self.send(self.post(message, headers))
        return self.answer()

    def close(self):
        self.socket.close()


def port_of(kernel):
    if not hasattr(kernel, "http_port"):
        kernel.http_port = int(re.search(r":(\d+)/mcp", kernel.run("status", "--json")["http"])[1])
    return kernel.http_port


def call(number, tool, arguments):
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


@pytest.fixture(scope="module")
def kernel():
    with Kernel(flags=("--http", "127.0.0.1:0")) as one:
        yield one


@pytest.fixture(scope="module")
def large(kernel):
    """The id of a memory whose reading is an answer of some 110 kB."""
    content, is_error = kernel.client().call("memory_add", {"content": "word " * 10_900})
    assert not is_error, content
    return content["id"]


@pytest.mark.parametrize("reader", ["fast", "late", "slow", "half-closed"])
def test_pipelined_requests_with_more_than_a_mebibyte_of_answers_are_all_answered_in_order(kernel, large, reader):
    count = 30
    wire = Wire(kernel, None if reader == "fast" else 8192)
    text = b"".join(wire.post(call(i, "memory_read", {"ids": [large]})) for i in range(count))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        sent = pool.submit(wire.send, text)
        if reader == "late":
            time.sleep(1)
        if reader == "half-closed":
            sent.result(PATIENCE)
            wire.socket.shutdown(socket.SHUT_WR)
        total = 0
        for i in range(count):
            status, _, body = wire.answer(4096 if reader == "slow" else 65536)
            assert (status, json.loads(body)["id"]) == (200, i)
            total += len(body)
    assert total > 1 << 20
    wire.close()


def listen(kernel, receive_buffer=None):
    """A subscription to memory://stats: its connection, with the acknowledgement read."""
    wire = Wire(kernel, receive_buffer)
    wire.send(wire.post({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
                         "params": {"notifications": {"resourceSubscriptions": ["memory://stats"]}, "_meta": META}},
                        "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n"))
    while b"subscriptions/acknowledged" not in wire.input:
        assert wire.more()
    return wire


def test_a_subscriber_that_stalls_holds_up_nobody_and_finds_its_notifications_when_it_comes_back(kernel):
    stalled, reading = listen(kernel, 4096), listen(kernel)
    client = kernel.client()
    for i in range(3):
        before = reading.input.count(b"resources/updated")
        client.call("memory_add", {"content": f"a memory that is news, number {i}"})
        while reading.input.count(b"resources/updated") == before:
            assert reading.more()
    while stalled.input.count(b"resources/updated") < reading.input.count(b"resources/updated"):
        assert stalled.more(256)
    stalled.close()
    reading.close()


def test_a_hundred_subscribers_that_go_without_a_word_leave_nothing_behind(kernel):
    for wire in [listen(kernel) for _ in range(100)]:
        wire.close()
    survivor = listen(kernel)
    kernel.client().call("memory_add", {"content": "news for who is still here"})
    while b"resources/updated" not in survivor.input:
        assert survivor.more()
    survivor.close()


def test_a_thousand_connections_are_all_served_and_none_is_closed(kernel):
    wires = [Wire(kernel) for _ in range(1000)]
    for turn in range(2):
        for wire in wires:
            wire.send(wire.post(call(turn, "health_check", {})))
        for wire in wires:
            status, _, body = wire.answer()
            assert (status, json.loads(body)["id"]) == (200, turn)
    for wire in wires:
        wire.close()


def test_beyond_the_limit_the_newcomer_reads_which_setting_raises_it():
    with Kernel(flags=("--http", "127.0.0.1:0"), toml="[http]\nconnections_max = 10\n") as small:
        here = [Wire(small) for _ in range(10)]
        for wire in here:
            assert wire.ask(call(1, "health_check", {}))[0] == 200
        for _ in range(50):
            late = Wire(small)
            try:
                late.send(late.post(call(1, "health_check", {"x": "y" * 100_000})))
            except (BrokenPipeError, ConnectionResetError):
                pass
            status, headers, body = late.answer()
            assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
            error = json.loads(body)["error"]
            assert (error["limited"], error["limit"]) == ("connections", 10)
            assert "connections_max of [http] in resonant.toml" in error["message"]
            late.close()
        for wire in here:
            assert wire.ask(call(2, "health_check", {}))[0] == 200
            wire.close()


def test_without_descriptors_newcomers_are_refused_in_words_and_no_processor_is_burnt():
    with Kernel(flags=("--http", "127.0.0.1:0")) as kernel:
        used = len(os.listdir(f"/proc/{kernel.process.pid}/fd"))
        hard = resource.prlimit(kernel.process.pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(kernel.process.pid, resource.RLIMIT_NOFILE, (used + 20, hard))
        wires, refused = [], []
        port_of(kernel)
        for _ in range(40):
            wire = Wire(kernel)
            wire.socket.settimeout(0.5)
            wire.send(wire.post(call(1, "health_check", {})))
            try:
                status, _, body = wire.answer()
            except (TimeoutError, ConnectionResetError):
                wire.close()
                continue
            (wires if status == 200 else refused).append(wire)
            if status == 503:
                assert "descriptors" in json.loads(body)["error"]["message"]
                break
        assert wires, "some are served"
        spent = processor_s(kernel.process.pid)
        waiting = [Wire(kernel) for _ in range(5)]
        time.sleep(1)
        assert processor_s(kernel.process.pid) - spent < 0.7, "it looks at the listener and does nothing else"
        for wire in wires:
            wire.socket.settimeout(PATIENCE)
            assert wire.ask(call(2, "health_check", {}))[0] == 200, "who is there is served"
        for wire in wires + waiting + refused:
            wire.close()


def processor_s(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_page_of_a_named_origin_may_call_and_others_read_which_setting_lets_them():
    with Kernel(flags=("--http", "127.0.0.1:0"), toml='[http]\ncors_origins = ["https://app.example"]\n') as kernel:
        wire = Wire(kernel)
        preflight = "OPTIONS /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {}\r\nAccess-Control-Request-Method: POST\r\n" \
                    "Access-Control-Request-Headers: authorization,content-type\r\n\r\n"
        wire.send(preflight.format("https://app.example").encode())
        status, headers, _ = wire.answer()
        assert (status, headers["access-control-allow-origin"]) == (204, "https://app.example")
        wire.send(preflight.format("https://other.example").encode())
        status, headers, body = wire.answer()
        assert status == 403 and b"cors_origins of [http] in resonant.toml" in body
        assert "access-control-allow-origin" not in headers
        status, headers, _ = wire.ask(call(1, "health_check", {}), "Origin: https://app.example\r\n")
        assert (status, headers["access-control-allow-origin"]) == (200, "https://app.example")
        wire.close()


@pytest.mark.parametrize("origin", ["*", "https://app.example/", "app.example"])
def test_what_is_not_an_origin_is_refused_with_the_line_of_the_file(origin):
    with pytest.raises(AssertionError, match="resonant.toml:2: cors_origins: .* is not an origin"):
        Kernel(toml=f'[http]\ncors_origins = ["{origin}"]\n')


def test_a_browser_without_a_token_is_told_what_this_is_and_metrics_name_families(kernel):
    wire = Wire(kernel)
    wire.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\n\r\n")
    status, headers, body = wire.answer()
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert b"Model Context Protocol" in body and wire.token.encode() not in body and str(kernel.home).encode() not in body
    wire.ask(call(1, "health_check", {}))
    wire.send(f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {wire.token}\r\n\r\n".encode())
    status, _, body = wire.answer()
    assert status == 200 and re.search(rb'resonant_calls_total\{family="[a-z_]+"\} [1-9]', body), body
    wire.close()
