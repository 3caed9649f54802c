"""Bad days: each has a clear answer and loses nothing."""

import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import time

import pytest

from wire import PROGRAM, Client, Kernel

ROOT_ONLY = "this test mounts a small disk: it needs root"


def eventually(check, seconds=30):
    """Waits until check() is true; a bound, not a measure."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.05)
    return False


def test_a_second_kernel_on_one_home_is_refused_with_the_way_out():
    with Kernel() as kernel:
        second = subprocess.run([PROGRAM, "--home", kernel.home, "up", "--no-http"], env=kernel.environment,
                                capture_output=True, text=True, timeout=60)
        assert second.returncode == 1
        assert "resonant down" in second.stderr, second.stderr
        assert not kernel.client().call("health.check")[1]


def test_two_clients_that_start_at_once_share_one_kernel():
    home = tempfile.mkdtemp(prefix="resonant-test-")
    environment = dict(os.environ, RESONANT_LOG="error")
    try:
        one = Client(home, environment, initialize=False)
        two = Client(home, environment, initialize=False)
        for client in (one, two):
            answer = client.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                                               "clientInfo": {"name": "t", "version": "1"}})
            assert "result" in answer, answer
        stored, failed = one.call("memory.add", {"content": "seen by both"})
        assert not failed, stored
        read, failed = two.call("memory.read", {"ids": [stored["id"]]})
        assert not failed and read["memories"][0]["content"] == "seen by both", read
        for client in (one, two):
            client.close()
    finally:
        subprocess.run([PROGRAM, "--home", home, "down"], env=environment, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


def test_a_missing_model_leaves_words_and_says_so():
    with Kernel(environment={"RESONANT_MODEL": "/nonexistent"}) as kernel:
        client = kernel.client()
        client.call("memory.add", {"content": "the heron stands in the reeds"})
        found, failed = client.call("memory.recall", {"query": "heron"})
        assert not failed and found["hits"], found
        assert "model" in found["note"] or "words" in found["note"], found
        assert "fetch" in kernel.run("--json", "status")["model"]


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x40]))


def test_a_damaged_arrow_file_is_rebuilt_and_answers_stay_the_same():
    with Kernel() as kernel:
        client = kernel.client()
        for text in ("herons stand in reeds", "kernels hold locks", "bread rises slowly"):
            client.call("memory.add", {"content": text})
        if kernel.run("--json", "status")["model"].startswith("none"):
            pytest.fail("this test needs the model: ./dev build fetches it")
        assert eventually(lambda: client.call("vector.status")[0]["embedded"] == 3)
        assert eventually(lambda: list((kernel.home / "segments").glob("*.arrow")))
        before = client.call("vector.search", {"query": "a bird in the water", "k": 3})[0]
        kernel.run("down", check=False)
        kernel.process.wait(60)
        for file in (kernel.home / "segments").glob("*.arrow"):
            flip(file, file.stat().st_size // 2)
        kernel.start()
        assert eventually(lambda: client.call("vector.status")[0]["embedded"] == 3)
        after = client.call("vector.search", {"query": "a bird in the water", "k": 3})[0]
        assert [hit["id"] for hit in after["hits"]] == [hit["id"] for hit in before["hits"]], (before, after)


def test_a_damaged_ledger_is_named_reads_live_and_writes_wait_for_the_owner():
    with Kernel() as kernel:
        client = kernel.client()
        stored, _ = client.call("memory.add", {"content": "kept through the damage"})
        kernel.run("down", check=False)
        kernel.process.wait(60)
        with sqlite3.connect(kernel.home / "resonant.db") as database:
            database.execute("UPDATE ledger SET tool='memory.adb' WHERE tool='memory.add'")
        broken = kernel.run("--json", "ledger", "verify")
        assert broken["ok"] is False and broken["first_break"] > 0 and broken["why"], broken
        kernel.start()
        read, failed = client.call("memory.read", {"ids": [stored["id"]]})
        assert not failed and read["memories"][0]["content"] == "kept through the damage", read
        denial = client.denial("memory.add", {"content": "must wait"})
        assert denial["stage"] == "ledger", denial
        assert "ledger verify" in denial["way_out"] + denial["reason"], denial


@pytest.mark.skipif(os.geteuid() != 0, reason=ROOT_ONLY)
def test_a_full_disk_denies_writes_keeps_reads_and_what_was_acknowledged():
    disk = pathlib.Path(tempfile.mkdtemp(prefix="resonant-disk-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode != 0:
        disk.rmdir()
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    environment = dict(os.environ, RESONANT_LOG="off", RESONANT_MODEL="/nonexistent")
    home = disk / "home"
    try:
        kernel = subprocess.Popen([PROGRAM, "--home", home, "up", "--no-http"], env=environment,
                                  stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert eventually(lambda: subprocess.run([PROGRAM, "--home", home, "status"], env=environment,
                                                 capture_output=True).returncode == 0)
        client = Client(home, environment)
        acknowledged = []
        refused = None
        # To the brim: what a large one that was refused had begun to write is room for smaller ones.
        for size in (40_000, 4_000, 40):
            refused = None
            for number in range(400):
                content, failed = client.call("memory.add", {"content": f"{number} of {size} " + "x" * size})
                if failed:
                    refused = content
                    break
                acknowledged.append(content["id"])
            assert refused is not None, "the disk never filled"
        assert "full" in str(refused).lower() or "space" in str(refused).lower(), refused
        read, failed = client.call("memory.read", {"ids": [acknowledged[0]], "metadata": True})
        assert not failed, read
        # What is kept back for the ledger still takes denials, each an entry of its own.
        for number in range(5):
            client.call("sandbox.run", {"command": ["rm", "-rf", f"/{number}"]})
        denials, failed = client.call("karma.trace", {"decision": "deny", "tool": "sandbox.run", "limit": 50})
        assert not failed and sum("sandbox" in str(entry) for entry in denials["entries"]) == 5, denials
        content, failed = client.call("memory.add", {"content": "small, and yet it must wait"})
        assert failed and "full" in str(content), content
        kernel.kill()
        kernel.wait()
        client.close()
        shutil.copytree(home, tempfile.mkdtemp(prefix="resonant-copy-") + "/home",
                        ignore=shutil.ignore_patterns("*.sock"), dirs_exist_ok=True)
        with sqlite3.connect(home / "resonant.db") as database:
            rows = database.execute("SELECT count(*) FROM memories").fetchone()[0]
        assert rows >= len(acknowledged), (rows, len(acknowledged))
    finally:
        subprocess.run([PROGRAM, "--home", home, "down"], env=environment, capture_output=True)
        subprocess.run(["umount", "-l", disk])
        disk.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason=ROOT_ONLY)
def test_a_read_only_home_is_refused_in_words():
    disk = pathlib.Path(tempfile.mkdtemp(prefix="resonant-disk-"))
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,ro", "tmpfs", disk], capture_output=True).returncode != 0:
        disk.rmdir()
        pytest.skip("no tmpfs can be mounted here")
    try:
        started = subprocess.run([PROGRAM, "--home", disk / "home", "up", "--no-http"], capture_output=True, text=True,
                                 timeout=60)
        assert started.returncode == 1
        assert "read-only" in started.stderr.lower(), started.stderr
    finally:
        subprocess.run(["umount", "-l", disk])
        disk.rmdir()


def test_a_bad_policy_keeps_the_kernel_from_starting_and_names_the_line():
    home = tempfile.mkdtemp(prefix="resonant-test-")
    try:
        policy = pathlib.Path(home, "policy.d")
        policy.mkdir(mode=0o700)
        (policy / "10.yaml").write_text("version: 1\nrules:\n  - name: x\n    acton: block\n")
        started = subprocess.run([PROGRAM, "--home", home, "up", "--no-http"], capture_output=True, text=True, timeout=60)
        assert started.returncode == 1
        assert "10.yaml:4" in started.stderr or "10.yaml:3" in started.stderr, started.stderr
    finally:
        shutil.rmtree(home, ignore_errors=True)


def test_kill_9_and_on_through_the_same_client_with_nothing_lost():
    with Kernel() as kernel:
        client = kernel.client()
        ids = [client.call("memory.add", {"content": f"fact {number}"})[0]["id"] for number in range(20)]
        kernel.kill()
        read, failed = client.call("memory.read", {"ids": ids})
        assert not failed and len(read["memories"]) == 20, read
        assert client.call("karma.verify")[0]["ok"] is True
        subprocess.run([PROGRAM, "--home", kernel.home, "down"], env=kernel.environment, capture_output=True)


def test_memory_verify_is_silent_on_a_whole_home_and_names_what_was_changed_behind_it():
    with Kernel() as kernel:
        client = kernel.client()
        for text in ("herons stand in reeds", "kernels hold locks", "bread rises slowly"):
            stored, failed = client.call("memory.add", {"content": text})
            assert not failed, stored
        live = kernel.run("--json", "memory", "verify")
        assert live["ok"] and live["memories"] == 3 and live["ledger_entries"] >= 6, live
        kernel.run("down", check=False)
        kernel.process.wait(60)
        file = kernel.home / "resonant.db"
        whole = file.read_bytes()
        at = whole.index(b"kernels hold locks")
        flip(file, at)
        named = subprocess.run([PROGRAM, "--home", kernel.home, "--json", "memory", "verify"], capture_output=True, text=True)
        assert named.returncode == 1, named
        assert "page" in named.stdout and "restore" in named.stdout, named.stdout
        file.write_bytes(whole)
        with sqlite3.connect(file) as database:  # a hand that knows nothing of checksums
            database.execute("UPDATE memory_texts SET content = 'kernels hold nothing' WHERE memory_id = 2")
        named = subprocess.run([PROGRAM, "--home", kernel.home, "--json", "memory", "verify"], capture_output=True, text=True)
        assert named.returncode == 1 and "m2" in named.stdout, named.stdout
        file.write_bytes(whole)
        for rest in ("resonant.db-wal", "resonant.db-shm"):
            (kernel.home / rest).unlink(missing_ok=True)
        kernel.start()
        assert kernel.run("--json", "memory", "verify")["ok"]
