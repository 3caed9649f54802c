"""A Python developer with a swarm: the module `resonant`, agents over MCP, a kernel that ends in between; the wrong thing first."""

import asyncio
import gc
import json
import math
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from wire import PATIENCE, PROGRAM, ROOT, Kernel

MODULE = PROGRAM.parent / "python"
sys.path.insert(0, str(MODULE))
resonant = pytest.importorskip("resonant", reason="the Python module is left out of this build")
AGENTS = 12


@pytest.fixture(scope="module")
def kernel():
    with Kernel() as running:
        yield running
        gc.collect()


# --- homes


def test_the_usual_home_is_the_one_of_the_program(kernel, monkeypatch, tmp_path):
    monkeypatch.setenv("RESONANT_HOME", str(kernel.home))
    assert resonant.Board().epoch == resonant.Ring().epoch
    monkeypatch.delenv("RESONANT_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for kind in (resonant.Board, resonant.Ring):
        with pytest.raises(FileNotFoundError, match=f"resonant up --home {tmp_path}/resonant"):
            kind()


@pytest.mark.parametrize("wrong", ["", "/nonexistent", "/etc/passwd", b"/nonexistent", pathlib.Path("/nonexistent/x"), "@nobody", "x" * 300])
def test_a_home_without_a_kernel_is_an_oserror_in_words(wrong):
    for kind in (resonant.Board, resonant.Ring):
        with pytest.raises(OSError, match="attach|too long|limit|longest|bytes"):
            kind(wrong)


def test_what_is_no_home_and_no_descriptor_is_named():
    for wrong in (3.5, True, [], object()):
        for kind in (resonant.Board, resonant.Ring):
            with pytest.raises(TypeError):
                kind(wrong)
    with pytest.raises(OSError, match="987 is not an open descriptor"):
        resonant.Board(987)
    with pytest.raises(TypeError, match="5 is not a home"):
        resonant.Ring(5)


# --- the board


def test_a_board_names_its_fields_and_what_was_meant(kernel):
    board = resonant.Board(kernel.home)
    assert "error_rate" in board and "error_rat" not in board and 999 not in board and None not in board
    assert dict(board).keys() == set(board) and all(math.isfinite(board[name]) for name in board)
    with pytest.raises(KeyError, match="did you mean 'traffic.error_rate'"):
        board.number_of("traffic.error_rat")
    with pytest.raises(TypeError):
        board["error_rate"] = 1


def test_a_field_of_ones_own_is_among_the_names():
    with Kernel(toml='[[board_field]]\nname = "queue_depth"\ntype = "u64"\n') as kernel:
        board = resonant.Board(kernel.home)
        assert list(board)[-1] == "user.queue_depth"
        del board
        gc.collect()


# --- the ring


def test_a_time_that_is_none_is_refused_and_one_in_the_past_is_over(kernel):
    ring = resonant.Ring(kernel.home)
    while ring.poll_now() or ring.wait(0.1):
        pass
    for wrong in ("1", None, [1]):
        with pytest.raises(TypeError):
            ring.wait(wrong)
    with pytest.raises(ValueError, match="not a number"):
        ring.wait(math.nan)
    assert not ring.wait(-1) and not ring.wait(-math.inf)
    threading.Timer(0.2, kernel.call, ("event.publish", {"type": "woken"})).start()
    assert ring.wait(math.inf), "as long as it takes"


def test_a_wait_ends_with_ctrl_c():
    words = ("import resonant, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); ring = resonant.Ring(sys.argv[1]); print('waits', flush=True)\n"
             "while True:\n    ring.wait(3600); ring.poll_now()")
    with Kernel() as kernel:
        child = subprocess.Popen([sys.executable, "-c", words, kernel.home], env={**os.environ, "PYTHONPATH": str(MODULE)},
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert child.stdout.readline() == "waits\n"
            child.send_signal(signal.SIGINT)
            _, said = child.communicate(timeout=PATIENCE)
            assert "KeyboardInterrupt" in said
        finally:
            child.kill()


def test_two_coroutines_on_one_ring_are_refused_and_neither_sleeps_for_ever(kernel):
    ring = resonant.Ring(kernel.home)

    async def both():
        polls = [asyncio.create_task(ring.poll()) for _ in range(2)]
        while not any(one.done() for one in polls):  # events may lie there: then a poll is answered by one
            await asyncio.sleep(0)
        await asyncio.to_thread(kernel.call, "event.publish", {"type": "for_one"})
        return await asyncio.wait_for(asyncio.gather(*polls, return_exceptions=True), PATIENCE)

    while True:
        while ring.poll_now() or ring.wait(0.2):
            pass
        outcomes = asyncio.run(both())
        refused = [one for one in outcomes if isinstance(one, Exception)]
        if refused:
            break
    assert len(refused) == 1 and isinstance(refused[0], RuntimeError) and "a Ring of its own" in str(refused[0])


def test_a_thread_that_waits_keeps_others_off_its_ring(kernel):
    ring = resonant.Ring(kernel.home)
    seen = []

    def wait():
        while not seen:
            ring.wait(0.5)

    waiter = threading.Thread(target=wait)
    waiter.start()
    deadline = time.monotonic() + PATIENCE
    while not seen and time.monotonic() < deadline:
        try:
            ring.poll_now()
        except RuntimeError as refused:
            seen.append(str(refused))
    waiter.join()
    assert "another thread waits" in seen[0]


def _child(ring, board, home, answers):
    try:
        answers.put(("board", board["tick"] >= 0))
        for use in (lambda: ring.wait(1), lambda: asyncio.run(ring.poll()), ring.attach_again, ring.is_alive):
            try:
                while ring.poll_now():
                    pass
                answers.put(("used", use()))
            except RuntimeError as refused:
                answers.put(("refused", str(refused)))
        own = resonant.Ring(home)
        answers.put(("own", own.is_alive()))
    finally:
        answers.close()
        answers.join_thread()


def test_a_child_after_a_fork_is_told_to_attach_itself_and_ends(kernel):
    board, ring = resonant.Board(kernel.home), resonant.Ring(kernel.home)
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    child = fork.Process(target=_child, args=(ring, board, kernel.home, answers))
    child.start()
    said = [answers.get(timeout=PATIENCE) for _ in range(6)]
    child.join(PATIENCE)
    assert child.exitcode == 0, "it does not wait for a thread that is not there"
    assert said[0] == ("board", True) and said[5] == ("own", True)
    assert all(kind == "refused" and "before a fork" in words for kind, words in said[1:5]), said
    kernel.call("event.publish", {"type": "parent"})
    names = []
    while "parent" not in names:
        if event := ring.poll_now():
            names.append(event.name)
        else:
            ring.wait(0.5)


def test_a_forked_child_that_drops_its_ring_ends(kernel):
    ring = resonant.Ring(kernel.home)
    child = os.fork()
    if child == 0:
        ring = None
        gc.collect()
        os._exit(7)
    deadline = time.monotonic() + PATIENCE
    ended, status = 0, 0
    while ended == 0 and time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    if ended == 0:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7 and ended
    assert ring.is_alive()


def test_board_and_ring_say_that_the_kernel_ended_and_go_on_with_the_next():
    with Kernel() as kernel:
        board, ring = resonant.Board(kernel.home), resonant.Ring(kernel.home)
        assert board.is_alive() and ring.is_alive() and board.attach_again()
        kernel.kill()
        started = time.monotonic()
        with pytest.raises(resonant.KernelEnded, match="attach_again"):
            while True:
                ring.poll_now() or ring.wait(PATIENCE * 10)
        assert time.monotonic() - started < PATIENCE, "a long wait sees the end"
        assert not board.is_alive() and not board.attach_again() and not ring.attach_again()
        kernel.start()
        view = memoryview(board)
        with pytest.raises(BufferError, match="memoryview"):
            board.attach_again()
        view.release()
        assert board.attach_again() and ring.attach_again() and board.is_alive()
        assert board.epoch == ring.epoch == 2
        tick = board["tick"]
        kernel.call("health.check")
        assert board["tick"] > tick
        del board, ring, view
        gc.collect()


# --- agents over MCP


def test_a_swarm_of_sdk_clients_adds_searches_wakes_and_outlives_the_kernel():
    from mcp import Client as Sdk
    from mcp.client.stdio import StdioServerParameters

    with Kernel() as kernel:
        server = StdioServerParameters(command=str(PROGRAM), args=["mcp", "--home", str(kernel.home), "--listing", "all"],
                                       env=dict(kernel.environment))
        ready, killed = [], asyncio.Event()

        async def call(client, tool, arguments):
            done = await client.call_tool(tool, arguments)
            return done.structured_content, done.is_error

        async def agent(number):
            async with Sdk(server) as client:
                content, failed = await call(client, "memory.add", {"content": f"agent {number} tends lamp{number}", "tags": "not a list"})
                assert failed and "tags" in json.dumps(content), content
                content, failed = await call(client, "memory.add", {"content": f"agent {number} tends lamp{number}"})
                assert not failed, content
                found, failed = await call(client, "memory.search", {"query": f"lamp{number}"})
                assert not failed and found["count"] == 1, found
                ready.append(number)
                await killed.wait()
                found, failed = await call(client, "memory.search", {"query": f"lamp{number}"})
                assert not failed and found["count"] == 1, f"what was acknowledged is there after a kill: {found}"
                return number

        async def swarm():
            agents = [asyncio.create_task(agent(number)) for number in range(AGENTS)]
            while len(ready) < AGENTS and not any(one.done() for one in agents):
                await asyncio.sleep(0.02)
            await asyncio.to_thread(kernel.kill)  # the agents start the next one themselves
            killed.set()
            return await asyncio.wait_for(asyncio.gather(*agents), PATIENCE)

        assert sorted(asyncio.run(swarm())) == list(range(AGENTS))


def test_a_watcher_escalates_once_and_one_of_many_reasoners_gets_the_question(kernel):
    clients = [kernel.client() for _ in range(4)]
    content, failed = clients[0].call("monitor.spawn", {"field": "error_rat", "above": 0.3})
    assert failed and "did you mean 'error_rate'" in content["error"]["message"], content
    content, failed = clients[0].call("monitor.spawn", {"field": "error_rate", "above": 0.3, "action": "escalate"})
    assert not failed, content
    got = []
    sleeper = threading.Thread(target=lambda: got.append(clients[0].call("reasoner.next", {"wait_s": 30})[0]))
    sleeper.start()
    failing = kernel.client()
    for _ in range(20):
        failing.call("memory.read", {"ids": ["m999999"]})
    sleeper.join(PATIENCE)
    got += [client.call("reasoner.next", {"wait_s": 0})[0] for client in clients[1:]]
    assert [one.get("reasoner_id") is not None for one in got] == [True, False, False, False], got
    answers = [client.call("reasoner.resolve", {"reasoner_id": got[0]["reasoner_id"], "outcome": "dismiss"}) for client in clients[:2]]
    assert [failed for _, failed in answers] == [False, True], f"a question is answered once: {answers}"


@pytest.mark.parametrize("tool, arguments, words", [
    ("capability.suggest", {"goal": " "}, "the goal is empty"), ("memory.list", {"cursor": "zz"}, "is not a cursor of this list"),
    ("memory.add", {"content": 5}, "5 is not of type string"), ("memory.import", {"path": "nope.json"}, "inbox"),
    ("memory.add", {"text": "x"}, "known are content")])
def test_slips_of_agents_are_answered_with_what_would_be_right(kernel, tool, arguments, words):
    content, failed = kernel.client().call(tool, arguments)
    assert failed and words in json.dumps(content), content


@pytest.mark.parametrize("query", ["", " \n"])
def test_an_empty_query_finds_nothing_and_says_why(kernel, query):
    content, failed = kernel.client().call("memory.recall", {"query": query})
    assert not failed and content["count"] == 0 and "the query is empty" in content["note"], content


@pytest.mark.parametrize("example", ["python_client/client.py", "attach/follow.py", "attach/attach.py", "contained_monitors/watch.py"])
def test_an_example_without_its_words_says_what_it_takes(example):
    done = subprocess.run([sys.executable, ROOT / "examples" / example], env={**os.environ, "PYTHONPATH": str(MODULE)},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1 and "HOME" in done.stderr and "Traceback" not in done.stderr, done.stderr
