"""What was reported of other servers, SDKs and gateways for this protocol, tried here: each test names the report.

Those of memory products are in test_public_reports_memory.py.
"""

import http.client
import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest

from wire import PATIENCE, PROGRAM, Client, Kernel

SERVER = pathlib.Path(__file__).with_name("reported_server.py")
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "reported", "version": "1"}}


@pytest.fixture(scope="module")
def kernel():
    os.environ["SSL_CERT_FILE"], os.environ["HTTPS_PROXY"] = "/etc/ssl/certs/own.pem", "http://proxy.example:3128"
    os.environ["OPENAI_API_KEY"] = "not for others"
    try:
        with Kernel(flags=("--http", "127.0.0.1:0")) as made:
            for how in ("well", "pages"):
                added = add(made, how, how)
                assert added.get("tools"), added
            yield made
    finally:
        for name in ("SSL_CERT_FILE", "HTTPS_PROXY", "OPENAI_API_KEY"):
            del os.environ[name]


def add(kernel, name, how):
    return kernel.call("server.add", {"name": name, "command": [sys.executable, "-S", "-E", str(SERVER), how]}, owner=True)


@pytest.fixture(scope="module")
def client(kernel):
    return kernel.client()


def silent(kernel):
    """A client that has said nothing yet."""
    made = Client(kernel.home, kernel.environment, initialize=False)
    kernel.clients.append(made)
    return made


def words(result):
    return result["content"][0]["text"]


# Servers and their transports.

def test_a_byte_order_mark_or_a_broken_line_does_not_end_the_connection(kernel):
    """modelcontextprotocol/rust-sdk#825: either closed the stream with exit code 0; initialize was never answered."""
    client = silent(kernel)
    client.send_raw(b"not json")
    assert client.receive()["error"]["code"] == -32700
    client.send_raw(b"\xef\xbb\xbf" + json.dumps({"jsonrpc": "2.0", "id": "marked", "method": "ping"}).encode())
    marked = client.receive()
    assert marked.get("id") == "marked" or marked["error"]["code"] == -32700, marked
    assert client.ask("initialize", HELLO)["result"]["serverInfo"]


def test_a_request_whose_params_are_nested_deep_is_answered(client):
    """modelcontextprotocol/csharp-sdk#1614: from depth 64 on the request stayed pending for ever."""
    for depth in (63, 64, 65, 200, 100_000):
        client.send_raw(b'{"jsonrpc":"2.0","id":"deep","method":"ping","params":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}")
        answer = client.receive()
        assert answer.get("id") in ("deep", None) and ("result" in answer or "error" in answer), answer
    assert client.ask("ping")["result"] == {}


def test_a_cancelled_request_is_not_answered(client):
    """modelcontextprotocol/python-sdk#2480, modelcontextprotocol/go-sdk#1259: a response came all the same."""
    client.send({"jsonrpc": "2.0", "id": "gone", "method": "tools/call",
                 "params": {"name": "well__slow", "arguments": {"seconds": 0.5}}})
    client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "gone", "reason": "changed my mind"}})
    client.send({"jsonrpc": "2.0", "id": "later", "method": "tools/call",
                 "params": {"name": "well__slow", "arguments": {"seconds": 1}}})
    assert client.receive()["id"] == "later", "the cancelled one would have come before"


def test_an_id_comes_back_as_it_was_sent(client):
    """modelcontextprotocol/python-sdk#1025: "1" came back as 1, and the client waited for its own."""
    for number in ("1", 1, 0, -1, "0", "", "01", 2**53, "ü\u2028"):
        client.send({"jsonrpc": "2.0", "id": number, "method": "ping"})
        answer = client.receive()
        assert answer["id"] == number and type(answer["id"]) is type(number), answer


def test_the_process_ends_with_its_stdin(kernel):
    """modelcontextprotocol/typescript-sdk#2002: 37 orphans after one day of closed windows."""
    client = silent(kernel)
    client.ask("initialize", HELLO)
    client.process.stdin.close()
    assert client.process.wait(PATIENCE) == 0
    alone = subprocess.run([PROGRAM, "mcp", "--home", kernel.home], env=kernel.environment, stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=PATIENCE)
    assert alone.returncode == 0 and alone.stdout == b""


def test_a_parent_that_is_killed_leaves_no_process_behind(kernel):
    """codefuturist/email-mcp#60, QuantGeekDev/mcp-framework#181: reparented to init, spinning."""
    script = (f"import subprocess, sys, time; p = subprocess.Popen([{str(PROGRAM)!r}, 'mcp', '--home', {str(kernel.home)!r}],"
              " stdin=subprocess.PIPE, stdout=subprocess.PIPE); print(p.pid, flush=True); time.sleep(600)")
    parent = subprocess.Popen([sys.executable, "-S", "-c", script], stdout=subprocess.PIPE, text=True, env=kernel.environment)
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until(lambda: not alive(child))


def alive(pid):
    try:
        return "\nState:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def until(look):
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_what_is_no_request_ends_no_session(client):
    """paiml/paiml-mcp-agent-toolkit#648: an unknown method, params null, a call without a name or a batch ended it, exit 0."""
    for body, codes in ((b'{"jsonrpc":"2.0","id":2,"method":"no/such/method","params":{}}', {-32601}),
                        (b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":null}', {-32602, -32600}),
                        (b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"arguments":{}}}', {-32602}),
                        (b'[{"jsonrpc":"2.0","id":2,"method":"ping"}]', {-32600})):
        client.send_raw(body)
        assert client.receive()["error"]["code"] in codes, body
    assert client.ask("ping")["result"] == {}


def test_a_version_that_nobody_knows_is_answered_with_one_that_is(kernel):
    """klapaudius/symfony-mcp-server#38 echoed any version; gtapps/claude-code-hermit#912 answered with an error."""
    for version in ("2099-01-01", "2025-12-01", "1.0"):
        given = silent(kernel).ask("initialize", {**HELLO, "protocolVersion": version})
        assert given["result"]["protocolVersion"] in ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"), given


def test_a_stderr_that_nobody_reads_stops_nothing(kernel):
    """sbknana/equipa#32: arguments were logged to stderr; past the pipe's 64 KiB the server wrote no answer any more."""
    environment = dict(kernel.environment, RESONANT_LOG="trace")
    client = Client(kernel.home, environment, initialize=False)  # its stderr is a pipe that is not read
    kernel.clients.append(client)
    client.ask("initialize", HELLO)
    for _ in range(4):
        answer = client.ask("tools/call", {"name": "memory_search", "arguments": {"query": "heron " * 8_000}})
        assert "result" in answer or "error" in answer


def test_many_progress_notes_and_a_large_answer_come_whole(client):
    """modelcontextprotocol/python-sdk#1141: progress beside an answer larger than a pipe, and the answer never came."""
    lines = "\n".join(json.dumps({"content": f"progress {n} " + "x" * 300}) for n in range(1_000))
    client.send({"jsonrpc": "2.0", "id": "load", "method": "tools/call",
                 "params": {"name": "memory_import", "arguments": {"format": "jsonl", "data": lines, "validate_only": True},
                            "_meta": {"progressToken": "p"}}})
    client.send({"jsonrpc": "2.0", "id": "list", "method": "tools/call",
                 "params": {"name": "memory_export", "arguments": {"format": "jsonl", "limit": 200}}})
    answers, notes = {}, 0
    while len(answers) < 2:
        message = client.receive()
        if "id" in message:
            answers[message["id"]] = message
        else:
            notes += message["method"] == "notifications/progress"
    assert notes >= 2 and answers["load"]["result"]["structuredContent"]["records"] == 1_000


def test_the_text_of_an_answer_says_all_that_its_structure_says(client):
    """anthropics/claude-code#86032, agno-agi/agno#9764: clients show the model one of the two only, for errors the text."""
    for tool, arguments in (("memory_read", {"ids": ["m999999"]}), ("memory_erase", {"id": "m1", "reason": "x"}),
                            ("memory_add", {}), ("galaxy_list", {})):
        result = client.result(tool, arguments)
        assert json.loads(words(result)) == result["structuredContent"], tool


class Web:
    """Plain requests to the kernel's HTTP address."""

    def __init__(self, kernel):
        self.place = urllib.parse.urlparse(kernel.run("--json", "status")["http"])
        self.token = (kernel.home / "token").read_text().strip()

    def send(self, method, body=None, **headers):
        """(status, headers, body); a header given as None is left out."""
        connection = http.client.HTTPConnection(self.place.hostname, self.place.port, timeout=PATIENCE)
        given = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json",
                 "Accept": "application/json, text/event-stream",
                 **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request(method, "/mcp", body and json.dumps(body),
                           {name: value for name, value in given.items() if value is not None})
        answer = connection.getresponse()
        if method == "GET" and answer.status == 200:
            return answer.status, answer.headers, connection
        body = answer.read()
        connection.close()
        return answer.status, answer.headers, body

    def session(self):
        status, headers, _ = self.send("POST", {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO})
        assert status == 200
        return headers["Mcp-Session-Id"]


@pytest.fixture(scope="module")
def web(kernel):
    return Web(kernel)


PING = {"jsonrpc": "2.0", "id": "p", "method": "ping"}


def test_a_content_type_may_name_its_charset(web):
    """modelcontextprotocol/go-sdk#890: "application/json;charset=utf-8" was not accepted."""
    for kind in ("application/json;charset=utf-8", 'application/json; charset="UTF-8"', "Application/JSON ; Charset=UTF-8"):
        assert web.send("POST", PING, Content_Type=kind)[0] == 200, kind


def test_what_real_clients_accept_is_enough(web):
    """honojs/middleware#1799, arabold/docs-mcp-server#349: 406 for "*/*", "application/json" alone, or no Accept at all."""
    for accept in ("*/*", "application/json", "application/*", None, "text/event-stream, application/json",
                   "application/json;q=0.9, */*;q=0.1"):
        status, _, body = web.send("POST", PING, Accept=accept)
        assert status == 200 and b'"result"' in body, (accept, status, body)


def test_a_session_ends_when_the_client_says_so(web):
    """supabase/mcp#400, mrexodia/ida-pro-mcp#517: DELETE was answered 404 and 501; clients report an error at the end."""
    session = web.session()
    assert web.send("POST", PING, Mcp_Session_Id=session)[0] == 200
    assert web.send("DELETE", Mcp_Session_Id=session)[0] in (200, 204)
    assert web.send("POST", PING, Mcp_Session_Id=session)[0] == 404
    assert web.send("DELETE", Mcp_Session_Id=session)[0] == 404


def test_a_stream_that_broke_can_be_opened_again(web):
    """modelcontextprotocol/csharp-sdk#1239, supercorp-ai/supergateway#126: the second GET of a session got 400 or 409 for ever."""
    session = web.session()
    streams = []
    for _ in range(4):  # the earlier ones are left as a proxy leaves them: open, and nobody there
        status, headers, stream = web.send("GET", Accept="text/event-stream", Mcp_Session_Id=session)
        assert status == 200 and headers["Content-Type"].startswith("text/event-stream")
        streams.append(stream)
    assert web.send("POST", PING, Mcp_Session_Id=session)[0] == 200
    for stream in streams:
        stream.close()


# Other servers behind this one.

def test_every_page_of_a_servers_list_is_read(kernel, client):
    """sparfenyuk/mcp-proxy#233: the cursor was dropped; what stood on the second page could not be seen."""
    assert kernel.call("server.list", {"name": "pages"})["tools"] == 5
    assert json.loads(words(client.result("pages__tool_4", {"x": 1})))["arguments"] == {"x": 1}


def test_a_list_that_goes_in_circles_is_left_and_each_tool_is_there_once(kernel):
    """DeusData/codebase-memory-mcp#1247: the last page named itself as the next one; clients read it 20 times and more."""
    added = add(kernel, "circles", "circles")
    assert added.get("tools") == 5, added
    facts = kernel.call("server.list", {"name": "circles"})
    assert "goes on after" in json.dumps(facts), facts


def test_a_server_that_fails_to_start_takes_no_other_along(kernel, client):
    """agentgateway/agentgateway#962, NousResearch/hermes-agent#50394: one failing server, and all tools were gone."""
    assert "tools" not in add(kernel, "absent", "absent")
    kernel.call("breaker.reset", {"tool": "server.add"}, owner=True)
    assert json.loads(words(client.result("well__echo", {"a": 1})))["arguments"] == {"a": 1}
    assert any(one["name"].startswith("gana_") for one in client.ask("tools/list")["result"]["tools"])


def test_a_servers_stderr_is_read_while_it_works(client):
    """mark3labs/mcp-go#956, tbxark/mcp-proxy#80: past 64 KiB the server stood in write() and answered nobody any more."""
    for _ in range(2):
        assert "bytes" in words(client.result("well__chatty"))


def test_noise_on_a_servers_stdout_is_not_answered(kernel, client):
    """modelcontextprotocol/rust-sdk#938: each line of noise got a parse error back, which made more noise: a storm."""
    before = kernel.call("server.list", {"name": "well"})["stdout_noise"]["lines"] if "stdout_noise" in kernel.call(
        "server.list", {"name": "well"}) else 0
    assert "bytes" in words(client.result("well__noisy"))
    time.sleep(0.2)
    noise = kernel.call("server.list", {"name": "well"})["stdout_noise"]
    assert "INFO  heard" not in json.dumps(noise), noise
    assert noise["lines"] - before <= 5, noise


def test_large_arguments_reach_a_server(client):
    """ggml-org/llama.cpp#28723: a request of more than 5 KB, and the server was never reached again."""
    for count in (5_000, 70_000, 900_000):
        assert json.loads(words(client.result("well__echo", {"text": "x" * count})))["bytes"] == count


def test_an_error_needs_no_structured_content(client):
    """IBM/mcp-context-forge#4204: a tool's own error was replaced by one of its output schema."""
    result = client.result("well__broken_promise")
    assert result["isError"] and words(result) == "more than 200 points are not allowed", result


def test_an_output_schema_is_not_lost_on_the_way(client):
    """IBM/mcp-context-forge#1258: outputSchema was stripped, and structured content with it."""
    shown = client.call("tool_schema", {"tools": ["well__typed"]})[0]
    assert "points" in json.dumps(shown), shown
    assert client.result("well__typed")["structuredContent"] == {"points": 7}


def test_references_in_a_schema_still_lead_somewhere(client):
    """sigbit/mcp-auth-proxy#178: definitions became $defs, and #/definitions/Item led nowhere."""
    content, is_error = client.call("well__referring", {"item": "c"})
    assert is_error and "schema" in content, content
    schema = content["schema"]
    for name in schema["properties"]["item"]["$ref"].removeprefix("#/").split("/"):
        schema = schema[name]
    assert schema["enum"] == ["a", "b"]
    assert not client.call("well__referring", {"item": "a"})[1]


def test_an_image_beside_structured_content_is_kept(client):
    """anthropics/claude-code#54737: the blocks were dropped as soon as there was structured content."""
    result = client.result("well__picture")
    assert [block["type"] for block in result["content"]] == ["text", "image"] and result["structuredContent"] == {"width": 3}


def test_line_separators_of_unicode_end_no_message(client):
    """traycerai/traycer#2014: readers of lines that also end them at U+2028 cut messages apart."""
    assert words(client.result("well__separators")) == "one\u2028two\u2029three\u0085four"
    told = client.result("well__echo", {"note": "one\u2028two"})
    assert json.loads(words(told))["arguments"] == {"note": "one\u2028two"}


def test_a_server_gets_the_proxy_and_certificates_of_its_surroundings(client):
    """metatool-ai/metamcp#208, docker/mcp-gateway#578: only PATH and HOME went on; behind a company's proxy nothing worked."""
    environment = json.loads(words(client.result("well__environment")))
    assert environment.get("SSL_CERT_FILE") == "/etc/ssl/certs/own.pem"
    assert environment.get("HTTPS_PROXY") == "http://proxy.example:3128"
    assert "OPENAI_API_KEY" not in environment, "but no secret of others"


class Remote:
    """A server over HTTP whose sessions can be forgotten, and whose streams end their lines in a chosen way."""

    def __init__(self):
        self.sessions, self.calls, self.how = [], 0, "json"
        remote = self

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def give(self, status, body, kind="application/json", **headers):
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.give(405, b"")

            do_DELETE = do_GET

            def do_POST(self):
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                method = message["method"]
                if method == "initialize":
                    remote.sessions.append(f"s{len(remote.sessions)}")
                elif method != "server/discover" and self.headers.get("Mcp-Session-Id") != remote.sessions[-1]:
                    status, error = remote.forgotten
                    self.give(status, json.dumps({"jsonrpc": "2.0", "id": "server-error", "error": error}).encode())
                    return
                if "id" not in message:
                    self.give(202, b"")
                    return
                remote.calls += method == "tools/call"
                done = {"initialize": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                                       "serverInfo": {"name": "remote", "version": "1"}},
                        "tools/list": {"tools": [{"name": "count", "inputSchema": {"type": "object"}}]},
                        "tools/call": {"content": [{"type": "text", "text": f"call {remote.calls} a\u2028b"}]}}.get(method)
                reply = {"jsonrpc": "2.0", "id": message["id"]}
                reply.update({"result": done} if done else {"error": {"code": -32601, "message": "no"}})
                body = json.dumps(reply, ensure_ascii=False).encode()
                if remote.how != "json" and method == "tools/call":
                    end = {"crlf": b"\r\n", "cr": b"\r", "lf": b"\n"}[remote.how]
                    body = end.join([b": keep-alive", b"event: message", b"id: 1", b"data: " + body, b"", b""])
                    self.give(200, body, "text/event-stream")
                    return
                self.give(200, body, Mcp_Session_Id=remote.sessions[-1] if remote.sessions else "none")

        self.forgotten = 404, {"code": -32001, "message": "Session not found"}
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def restart(self, status, code):
        self.forgotten = status, {"code": code, "message": "Session not found"}
        self.sessions.append("another")


@pytest.fixture
def remote(kernel):
    made = Remote()
    made.tool = f"remote{made.server.server_port}__count"
    added = kernel.call("server.add", {"name": made.tool.removesuffix("__count"),
                                       "url": f"http://127.0.0.1:{made.server.server_port}/mcp"}, owner=True)
    assert added.get("tools") == 1, added
    yield made
    made.server.shutdown()


@pytest.mark.parametrize("status, code", [(404, -32001), (400, -32600), (400, -32000), (404, -32600)])
def test_a_session_that_a_server_forgot_is_begun_anew(remote, client, status, code):
    """samanhappy/mcphub#742 (400, -32600), punkpeye/mcp-remote#106 (404): lost until the gateway was restarted."""
    before = remote.calls
    remote.restart(status, code)
    assert words(client.result(remote.tool)).startswith(f"call {before + 1} "), "and the call is made once"


@pytest.mark.parametrize("end", ["crlf", "cr", "lf"])
def test_a_stream_of_events_may_end_its_lines_in_every_way(remote, client, end):
    """envoyproxy/ai-gateway#1398: \\r\\n was not known; durable-streams/durable-streams#118: U+2028 was taken for an end."""
    remote.how = end
    assert words(client.result(remote.tool)).endswith(" a\u2028b")
    remote.how = "json"
