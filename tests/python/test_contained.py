"""Contained agents: another user, sealed mappings, MCP; and untrusted tools, which get no descriptor at all."""

import os
import re
import subprocess
import sys
import time

import pytest

from wire import PATIENCE, PROGRAM, ROOT, Kernel

MODULE = PROGRAM.parent / "python"
sys.path.insert(0, str(MODULE))
NOBODY = "65534"
WATCHERS = 10_000


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


def test_an_untrusted_tool_gets_no_descriptor_and_no_shared_memory(kernel):
    ran = kernel.call("sandbox.run", {"command": ["ls", "-l", "/proc/self/fd", "/dev/shm"]}, owner=True)
    assert ran.get("exit_status") is not None, ran
    seen = str(ran)
    assert "memfd:resonant" not in seen and "rsw" not in seen and "plane.sock" not in seen
