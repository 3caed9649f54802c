"""Contained agents: another user, sealed mappings, MCP; and untrusted tools, which get no descriptor at all."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from wire import PATIENCE, PROGRAM, ROOT, Client, Kernel

MODULE = PROGRAM.parent / "python"
sys.path.insert(0, str(MODULE))
NOBODY = "65534"
WATCHERS = 10_000
CAUTION = ["mv", "a", "b"]  # a command that changes something


@pytest.fixture
def kernel():
    running = Kernel()
    yield running
    running.close()


def test_ten_thousand_monitors_of_another_user_escalate_by_mcp(kernel):
    if os.getuid() != 0:
        pytest.fail("becoming another user needs root: run the tests as root or with sudo")
    resonant = pytest.importorskip("resonant", reason="the Python module is left out of this build")
    ring = resonant.Ring(kernel.home)
    with subprocess.Popen([PROGRAM, "mcp", "--home", kernel.home], env=kernel.environment, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as mcp:
        watch = subprocess.Popen([sys.executable, ROOT / "examples/contained_monitors/watch.py", kernel.home, str(WATCHERS), NOBODY],
                                 env=dict(os.environ, PYTHONPATH=str(MODULE)), stdin=mcp.stdout, stdout=mcp.stdin,
                                 stderr=subprocess.PIPE, text=True)
        try:
            assert watch.stderr.readline().strip() == f"uid {NOBODY}: {WATCHERS} monitors asleep"
            status = open(f"/proc/{watch.pid}/status").read()
            assert re.search(rf"^Uid:\s+{NOBODY}\s+{NOBODY}\s+{NOBODY}\s", status, re.M)
            for _ in range(40):
                kernel.call("memory.read", {"ids": ["m999999999"]})
            said = watch.stderr.readline().strip()
            assert re.fullmatch(r"[1-9]\d* crossed, told", said), said
            deadline = time.monotonic() + PATIENCE
            names = set()
            while "monitors.crossed" not in names and time.monotonic() < deadline:
                event = ring.poll_now()
                if event is None:
                    ring.wait(1)
                else:
                    names.add(event.name)
            assert "monitors.crossed" in names, "the escalation is an event of the kernel's ring"
        finally:
            watch.kill()
            watch.wait()
            mcp.stdin.close()
            mcp.kill()


class Stranger:
    """A process of another user from its first step on; `work(say, hear)` runs in it."""

    def __init__(self, work):
        if os.getuid() != 0:
            pytest.fail("becoming another user needs root: run the tests as root or with sudo")
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            end = theirs.makefile("rw")
            try:
                os.setgroups([])
                os.setresgid(int(NOBODY), int(NOBODY), int(NOBODY))
                os.setresuid(int(NOBODY), int(NOBODY), int(NOBODY))
                work(lambda *words: print(*words, file=end, flush=True), lambda: end.readline().strip())
            except BaseException as failed:  # the parent reads what went wrong
                print(type(failed).__name__, failed, file=end, flush=True)
            os._exit(0)
        theirs.close()
        ours.settimeout(PATIENCE)
        self.end = ours.makefile("rw")

    def hear(self):
        return self.end.readline().strip()

    def say(self, words):
        print(words, file=self.end, flush=True)

    def close(self):
        if not self.end.closed:
            self.end.close()
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


@pytest.fixture
def stranger():
    started = []

    def start(work):
        started.append(Stranger(work))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_another_user_attaches_by_itself_and_again_after_the_kernel_ended(kernel, stranger):
    resonant = pytest.importorskip("resonant", reason="the Python module is left out of this build")
    address = kernel.run("--json", "agent", "address")["address"]

    def work(say, hear):
        ring = resonant.Ring(address)
        say("attached", os.getuid())
        while True:
            try:
                while ring.wait(0.1):
                    while event := ring.poll_now():
                        if event.name.startswith("told_"):
                            say(event.name, ring.lost)
            except resonant.KernelEnded:
                while not ring.attach_again():
                    time.sleep(0.01)
                say("again", ring.lost)

    other = stranger(work)
    assert other.hear() == f"attached {NOBODY}"
    kernel.call("event.publish", {"type": "told_first"})
    assert other.hear() == "told_first 0"
    kernel.kill()
    kernel.start()
    assert other.hear() == "again 0"
    kernel.call("event.publish", {"type": "told_second"})
    assert other.hear() == "told_second 0"
    attached = [entry for entry in kernel.run("--json", "ledger", "tail", "--limit", "100")["entries"] if "contained_agent_attached" in str(entry)]
    assert len(attached) >= 2 and all(f"uid:{NOBODY}" in str(entry) for entry in attached)


def test_without_the_token_nobody_is_given_anything(kernel, stranger):
    resonant = pytest.importorskip("resonant", reason="the Python module is left out of this build")
    address = kernel.run("--json", "agent", "address")["address"]
    assert kernel.run("--json", "agent", "address")["address"] == address, "asking again changes nothing"
    name = address.partition(":")[0]

    def work(say, hear):
        for wrong in [f"{name}:{'0' * 64}", f"{name}:", name, f"{kernel.home}/plane.sock", address]:
            try:
                say("attached", resonant.Ring(wrong).lost)
            except Exception as refused:  # whatever it is, the parent judges its words
                say(refused)
        hear()
        try:
            resonant.Ring(address)
            say("attached")
        except Exception as refused:
            say(refused)

    other = stranger(work)
    assert "not valid" in other.hear()
    assert "not valid" in other.hear()
    assert "share TOKEN" in other.hear()
    assert "attached" not in other.hear(), "the home's own socket is not for other users"
    assert other.hear() == "attached 0"
    assert kernel.run("--json", "agent", "close")["closed"]
    other.say("closed")
    assert "no kernel listens" in other.hear()
    assert not (kernel.home / "plane.token").exists()


def test_who_holds_the_name_without_being_the_kernel_is_not_told_the_token(kernel, stranger):
    resonant = pytest.importorskip("resonant", reason="the Python module is left out of this build")
    address = kernel.run("--json", "agent", "address")["address"]
    kernel.kill()

    def work(say, hear):
        with socket.socket(socket.AF_UNIX) as squatter:
            squatter.bind("\0" + address.partition(":")[0][1:])
            squatter.listen()
            say("listening")
            peer, _ = squatter.accept()
            say("heard", len(peer.recv(1024)))
            hear()

    other = stranger(work)
    assert other.hear() == "listening"
    with pytest.raises(Exception, match=f"user {NOBODY}"):
        resonant.Ring(address)
    assert other.hear() == "heard 0"
    kernel.start()
    assert kernel.run("status", "--json")["pid"], "the kernel runs without that door"
    other.close()
    assert kernel.run("--json", "agent", "address")["address"] == address, "the agents' word is good again"


def as_nobody(words, **environment):
    """A program of another user from its start, which may look into the folders it lies in, whoever's they are."""
    if os.getuid() != 0:
        pytest.fail("becoming another user needs root: run the tests as root or with sudo")
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=+dac_read_search",
            "--ambient-caps=+dac_read_search"]
    return subprocess.Popen([*drop, *words], env={"PATH": "/usr/bin:/bin", **environment}, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_another_user_speaks_mcp_by_the_address_and_is_judged_as_contained(kernel):
    address = kernel.run("--json", "agent", "address")["address"]
    client = Client.over(as_nobody([PROGRAM, "mcp"], RESONANT_ADDRESS=address))
    try:
        added, is_error = client.call("memory.add", {"content": "herons stand still"})
        assert not is_error, added
        denial = client.denial("sandbox.run", {"command": CAUTION})
        assert denial["rule"] == "contained_commands", denial
        whole = kernel.run("--json", "ledger", "tail", "--limit", "100")["entries"]
        assert any(entry["agent"] == f"uid:{NOBODY}" and entry["tool"] == "memory.add" for entry in whole)
        kernel.kill()
        kernel.start()
        found, is_error = client.call("memory.search", {"query": "herons"})
        assert not is_error and "herons stand still" in str(found)
        assert kernel.run("--json", "agent", "close")["closed"]
        assert client.lines.get(timeout=PATIENCE) is None, "it is let go"
    finally:
        client.close()


def test_without_a_valid_address_no_client_of_another_user_is_served(kernel):
    address = kernel.run("--json", "agent", "address")["address"]
    name = address.partition(":")[0]
    for wrong, words in [(f"{name}:{'0' * 64}", b"valid token"), (name, b"resonant agent address"), ("", b"resonant agent address")]:
        refused = as_nobody([PROGRAM, "mcp"], RESONANT_ADDRESS=wrong)
        _, errors = refused.communicate(b"", timeout=PATIENCE)
        assert refused.returncode != 0 and words in errors, (wrong, errors)
    with socket.socket(socket.AF_UNIX) as door:
        door.connect("\0" + name[1:] + "-mcp")
        door.settimeout(PATIENCE)
        for operation in ["status", "down", "call", "ping"]:
            door.sendall(json.dumps({"op": operation, "token": address.partition(":")[2]}).encode() + b"\n")
            assert json.loads(door.recv(4096))["code"] == "permission_denied", operation
    assert kernel.run("status", "--json")["pid"]


def test_a_client_that_calls_itself_contained_is_held_to_it(kernel):
    process = subprocess.Popen([PROGRAM, "mcp", "--home", kernel.home, "--contained"], env=kernel.environment,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    client = Client.over(process)
    try:
        assert client.denial("sandbox.run", {"command": CAUTION})["rule"] == "contained_commands"
    finally:
        client.close()


def test_an_untrusted_tool_gets_no_descriptor_and_no_shared_memory(kernel):
    ran = kernel.call("sandbox.run", {"command": ["ls", "-l", "/proc/self/fd", "/dev/shm"]}, owner=True)
    assert ran.get("exit_status") is not None, ran
    seen = str(ran)
    assert "memfd:resonant" not in seen and "rsw" not in seen and "plane.sock" not in seen
