"""The Python module `resonant`: board and ring from a stranger's program, also inside an event loop."""

import asyncio
import gc
import os
import subprocess
import sys
import threading

import pytest

from wire import PATIENCE, PROGRAM, ROOT, Kernel

MODULE = PROGRAM.parent / "python"
sys.path.insert(0, str(MODULE))
resonant = pytest.importorskip("resonant", reason="the Python module is left out of this build")
NOBODY = "65534"


@pytest.fixture
def kernel():
    running = Kernel()
    yield running
    gc.collect()
    running.close()


def test_a_field_is_read_by_name_and_by_number(kernel):
    board = resonant.Board(kernel.home)
    number = board.number_of("harmony.reliability")
    assert board[number] == board["reliability"] == board["harmony.reliability"] == board.harmony()[3]
    for missing in ("nothing", 50, -1, 2**80, None, 1.5):
        with pytest.raises(KeyError):
            board[missing]


def test_a_field_of_the_configuration_is_read_by_its_name():
    toml = """
[[board_field]]
name = "queue_depth"
unit = "jobs"
type = "u64"
group = "queue"
"""
    with Kernel(toml=toml) as kernel:
        board = resonant.Board(kernel.home)
        assert board["user.queue_depth"] == board["queue_depth"] == board["user.0"] == 0
        for name, value in (("user.queue_depth", 12), ("queue_depth", 13)):
            content, failed = kernel.client().call("event.publish", {"type": name, "payload": {"value": value}})
            assert not failed, content
            assert board["user.queue_depth"] == board[board.number_of("queue_depth")] == value
        with pytest.raises(KeyError):
            board["user.nothing"]
        del board
        gc.collect()


def test_a_field_read_again_follows_what_the_kernel_writes(kernel):
    board = resonant.Board(kernel.home)
    tick = board.number_of("tick")
    before = board[tick]
    kernel.call("health.check")
    assert board[tick] > before
    assert board[tick] == int.from_bytes(memoryview(board)[136:144], "little")


def test_the_page_is_seen_without_a_copy_and_not_written(kernel):
    numpy = pytest.importorskip("numpy")
    board = resonant.Board(kernel.home)
    page = numpy.frombuffer(board, dtype="f8")
    assert page[280 // 8] == board["reliability"]
    assert not page.flags.writeable
    with pytest.raises(TypeError):
        memoryview(board)[0] = 1
    before = page[136 // 8].tobytes()
    kernel.call("health.check")
    assert page[136 // 8].tobytes() != before, "the mapping moves with the kernel"


def test_a_board_or_ring_without_a_kernel_says_how_to_start_one(tmp_path):
    for kind in (resonant.Board, resonant.Ring):
        with pytest.raises(FileNotFoundError, match="resonant up"):
            kind(tmp_path / "absent.sock")


def test_poll_gives_every_event_in_order_while_other_coroutines_run(kernel):
    ring = resonant.Ring(kernel.home)

    async def follow():
        turns = 0

        async def other():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(other())
        publish = asyncio.to_thread(lambda: [kernel.call("event.publish", {"type": f"n{i}"}) for i in range(20)])
        publishing = asyncio.create_task(publish)
        names = []
        while len(names) < 20:
            event = await asyncio.wait_for(ring.poll(), PATIENCE)
            if event.type == "custom":
                names.append(event.name)
        await publishing
        beside.cancel()
        return names, turns

    names, turns = asyncio.run(follow())
    assert names == [f"n{i}" for i in range(20)]
    assert turns > 20 and ring.lost == 0


def test_a_poll_that_is_cancelled_loses_nothing(kernel):
    ring = resonant.Ring(kernel.home)

    async def follow():
        with pytest.raises(asyncio.TimeoutError):
            while True:
                await asyncio.wait_for(ring.poll(), 0.2)
        await asyncio.to_thread(kernel.call, "event.publish", {"type": "after"})
        while (event := await asyncio.wait_for(ring.poll(), PATIENCE)).name != "after":
            pass
        return event

    event = asyncio.run(follow())
    assert event.sequence == (ring.epoch, ring.position - 1)


def test_waiting_leaves_the_interpreter_to_others(kernel):
    ring = resonant.Ring(kernel.home)
    while ring.wait(0.3):
        ring.poll_now()
    counted = 0
    done = threading.Event()

    def wait():
        ring.wait(0.5)
        done.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    while not done.is_set():
        counted += 1
    waiter.join()
    assert counted > 1000


def test_the_end_of_a_kernel_is_told_and_the_next_one_is_read_from_its_first_event(kernel):
    board, ring = resonant.Board(kernel.home), resonant.Ring(kernel.home)
    first = ring.epoch
    kernel.process.kill()
    kernel.process.wait()

    async def follow():
        while True:
            await asyncio.wait_for(ring.poll(), PATIENCE)

    with pytest.raises(resonant.KernelEnded):
        asyncio.run(follow())
    with pytest.raises(resonant.KernelEnded):
        while True:
            ring.poll_now() or ring.wait(0.1)
    assert not ring.attach_again() and ring.epoch == first
    assert 0 <= board["error_rate"] <= 1, "what is mapped stays readable"
    kernel.start()
    assert ring.attach_again()
    assert (ring.epoch, ring.position) == (first + 1, 0)
    event = asyncio.run(asyncio.wait_for(ring.poll(), PATIENCE))
    assert (event.sequence, event.type) == ((first + 1, 0), "system_started")


@pytest.mark.parametrize("user", [None, NOBODY])
def test_the_example_follows_the_ring_and_cannot_write(kernel, user):
    if user and os.getuid() != 0:
        pytest.fail("becoming another user needs root: run the tests as root or with sudo")
    follower = subprocess.Popen([sys.executable, ROOT / "examples/attach/follow.py", kernel.home, "12", *([user] if user else [])],
                                env=dict(os.environ, PYTHONPATH=str(MODULE)), stdout=subprocess.PIPE, text=True)
    lines = [follower.stdout.readline().strip(), follower.stdout.readline().strip()]
    for number in range(12):
        kernel.call("event.publish", {"type": f"followed_{number}"})
    lines += follower.stdout.read().splitlines()
    assert follower.wait(PATIENCE) == 0, lines
    assert lines[0].startswith(f"uid {user or os.getuid()}, epoch ")
    assert lines[1] == "writes that succeeded: 0"
    assert any("followed_0" in line for line in lines)
    assert lines[-1] == "lost 0"
