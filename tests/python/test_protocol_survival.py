"""`kill -9` of the kernel: the client keeps its server process, its version and its connection."""

import contextlib
import http.client
import json
import os
import queue
import signal
import subprocess
import threading
import time
import urllib.parse

import pytest

from wire import PATIENCE, PROGRAM, Client, Kernel


@pytest.fixture
def kernel():
    with Kernel() as one:
        yield one


def kill_kernel(kernel):
    """Kills whichever kernel runs on the home now."""
    pid = kernel.run("--json", "status")["pid"]
    os.kill(pid, signal.SIGKILL)
    if pid == kernel.process.pid:
        kernel.process.wait()
    return pid


def test_the_same_client_goes_on_with_the_next_kernel(kernel):
    client = kernel.client()
    stored, is_error = client.call("memory_add", {"content": "kept over a killing"})
    assert not is_error, stored
    first = kill_kernel(kernel)
    found, is_error = client.call("memory_search", {"query": "kept over a killing"})
    assert not is_error and "kept over a killing" in str(found)
    assert kernel.run("--json", "status")["pid"] != first
    assert client.process.poll() is None


def test_it_survives_being_killed_again_and_again(kernel):
    client = kernel.client()
    for round_number in range(4):
        kill_kernel(kernel)
        assert not client.call("health_check")[1], round_number


def test_a_call_that_was_running_is_answered_once_with_an_error(kernel):
    client = kernel.client()
    client.send({"jsonrpc": "2.0", "id": "running", "method": "tools/call",
                 "params": {"name": "board_watch",
                            "arguments": {"field": "error_rate", "above": 1e9, "timeout_s": 30}}})
    client.send({"jsonrpc": "2.0", "id": "after", "method": "ping"})
    assert client.receive()["id"] == "after", "the watch is still waiting"
    kill_kernel(kernel)
    answer = client.receive()
    assert answer["id"] == "running"
    assert answer["error"]["code"] == -32000
    assert "karma.trace" in answer["error"]["message"]
    assert client.ask("ping")["result"] == {}


def test_half_a_line_reaches_the_next_kernel_whole(kernel):
    client = kernel.client()
    line = b'{"jsonrpc":"2.0","id":"cut","method":"ping"}\n'
    client.process.stdin.write(line[:20])
    client.process.stdin.flush()
    assert kernel.run("--json", "status")["clients"] == 1  # the kernel has had time to read it
    kill_kernel(kernel)
    client.process.stdin.write(line[20:])
    client.process.stdin.flush()
    assert client.receive() == {"jsonrpc": "2.0", "id": "cut", "result": {}}


def test_every_pipelined_call_is_answered_exactly_once(kernel):
    client = kernel.client()
    for number in range(300):
        client.send({"jsonrpc": "2.0", "id": f"n{number}", "method": "tools/call",
                     "params": {"name": "health_check", "arguments": {}}})
        if number == 150:
            kill_kernel(kernel)
    answers = [client.receive()["id"] for _ in range(300)]
    assert sorted(answers) == sorted(f"n{number}" for number in range(300))


def test_after_down_the_next_word_starts_a_kernel(kernel):
    client = kernel.client()
    kernel.run("down")
    kernel.process.wait(PATIENCE)
    assert client.ask("ping")["result"] == {}


def test_the_last_answer_comes_before_the_end(kernel):
    client = kernel.client()
    client.send({"jsonrpc": "2.0", "id": "last", "method": "tools/call",
                 "params": {"name": "health_check", "arguments": {}}})
    client.process.stdin.close()
    assert client.receive()["id"] == "last"
    assert client.process.wait(PATIENCE) == 0


def test_a_file_can_be_the_input_and_the_output(kernel):
    questions = kernel.home / "questions"
    answers = kernel.home / "answers"
    questions.write_text("".join('{"jsonrpc":"2.0","id":%d,"method":"ping"}\n' % i for i in range(50)))
    with open(questions) as source, open(answers, "w") as target:
        done = subprocess.run([PROGRAM, "mcp", "--home", kernel.home], env=kernel.environment, stdin=source,
                              stdout=target, stderr=subprocess.PIPE, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert answers.read_text().count('"result"') == 50


def test_a_terminal_is_told_what_this_command_is(kernel):
    ours, theirs = os.openpty()
    done = subprocess.run([PROGRAM, "mcp", "--home", kernel.home], env=kernel.environment, stdin=theirs,
                          capture_output=True, timeout=PATIENCE)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 2
    assert b"resonant setup" in done.stderr


def test_a_client_alone_starts_its_kernel(kernel):
    kernel.run("down")
    kernel.process.wait(PATIENCE)
    client = Client(kernel.home, kernel.environment)
    kernel.clients.append(client)
    assert client.server["serverInfo"]["name"] == "resonant"


def watch_a_memory(ask, kernel):
    """Subscribes to a memory; gives back how it is changed, and its URI."""
    stored = kernel.call("memory.add", {"content": "the lamp is lit at six"})["id"]
    uri = f"memory://{stored}"
    assert ask("resources/subscribe", {"uri": uri})["result"] == {}
    assert ask("logging/setLevel", {"level": "error"})["result"] == {}
    number = iter(range(1000))
    return uri, lambda: kernel.call("memory.update", {"id": stored, "content": f"the lamp is lit at {next(number)}"})


def test_a_stdio_client_hears_from_the_next_kernel_of_what_it_watches(kernel):
    client = kernel.client()
    uri, change = watch_a_memory(client.ask, kernel)
    kill_kernel(kernel)
    assert client.ask("ping")["result"] == {}
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:  # the next kernel has begun to watch when it is asked to
        change()
        try:
            note = client.receive(patience=0.5)
        except queue.Empty:
            continue
        assert note["method"] == "notifications/resources/updated" and note["params"]["uri"] == uri, note
        return
    raise AssertionError("nothing was told")


class Session:
    """A legacy HTTP session, whichever kernel serves it."""

    def __init__(self, kernel):
        self.kernel, self.id = kernel, None
        begun = self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "s", "version": "1"}})
        assert "result" in begun, begun

    def open(self, method, body):
        place = urllib.parse.urlparse(self.kernel.run("--json", "status")["http"])
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE)
        connection.request(method, "/mcp", body, {
            "Authorization": f"Bearer {(self.kernel.home / 'token').read_text().strip()}", "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream", **({"Mcp-Session-Id": self.id} if self.id else {})})
        answer = connection.getresponse()
        self.id = answer.getheader("Mcp-Session-Id") or self.id
        return answer

    def ask(self, method, params=None):
        return json.loads(self.open("POST", json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}})).read())


def test_an_http_session_keeps_what_it_watches_over_a_killing_until_it_ends():
    with Kernel(flags=("--http", "127.0.0.1:0")) as kernel:
        session = Session(kernel)
        uri, change = watch_a_memory(session.ask, kernel)
        other = Session(kernel)
        assert other.ask("ping")["result"] == {}
        for _ in range(2):  # what one kernel took over it hands on
            kernel.kill()
            kernel.start()
            stream = session.open("GET", None)
            assert stream.status == 200
            told = queue.Queue()
            threading.Thread(target=lambda: [told.put(line) for line in stream if b"updated" in line], daemon=True).start()
            deadline, note = time.monotonic() + PATIENCE, None
            while note is None and time.monotonic() < deadline:
                change()
                with contextlib.suppress(queue.Empty):
                    note = told.get(timeout=0.5)
            assert json.loads(note.removeprefix(b"data: "))["params"]["uri"] == uri
        records = (kernel.home / "sessions").read_text()
        assert '"level":"error"' in records and session.id not in records
        assert session.open("DELETE", None).status == 204
        kernel.kill()
        kernel.start()
        assert uri not in (kernel.home / "sessions").read_text()


def test_a_task_that_was_lost_with_its_kernel_says_so_to_who_began_it(kernel):
    client = kernel.client()
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}}
    handle = client.ask("tools/call", {"_meta": meta, "name": "reasoner_next", "arguments": {"wait_s": 30}})["result"]
    assert handle["status"] == "working"
    kill_kernel(kernel)
    lost = client.ask("tasks/get", {"_meta": meta, "taskId": handle["taskId"]})["result"]
    assert lost["status"] == "failed" and lost["createdAt"] == handle["createdAt"]
    assert lost["resultType"] == "complete" and lost["lastUpdatedAt"] > lost["createdAt"]
    assert lost["error"]["code"] == -32603 and lost["lastUpdatedAt"] in lost["error"]["message"]
    assert client.ask("tasks/cancel", {"_meta": meta, "taskId": handle["taskId"]})["result"] == {"resultType": "complete"}
    assert client.ask("tasks/get", {"_meta": meta, "taskId": "0" * 32})["error"]["code"] == -32602
