"""Bad input over both transports and both eras: answered as it must be, nothing twice, nobody harmed.

The cases are made by hostile.py and hostile_http.py from a seed that is printed; RESONANT_SEED replays one.
"""

import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import socket
import time
import urllib.parse

import pytest

import hostile
import hostile_http
from wire import PATIENCE, Client, Kernel

SEED = int(os.environ.get("RESONANT_SEED", "20261125"))
OVER_IDLE_MB_MAX = 64
ERRORS_IN_A_ROW = 20
EXACT_LEAST = 0.99  # the goal; what falls short is printed


class Judge:
    """Counts what was right, and says what was not."""

    def __init__(self, title):
        self.title, self.cases, self.wrong = title, 0, []

    def count(self, case, right, seen):
        self.cases += 1
        if not right:
            self.wrong.append(f"{case.name}: {case.data[:120]!r} wants {case.codes}, got {str(seen)[:200]}")

    def verdict(self):
        print(f"{self.title}: {self.cases - len(self.wrong)} of {self.cases} exact (seed {SEED})")
        assert not self.wrong, "\n".join(self.wrong[:40]) + f"\n{len(self.wrong)} of {self.cases} (seed {SEED})"


@pytest.fixture(autouse=True)
def peak_of_each(request, kernel):
    before = peak_mb(kernel)
    yield
    if peak_mb(kernel) > before + 1:
        print(f"peak memory {before:.1f} -> {peak_mb(kernel):.1f} MB in {request.node.name}")


@pytest.fixture(scope="module")
def kernel():
    with Kernel(flags=("--http", "127.0.0.1:0"), policy=POLICY) as one:
        one.client().call("health.check")
        before = peak_mb(one)
        yield one
        assert one.process.poll() is None, "the kernel died"
        print(f"peak memory over idle: {peak_mb(one) - before:.1f} MB")
        assert peak_mb(one) - before <= OVER_IDLE_MB_MAX


# A busy client is no subject here: limits are so wide that nobody meets them.
POLICY = """
version: 1
limits:
  agent_calls_per_minute: 10000000
  tools: {"*": 10000000}
"""


def peak_mb(kernel):
    with open(f"/proc/{kernel.process.pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024


def outcome(answer):
    return answer["error"]["code"] if "error" in answer else "result"


def id_fits(data, answer):
    """The id of a request that can be read comes back; else none, or one that stands in the text."""
    try:
        asked = hostile.read(data)[0]
    except (ValueError, RecursionError):
        return answer["id"] is None or str(answer["id"]).encode() in data
    if isinstance(asked, dict) and "id" in asked and hostile.id_is_good(asked["id"]) and "method" in asked:
        return answer["id"] == asked["id"]
    return answer["id"] is None or (isinstance(asked, dict) and answer["id"] == asked.get("id"))


def well_formed(answer):
    return answer.get("jsonrpc") == "2.0" and "id" in answer and ("result" in answer) != ("error" in answer)


def right(case, answers):
    if not answers:
        return "silent" in case.codes
    return (len(answers) == 1 and well_formed(answers[0]) and outcome(answers[0]) in case.codes
            and id_fits(case.data, answers[0]))


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_every_case_over_stdio(kernel, era):
    judge = Judge(f"stdio, {era}")
    client = kernel.client()
    for number, case in enumerate(hostile.bodies(era, SEED)):
        probe = f"probe-{number}"
        client.send_raw(case.data)
        client.send({"jsonrpc": "2.0", "id": probe, "method": "ping"})
        answers = []
        while (answer := client.receive()).get("id") != probe:
            answers.append(answer)
        judge.count(case, right(case, answers), answers)
    assert judge.cases > 1000
    judge.verdict()


def header_text(value):
    plain = all(32 < ord(sign) < 127 for sign in value) and value
    return value if plain else "=?base64?" + base64.b64encode(value.encode("utf-8", "replace")).decode() + "?="


def headers_for(era, data):
    """What a client of the modern era would send along with this body."""
    if era == "legacy":
        return {}
    headers = {"MCP-Protocol-Version": hostile.MODERN}
    try:
        value = hostile.read(data)[0]
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and isinstance(value.get("method"), str):
        headers["Mcp-Method"] = header_text(value["method"])
        params = value.get("params")
        name = params.get("uri" if value["method"] == "resources/read" else "name") if isinstance(params, dict) else None
        if isinstance(name, str):
            headers["Mcp-Name"] = header_text(name)
    return headers if sum(map(len, headers.values())) < 14_000 else None


STATUS = {"result": {200}, "silent": {202}, -32700: {400}, -32600: {400}}


def right_over_http(case, era, answer, body):
    try:
        message = json.loads(body) if body else None
    except ValueError:
        return False
    if message is None:
        return "silent" in case.codes and answer.status == 202
    code = outcome(message)
    statuses = STATUS.get(code) or ({404 if code == -32601 else 400} if era == "modern" else {200})
    return right(case, [message]) and answer.status in statuses


class Http:
    def __init__(self, kernel):
        self.place = urllib.parse.urlparse(kernel.run("--json", "status")["http"])
        self.token = (kernel.home / "token").read_text().strip()
        self.connection = http.client.HTTPConnection(self.place.hostname, self.place.port, timeout=60)

    def post(self, data, headers=None):
        self.connection.request("POST", "/mcp", data, {
            "Authorization": f"Bearer {self.token}", "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream", **(headers or {})})
        answer = self.connection.getresponse()
        return answer, answer.read()

    def ping(self):
        answer, body = self.post(hostile_http.PING)
        return answer.status == 200 and json.loads(body) == {"jsonrpc": "2.0", "id": 1, "result": {}}

    def raw(self, data, half_close=False):
        """The status of the first answer on a new connection; 0 when it was closed without one."""
        with socket.create_connection((self.place.hostname, self.place.port), timeout=30) as connection:
            try:
                connection.sendall(data)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # refused before the end: the answer may be there all the same
            head = b""
            while b"\r\n" not in head or head.startswith(b"HTTP/1.1 100"):
                head = head.partition(b"\r\n\r\n")[2] if head.startswith(b"HTTP/1.1 100") and b"\r\n\r\n" in head else head
                try:
                    more = connection.recv(65536)
                except OSError:
                    return 0
                if not more:
                    return 0
                head += more
            return int(head.split(b" ", 2)[1])


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_every_case_over_http(kernel, era):
    judge = Judge(f"HTTP, {era}")
    client = Http(kernel)
    for number, case in enumerate(hostile.bodies(era, SEED, http=True)):
        headers = headers_for(era, case.data)
        if headers is None:
            continue  # no header can carry that name
        answer, body = client.post(case.data, headers)
        judge.count(case, right_over_http(case, era, answer, body), (answer.status, body[:300]))
        if number % 10 == 0:
            assert client.ping()
    assert judge.cases > 1000
    judge.verdict()


def test_requests_no_client_should_send(kernel):
    judge = Judge("HTTP requests")
    client = Http(kernel)
    for name, data, statuses in hostile_http.requests(client.token.encode(), SEED):
        # Half-closed where a scrambled length waits for more than comes.
        status = client.raw(data, half_close=statuses is None)
        judge.count(hostile.Case(name, data, statuses), statuses is None or status in statuses, status)
        assert client.ping(), name
    assert judge.cases > 300
    judge.verdict()


def test_who_sends_only_garbage_hears_twenty_errors(kernel):
    client = kernel.client()
    for number in range(200):
        client.send_raw([b"garbage", b"{}", b"[]", b'{"jsonrpc":"2.0","id":null,"method":"ping"}', b"\xff\xfe"][number % 5])
    client.send({"jsonrpc": "2.0", "id": "end", "method": "ping"})
    errors = 0
    while client.receive().get("id") != "end":
        errors += 1
    assert errors == ERRORS_IN_A_ROW


def waiting(id, seconds):
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": "board_watch", "arguments": {"field": "error_rate", "above": 2, "timeout_s": seconds}}}


@pytest.mark.parametrize("sent, cancelled", [("7", "7"), ("7", "7.0"), ("7.0", "7.0"), ("7e0", "7"), ('"7"', '"7"')])
def test_an_id_may_be_spelt_otherwise_when_its_call_is_cancelled(kernel, sent, cancelled):
    client = kernel.client()
    client.send_raw(json.dumps(waiting("ID", 30)).replace('"ID"', sent).encode())
    client.send_raw(b'{"jsonrpc":"2.0","id":"other","method":"ping"}')
    assert client.receive()["id"] == "other"
    client.send_raw(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s}}' % cancelled.encode())
    deadline = time.monotonic() + PATIENCE
    while True:  # free again once the call has noticed, and never answered
        client.send_raw(b'{"jsonrpc":"2.0","id":%s,"method":"ping"}' % sent.encode())
        answer = client.receive()
        if "result" in answer:
            break
        assert "still being worked on" in answer["error"]["message"] and time.monotonic() < deadline
        time.sleep(0.02)
    assert answer["result"] == {}


def test_an_id_of_another_kind_cancels_nothing(kernel):
    client = kernel.client()
    client.send(waiting(8, 0.5))
    for other in ['"8"', "8.5", "[8]", '{"id":8}', "null", "true", "1e300", "-8"]:
        client.send_raw(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s}}' % other.encode())
    answer = client.receive()
    assert answer["id"] == 8 and answer["result"]["structuredContent"]["timed_out"]


def test_a_subscription_is_cancelled_by_its_id_in_any_spelling_and_one_that_no_note_can_carry_is_refused(kernel):
    client = kernel.client()
    listen = b'{"jsonrpc":"2.0","id":%s,"method":"subscriptions/listen","params":{"_meta":%s,"notifications":{}}}'
    meta = json.dumps(hostile.META).encode()
    for _ in range(2):
        client.send_raw(listen % (b"2.0", meta))
        assert client.receive()["method"] == "notifications/subscriptions/acknowledged"
        client.send_raw(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2.0}}')
    client.send_raw(listen % (b"99999999999999999999999", meta))
    answer = client.receive()
    assert answer["id"] == 99999999999999999999999 and answer["error"]["code"] == -32600


def test_batches_of_every_sort_are_answered_once_each(kernel):
    client = kernel.client()
    client.ask("initialize", {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "b", "version": "1"}})
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    note = {"jsonrpc": "2.0", "method": "notifications/x"}
    begin = {"jsonrpc": "2.0", "id": 3, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}}}

    def answers(batch):
        client.send(batch)
        return [(one.get("id"), one["error"]["code"] if "error" in one else "result") for one in client.receive()]

    assert answers([ping, note, {**ping, "id": 2, "method": "no"}, 7, {"jsonrpc": "2.0", "id": 9, "result": {}}, ping]) == [
        (1, "result"), (2, -32601), (None, -32600), (1, "result")]
    assert answers([begin, ping]) == [(3, -32600), (1, "result")]
    assert answers([[ping]]) == [(None, -32600)]
    assert sorted(answers([waiting(5, 0.3), {**ping, "id": 5}, ping]), key=str) == [(1, "result"), (5, "result"), (5, -32600)]
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 21}}
    assert answers([waiting(21, 30), cancel, ping]) == [(1, "result")]
    for silent in [[note, note], [{"jsonrpc": "2.0", "id": 9, "result": {}}], [waiting(21, 30), cancel]]:
        client.send(silent)
    for wrong in [[], [ping] * 300]:
        client.send(wrong)
        answer = client.receive()
        assert answer["id"] is None and answer["error"]["code"] == -32600
    assert client.ask("ping")["result"] == {}


def test_overlong_lines_are_answered_and_skipped(kernel):
    client = kernel.client()
    filler = b"x" * (12 << 20)
    for data, id in [(b'{"jsonrpc":"2.0","id":"front","method":"ping","params":{"x":"' + filler + b'"}}', "front"),
                     (b'{"jsonrpc":"2.0","method":"ping","params":{"x":"' + filler + b'"},"id":7}', 7), (filler, None)]:
        client.send_raw(data)
        answer = client.receive()
        assert answer["id"] == id
        assert answer["error"]["code"] == (-32700 if id is None else -32600)
    client.send_raw(b'{"jsonrpc":"2.0","id":1,"result":"' + filler + b'"}')
    client.send_raw(b'{"jsonrpc":"2.0","method":"notifications/x","params":"' + filler + b'"}')
    assert client.ask("ping")["result"] == {}


def test_messages_dense_with_values_are_refused_before_they_cost_memory(kernel):
    client = kernel.client()
    for item in [b"1,", b"[],", b"{},", b'"",', b'{"a":[]},']:
        many = (item * (4_000_000 // len(item)))[:-1]
        client.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":[' + many + b"]}}")
        answer = client.receive()
        assert answer["id"] == 1
        assert answer["error"]["code"] == -32600
        few = (item * 70_000)[:-1]
        client.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":[' + few + b"]}}")
        assert "result" in client.receive()


def test_a_crowd_of_slow_and_broken_connections_keeps_nobody_waiting(kernel):
    client = Http(kernel)
    place = (client.place.hostname, client.place.port)
    head = bytes(hostile_http.Request(client.token.encode(), body=b"", headers={b"Content-Length": b"4000000"}))
    crowd = []
    for number in range(400):
        connection = socket.create_connection(place)
        crowd.append(connection)
        try:
            connection.sendall([head[:40], head + b"[" * 50_000, b"", head[:-2]][number % 4])
        except OSError:
            pass  # it had to make room
    asked = Http(kernel)
    slowest = 0
    for _ in range(50):
        began = time.monotonic()
        assert asked.ping()
        slowest = max(slowest, time.monotonic() - began)
    print(f"slowest probe beside 400 slow connections: {slowest * 1000:.1f} ms")
    for connection in crowd:
        connection.close()
    assert asked.ping()


def test_large_bodies_wait_for_room_and_all_are_answered_small_ones_do_not_wait(kernel):
    client = Http(kernel)
    place = (client.place.hostname, client.place.port)
    head = bytes(hostile_http.Request(client.token.encode(), body=b"", headers={b"Content-Length": b"4000000"}))
    crowd = []
    for _ in range(40):
        connection = socket.create_connection(place)
        crowd.append(connection)
        connection.settimeout(0.02)
        with contextlib.suppress(OSError):  # who waits is not read from
            connection.sendall(head + b" " * 3_500_000)
    assert client.ping()
    for connection in crowd:
        connection.close()
    large = bytes(hostile_http.Request(client.token.encode(), body=hostile_http.PING + b" " * 3_900_000))

    def send():
        with socket.create_connection(place, timeout=PATIENCE) as connection:
            connection.sendall(large)
            return connection.recv(1000)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [one.result() for one in [pool.submit(send) for _ in range(8)]]
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers), answers


def test_pipelined_requests_are_answered_in_order_and_a_half_closed_client_is_served(kernel):
    client = Http(kernel)
    token = client.token.encode()
    bodies = [json.dumps({"jsonrpc": "2.0", "id": number, "method": "ping"}).encode() for number in range(50)]
    with socket.create_connection((client.place.hostname, client.place.port), timeout=30) as connection:
        connection.sendall(b"".join(bytes(hostile_http.Request(token, body=body)) for body in bodies))
        connection.shutdown(socket.SHUT_WR)
        text = b""
        while more := connection.recv(65536):
            text += more
    assert [json.loads(part.partition(b"\r\n\r\n")[2])["id"] for part in text.split(b"HTTP/1.1 200 OK\r\n")[1:]] == list(range(50))


def test_who_expects_100_continue_is_told_to_go_on(kernel):
    client = Http(kernel)
    with socket.create_connection((client.place.hostname, client.place.port), timeout=30) as connection:
        connection.sendall(bytes(hostile_http.Request(client.token.encode(), body=b"", headers={
            b"Content-Length": b"%d" % len(hostile_http.PING), b"Expect": b"100-continue"})))
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(hostile_http.PING)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
