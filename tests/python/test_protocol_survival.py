"""`kill -9` of the kernel: the client keeps its server process, its version and its connection."""

import os
import signal
import subprocess

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
    assert b"client-config" in done.stderr


def test_a_client_alone_starts_its_kernel(kernel):
    kernel.run("down")
    kernel.process.wait(PATIENCE)
    client = Client(kernel.home, kernel.environment)
    kernel.clients.append(client)
    assert client.server["serverInfo"]["name"] == "resonant"
