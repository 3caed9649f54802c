"""Requests written at once, and readers that are fast, slow, stalled, half-closed or gone: every answer comes, once."""

import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import threading
import time

import pytest

from wire import PATIENCE, PROGRAM, Kernel

LONG = os.environ.get("RESONANT_LONG") == "1"
BIG = 55_000


@pytest.fixture(scope="module")
def kernel():
    with Kernel() as running:
        added = running.call("memory.add", {"content": "word " * (BIG // 5)})
        running.memory = added["id"]
        yield running


class Raw:
    """A client whose bytes the test writes and reads itself, over pipes or one socket."""

    def __init__(self, kernel, ends):
        if ends == "pipes":
            theirs_in, self.writer = os.pipe()
            self.reader, theirs_out = os.pipe()
        else:
            self.socket, theirs = socket.socketpair()
            self.reader = self.writer = self.socket.fileno()
            theirs_in = theirs_out = theirs.detach()
        self.process = subprocess.Popen([PROGRAM, "mcp", "--home", kernel.home], env=kernel.environment, stdin=theirs_in,
                                        stdout=theirs_out, stderr=subprocess.PIPE)
        for end in {theirs_in, theirs_out}:
            os.close(end)
        self.ends = ends
        self.rest = b""
        self.send([{"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}},
            {"jsonrpc": "2.0", "method": "notifications/initialized"}])
        assert self.answers(1, 65536)[0]["id"] == "hello"

    def send(self, messages):
        data = memoryview("".join(json.dumps(message) + "\n" for message in messages).encode())
        while data:
            data = data[os.write(self.writer, data):]

    def half_close(self):
        if self.ends == "pipes":
            os.close(self.writer)
            self.writer = None
        else:
            self.socket.shutdown(socket.SHUT_WR)

    def read(self, size):
        ready, _, _ = select.select([self.reader], [], [], PATIENCE)
        assert ready, "silence"
        return os.read(self.reader, size)

    def answers(self, count, step, pause=0.0, slow_bytes=0):
        """So many answers, read `step` bytes at a time; with a pause between reads of the first `slow_bytes`."""
        found, bytes_read = [], 0
        while len(found) < count:
            slow = bytes_read < slow_bytes
            data = self.read(step if slow or not slow_bytes else 1 << 20)
            assert data, f"the end after {len(found)} of {count}"
            bytes_read += len(data)
            *lines, self.rest = (self.rest + data).split(b"\n")
            assert all(lines), "an empty line"
            found += [json.loads(line) for line in lines]
            if slow:
                time.sleep(pause)
        return found

    def close(self):
        if self.ends == "pipes":
            if self.writer is not None:
                os.close(self.writer)
            os.close(self.reader)
        else:
            self.socket.close()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.stderr.close()


@pytest.fixture(params=["pipes", "socket"])
def raw(request, kernel):
    client = Raw(kernel, request.param)
    yield client
    client.close()


def reads(kernel, count):
    return [{"jsonrpc": "2.0", "id": number, "method": "tools/call",
             "params": {"name": "memory.read", "arguments": {"id": kernel.memory}}} for number in range(count)]


def lists(count):
    return [{"jsonrpc": "2.0", "id": number, "method": "tools/list"} for number in range(count)]


def ids_of(answers):
    assert all("result" in answer for answer in answers), [one for one in answers if "result" not in one][:2]
    return sorted(answer["id"] for answer in answers)


def test_sixteen_long_answers_asked_for_at_once_all_come(kernel, raw):
    raw.send(reads(kernel, 16))
    assert ids_of(raw.answers(16, 65536)) == list(range(16))


def test_three_hundred_lists_asked_for_at_once_all_come_in_order(raw):
    writer = threading.Thread(target=raw.send, args=(lists(300),))
    writer.start()
    answers = raw.answers(300, 65536)
    writer.join()
    assert [answer["id"] for answer in answers] == list(range(300))


def wait_until_it_stands(raw):
    """Until the answers that nobody reads have filled the client's end, and no byte more comes."""
    before, still = -1, 0
    while still < 5:
        now = struct.unpack("i", fcntl.ioctl(raw.reader, 0x541B, b"\0\0\0\0"))[0]  # FIONREAD
        still = still + 1 if now == before and now > 0 else 0
        before = now
        time.sleep(0.02)


@pytest.mark.parametrize("reader", ["stalls", "trickles", "comes back and stalls again"])
def test_a_reader_that_is_slow_gets_every_answer_once(kernel, raw, reader):
    count = 300
    writer = threading.Thread(target=raw.send, args=(lists(count),))
    writer.start()
    wait_until_it_stands(raw)
    if reader == "stalls":
        time.sleep(60 if LONG else 0.3)
        answers = raw.answers(count, 65536)
    elif reader == "trickles":
        answers = raw.answers(count, 700, pause=0.0005, slow_bytes=300_000)
    else:
        answers = raw.answers(count // 3, 65536)
        wait_until_it_stands(raw)
        time.sleep(60 if LONG else 0.3)
        answers += raw.answers(count - len(answers), 65536)
    writer.join()
    assert ids_of(answers) == list(range(count))
    raw.send([{"jsonrpc": "2.0", "id": "still there", "method": "ping"}])
    assert raw.answers(1, 65536)[0]["id"] == "still there"


def test_who_says_his_last_word_gets_every_answer_and_then_the_end(kernel, raw):
    writer = threading.Thread(target=lambda: (raw.send(lists(200)), raw.half_close()))
    writer.start()
    wait_until_it_stands(raw)
    answers = raw.answers(200, 65536)
    writer.join()
    assert ids_of(answers) == list(range(200))
    assert raw.read(1) == b"", "and then the end"
    assert raw.process.wait(PATIENCE) == 0


def test_who_goes_in_the_middle_leaves_the_kernel_to_the_others(kernel):
    for ends in ("pipes", "socket"):
        for _ in range(3):
            client = Raw(kernel, ends)
            client.send(lists(100) if ends == "pipes" else reads(kernel, 30))
            client.close()
    other = Raw(kernel, "pipes")
    other.send(lists(3))
    assert ids_of(other.answers(3, 65536)) == [0, 1, 2]
    other.close()


def test_the_kernels_socket_answers_whatever_the_reader_does(kernel):
    for half_closed in (False, True):
        link = socket.socket(socket.AF_UNIX)
        link.connect(str(kernel.home / "kernel.sock"))
        count = 2_000
        writer = threading.Thread(target=lambda: (link.sendall(b'{"op":"status"}\n' * count),
                                                  link.shutdown(socket.SHUT_WR) if half_closed else None))
        writer.start()
        time.sleep(0.3)  # it does not read; the socket fills
        heard = b""
        while heard.count(b"\n") < count:
            data = link.recv(4096 if len(heard) < 100_000 else 1 << 20)
            assert data, f"the end after {heard.count(bytes([10]))} answers"
            heard += data
        writer.join()
        assert all(json.loads(line)["ok"] for line in heard.splitlines())
        if half_closed:
            assert link.recv(1) == b""
        link.close()
