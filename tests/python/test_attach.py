"""Programs in C and Python attach to a running kernel, as its user and as another one, and read only."""

import os
import struct
import subprocess
import sys

import pytest

from wire import PATIENCE, PROGRAM, ROOT, Kernel

BUILD = PROGRAM.parent
NOBODY = "65534"


@pytest.fixture
def kernel():
    running = Kernel()
    yield running
    running.close()


def follow(kernel, words, events):
    """Starts a follower, publishes once it has attached, and returns its exit code and its lines."""
    follower = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    first = follower.stdout.readline()
    for number in range(events):
        kernel.call("event.publish", {"type": f"attached_{number}"})
    rest = follower.stdout.read()
    return follower.wait(PATIENCE), [first.strip(), *rest.splitlines()]


@pytest.mark.parametrize("user", [None, NOBODY])
@pytest.mark.parametrize("program", ["attach_c", "attach_cc"])
def test_a_program_in_c_or_cpp_follows_the_ring_and_cannot_write(kernel, program, user):
    if user and os.getuid() != 0:
        pytest.fail("becoming another user needs root: run the tests as root or with sudo")
    words = [BUILD / "examples" / program, kernel.home / "plane.sock", "12", *([user] if user else [])]
    code, lines = follow(kernel, words, 12)
    assert code == 0, lines
    assert lines[0].startswith(f"uid {user or os.getuid()}, epoch ")
    assert "writes that succeeded: 0" in lines
    assert any("attached_0" in line for line in lines)
    assert lines[-1] == "lost 0"


def test_a_python_program_follows_the_ring(kernel):
    words = [sys.executable, ROOT / "examples/attach/attach.py", BUILD / "libresonant_client.so",
             kernel.home / "plane.sock", "6"]
    code, lines = follow(kernel, words, 6)
    assert code == 0, lines
    assert lines[0].startswith("error_rate ")
    assert any("attached_0" in line for line in lines)
    assert lines[-1] == "lost 0"


def test_whoever_finds_no_kernel_is_told_how_to_start_one(kernel):
    done = subprocess.run([BUILD / "examples/attach_c", kernel.home / "absent.sock", "1"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "resonant up" in done.stderr


def shared_segments(kernel):
    """Board and ring as the kernel holds them, read by docs/formats with nothing of ours."""
    folder = f"/proc/{kernel.process.pid}/fd"
    found = {}
    for name in os.listdir(folder):
        target = os.readlink(f"{folder}/{name}")
        for part in ("board", "ring"):
            if target.startswith(f"/memfd:resonant-{part}"):
                with open(f"{folder}/{name}", "rb") as file:
                    found[part] = file.read()
    return found


def test_pure_python_reads_board_and_ring_by_the_formats_pages(kernel):
    if os.getuid() != 0:
        pytest.fail("the kernel is not dumpable: only root reads its descriptors; run the tests as root or with sudo")
    kernel.call("event.publish", {"type": "by_the_page"})
    segments = shared_segments(kernel)
    board, ring = segments["board"], segments["ring"]
    magic, version, epoch = struct.unpack_from("<QQQ", board, 0)
    assert (magic, version) == (0x3244524F424D5752, 2)
    newest, = struct.unpack_from("<Q", board, 384)
    copy_version, *harmony = struct.unpack_from("<Q7d", board, 448 + 64 * (newest & 1))
    assert copy_version == newest
    assert all(0 <= value <= 1 for value in harmony)

    magic, version, ring_epoch, slots, kind = struct.unpack_from("<5Q", ring, 0)
    assert (magic, version, slots, kind) == (0x32474E4952575352, 3, 65536, 0)
    assert ring_epoch == epoch
    tail, = struct.unpack_from("<Q", ring, 128)
    names = []
    for position in range(tail):
        slot = 4096 + 64 * (position % 65536)
        word, = struct.unpack_from("<Q", ring, slot)
        at, far = slot + 8, slot + 65536 * 64
        assert word >> 12 == position + 1 and word & 15 == 2
        if ring[at + 3] == 1:
            names.append(ring[far:far + 48].split(b"\0")[0].decode())
    assert "by_the_page" in names
