"""Thousands of clients on standard streams, and what is said when there is no more room.

Most clients are socket pairs that this process hands over itself, as `resonant mcp` does: a process each would need
3 MB each.
"""

import fcntl
import json
import os
import pathlib
import resource
import socket
import struct
import subprocess
import time

import pytest

from wire import PATIENCE, PROGRAM, Kernel

JOURNAL_BYTES = 8192 + 256 * 256 + 2 * (4 << 20) + 2 * (64 << 10)  # docs/formats/wire.md
F_ADD_SEALS, SEALS = 1033, 0x0001 | 0x0002 | 0x0004  # seal, shrink, grow
HELLO = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
    "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "many", "version": "1"}}}).encode() + b"\n"


def new_journal():
    memory = os.memfd_create("journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(memory, JOURNAL_BYTES)
    fcntl.fcntl(memory, F_ADD_SEALS, SEALS)
    os.pwrite(memory, struct.pack("<QI", 0x4C4E524A534E4552, 1), 0)
    return memory


def line_of(end):
    heard = b""
    while not heard.endswith(b"\n"):
        data = end.recv(65536)
        if not data:
            return None
        heard += data
    return json.loads(heard)


class Handed:
    """A client that this process hands over over the kernel's socket."""

    def __init__(self, kernel):
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(PATIENCE)
        self.link.connect(str(kernel.home / "kernel.sock"))
        self.end, theirs = socket.socketpair()
        self.end.settimeout(PATIENCE)
        journal = new_journal()
        try:
            socket.send_fds(self.link, [b'{"op":"attach"}\n'], [theirs.fileno(), theirs.fileno(), journal])
            self.answer = line_of(self.link)
        finally:
            os.close(journal)
            theirs.close()

    def ask(self, line):
        self.end.sendall(line)
        return line_of(self.end)

    def close(self):
        self.link.close()
        self.end.close()


def status_of(kernel):
    return kernel.run("--json", "status")


def memory_kib(kernel):
    text = pathlib.Path(f"/proc/{kernel.process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def descriptors(kernel):
    return len(os.listdir(f"/proc/{kernel.process.pid}/fd"))


def processor_s(kernel):
    fields = pathlib.Path(f"/proc/{kernel.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def room():
    """As many descriptors for this process as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_four_thousand_clients_are_served_at_once_in_little_memory(room):
    with Kernel() as kernel:
        count = min(4_096, status_of(kernel)["clients_max"], (room - 200) // 2)
        before = memory_kib(kernel)
        clients = [Handed(kernel) for _ in range(count)]
        assert all(client.answer == {"ok": True} for client in clients)
        for client in clients:
            client.end.sendall(HELLO)
        for client in clients:
            assert line_of(client.end)["result"]["protocolVersion"] == "2025-11-25"
        for number, client in enumerate(clients):
            client.end.sendall(b'{"jsonrpc":"2.0","id":%d,"method":"ping"}\n' % number)
        for number, client in enumerate(clients):
            assert line_of(client.end)["id"] == number
        assert status_of(kernel)["clients"] == count
        after = memory_kib(kernel)
        print(f"{count} clients: {before} KiB before, {after} KiB with them, {descriptors(kernel)} descriptors")
        assert after - before <= 40 * count + 8 * 1024
        if os.getuid() == 0:
            assert descriptors(kernel) <= 3 * count + 256
        for client in clients:
            client.close()
        deadline = time.monotonic() + PATIENCE
        while status_of(kernel)["clients"] > 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert status_of(kernel)["clients"] == 0


def test_forty_processes_attach_at_once(room):
    with Kernel() as kernel:
        processes = [subprocess.Popen([PROGRAM, "mcp", "--home", kernel.home], env=kernel.environment, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(40)]
        for process in processes:
            process.stdin.write(HELLO)
            process.stdin.flush()
        for process in processes:
            assert json.loads(process.stdout.readline())["id"] == 0
        for process in processes:
            process.stdin.close()
        for process in processes:
            assert process.wait(PATIENCE) == 0
            process.stdout.close()
            process.stderr.close()


def test_beyond_the_limit_the_new_one_is_refused_in_words(room):
    with Kernel(toml="clients_max = 8\n") as kernel:
        clients = [Handed(kernel) for _ in range(8)]
        refused = Handed(kernel)
        assert refused.answer["ok"] is False and refused.answer["code"] == "resource_exhausted"
        assert refused.answer["retry_after_s"] == 1
        done = subprocess.run([PROGRAM, "mcp", "--home", kernel.home], env=kernel.environment, input=HELLO, capture_output=True,
                              timeout=PATIENCE)
        assert done.returncode == 1, done
        assert b"8 clients are attached" in done.stderr and b"clients_max in resonant.toml" in done.stderr
        assert status_of(kernel)["clients"] == 8
        clients.pop().close()
        deadline = time.monotonic() + PATIENCE
        while status_of(kernel)["clients"] == 8 and time.monotonic() < deadline:
            time.sleep(0.02)
        late = Handed(kernel)
        assert late.answer == {"ok": True} and late.ask(HELLO)["id"] == 0


def test_without_descriptors_the_kernel_rests_and_the_operator_is_answered(room):
    kernel = Kernel()
    try:
        resource.prlimit(kernel.process.pid, resource.RLIMIT_NOFILE, (160, 160))
        clients = []
        for _ in range(120):
            clients.append(Handed(kernel))
            if clients[-1].answer != {"ok": True}:
                break
        refused = clients.pop()
        assert refused.answer["code"] == "resource_exhausted", refused.answer
        assert "descriptor" in refused.answer["error"]
        refused.close()
        crowd = []
        for _ in range(20):  # who wait to be accepted
            link = socket.socket(socket.AF_UNIX)
            link.connect(str(kernel.home / "kernel.sock"))
            crowd.append(link)
        before, since = processor_s(kernel), time.monotonic()
        time.sleep(1.0)
        share = (processor_s(kernel) - before) / (time.monotonic() - since)
        assert share < 0.5, f"{share:.0%} of a core while nobody can be accepted"
        for link in crowd:
            link.close()
        assert status_of(kernel)["clients"] == len(clients)
        assert clients[0].ask(HELLO)["id"] == 0
        done = subprocess.run([PROGRAM, "--home", kernel.home, "down"], env=kernel.environment, capture_output=True,
                              timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        kernel.process.wait(PATIENCE)
    finally:
        kernel.close()


def test_a_program_that_the_kernel_starts_has_the_old_limit(room):
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(777, soft), soft))
    with Kernel() as kernel:
        assert status_of(kernel)["descriptors_max"] == min(soft, 1 << 20)
        told = kernel.home / "limit"
        kernel.run("--json", "server", "add", "limited", "--", "/bin/sh", "-c", f"ulimit -n > {told}; exit 1", check=False)
        deadline = time.monotonic() + PATIENCE
        while (not told.exists() or not told.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert int(told.read_text()) == min(777, soft)
