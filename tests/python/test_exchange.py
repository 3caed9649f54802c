"""Memories out and in at the command line, read by strangers, and taken over from another product."""

import json
import os
import pathlib
import pty
import subprocess

import pyarrow as pa
import pytest

from wire import PROGRAM, Kernel

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER = ROOT / "build/readers/server-memory/node_modules/@modelcontextprotocol/server-memory/dist/index.js"


@pytest.fixture(scope="module")
def kernel():
    kernel = Kernel()
    yield kernel
    kernel.close()


def memory(kernel, *words):
    return subprocess.run([PROGRAM, "--home", kernel.home, "--json", "memory", *words],
                          env=kernel.environment, capture_output=True, text=True)


def answer(kernel, *words):
    done = memory(kernel, *words)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "md", "arrow", "parquet"])
def test_a_file_goes_out_and_comes_back_by_its_name_alone(kernel, tmp_path, suffix):
    kernel.call("galaxy.create", {"name": f"from-{suffix}"})
    kernel.call("galaxy.create", {"name": f"to-{suffix}"})
    for text in ("the heron waits", "the heron, \"quoted\"\nflies"):
        answer(kernel, "add", text, "--galaxy", f"from-{suffix}", "--title", "Heron")
    file = tmp_path / f"all.{suffix}"
    form = "markdown" if suffix == "md" else suffix
    made = answer(kernel, "export", "--format", form, "--output", str(file), "--galaxy", f"from-{suffix}")
    assert made["count"] == 2 and made["path"] == str(file)
    assert memory(kernel, "export", "--format", form, "--output", str(file)).returncode == 2, "never overwritten"
    report = answer(kernel, "import", str(file), "--galaxy", f"to-{suffix}")
    assert (report["stored"], report["refused"]) == (2, 0)
    assert answer(kernel, "search", "heron", "--galaxy", f"to-{suffix}")["count"] == 2
    assert answer(kernel, "stats", "--galaxy", f"to-{suffix}")["total"] == 2
    assert not list((kernel.home / "inbox").iterdir()), "the copy in the inbox is gone"
    assert not list((kernel.home / "outbox").iterdir()), "and so is that in the outbox"


def on_terminal(kernel, *words):
    """What a command writes on a terminal's stderr."""
    reader, terminal = pty.openpty()
    done = subprocess.run([PROGRAM, "--home", kernel.home, "--json", *words], env=kernel.environment,
                          stdout=subprocess.PIPE, stderr=terminal, text=True)
    os.close(terminal)
    told = b""
    try:
        while piece := os.read(reader, 65536):
            told += piece
    except OSError:
        pass  # the terminal's other end is closed
    os.close(reader)
    assert done.returncode == 0, told
    return told.decode()


def test_long_work_tells_a_terminal_how_far_it_is_and_takes_the_line_off_again(kernel, tmp_path):
    kernel.call("galaxy.create", {"name": "many"})
    file = tmp_path / "many.jsonl"
    file.write_text("".join(json.dumps({"content": f"osprey number {n}"}) + "\n" for n in range(2_000)))
    told = on_terminal(kernel, "memory", "import", str(file), "--galaxy", "many")
    assert "memory.import: " in told and "of 2000 records" in told, told
    assert told.endswith("\r\x1b[K"), "the line is gone at the end"
    assert "memory verify: " in on_terminal(kernel, "memory", "verify")
    file.write_text("".join(json.dumps({"content": f"kite number {n}"}) + "\n" for n in range(2_000)))
    assert on_terminal(kernel, "--quiet", "memory", "import", str(file), "--galaxy", "many") == ""
    done = memory(kernel, "verify")
    assert done.stderr == "", "short work says nothing where there is no terminal"


def test_the_mapped_copy_is_written_anew_by_a_command(kernel):
    kernel.call("memory.add", {"content": "a gannet dives"})
    told = answer(kernel, "rebuild")
    assert told["rows"] >= 1 and told["left"] <= told["rows"], told
    assert answer(kernel, "verify")["ok"] is True
    assert kernel.call("memory.search", {"query": "gannet"})["hits"]


def test_export_to_standard_output_is_whole_over_pages(kernel):
    kernel.call("galaxy.create", {"name": "pages"})
    lines = "\n".join(json.dumps({"content": f"heron number {number}"}) for number in range(450))
    done = subprocess.run([PROGRAM, "--home", kernel.home, "--json", "memory", "import", "-", "--galaxy", "pages"],
                          env=kernel.environment, input=lines, capture_output=True, text=True)
    assert json.loads(done.stdout)["stored"] == 450, done.stderr
    plain = subprocess.run([PROGRAM, "--home", kernel.home, "memory", "export", "--galaxy", "pages"],
                           env=kernel.environment, capture_output=True, text=True)
    assert len({json.loads(line)["content"] for line in plain.stdout.splitlines()}) == 450
    listed = json.loads(answer(kernel, "export", "--format", "json", "--galaxy", "pages")["data"])
    assert len(listed["memories"]) == 450
    table = answer(kernel, "export", "--format", "csv", "--galaxy", "pages")["data"]
    assert table.count("id,title,content") == 1 and table.count("heron number") == 450


def test_strangers_read_what_is_exported(kernel, tmp_path):
    kernel.call("galaxy.create", {"name": "strangers"})
    kernel.call("memory.add", {"content": "heron", "tags": ["a", "b"], "galaxy": "strangers"})
    for form in ("arrow", "parquet"):
        file = tmp_path / f"all.{form}"
        answer(kernel, "export", "--format", form, "--output", str(file), "--galaxy", "strangers")
        if form == "arrow":
            table = pa.ipc.open_file(file).read_all()
        else:
            parquet = pytest.importorskip("pyarrow.parquet")
            table = parquet.read_table(file)
        row = table.to_pylist()[0]
        assert (row["content"], row["tags"], row["galaxy"]) == ("heron", ["a", "b"], "strangers")
        assert row["created"].year >= 2024


def test_a_file_that_says_nothing_about_itself_needs_a_format(kernel, tmp_path):
    file = tmp_path / "what"
    file.write_text("nothing")
    done = memory(kernel, "import", str(file))
    assert done.returncode == 2 and "--format" in done.stderr


def test_the_real_server_memorys_file_is_taken_over(kernel, tmp_path):
    node = ROOT / "build/conformance/bin/node"
    if not SERVER.exists() or not node.exists():
        pytest.skip("server-memory is absent: scripts/setup.sh conformance readers installs it")
    file = tmp_path / "memory.jsonl"
    server = subprocess.Popen([node, SERVER], env=dict(os.environ, MEMORY_FILE_PATH=str(file)),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    number = 0

    def ask(method, params):
        nonlocal number
        number += 1
        server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}) + "\n")
        server.stdin.flush()
        while True:
            reply = json.loads(server.stdout.readline())
            if reply.get("id") == number:
                assert "result" in reply and not reply["result"].get("isError"), reply
                return reply["result"]

    ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}})
    server.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
    ask("tools/call", {"name": "create_entities", "arguments": {"entities": [
        {"name": "Alice", "entityType": "person", "observations": ["likes herons"]},
        {"name": "Acme", "entityType": "company", "observations": ["makes anvils"]}]}})
    ask("tools/call", {"name": "create_relations", "arguments": {"relations": [
        {"from": "Alice", "to": "Acme", "relationType": "works at"}]}})
    server.stdin.close()
    server.wait(30)
    server.stdout.close()
    kernel.call("galaxy.create", {"name": "taken"})
    report = answer(kernel, "import", str(file), "--galaxy", "taken")
    assert (report["stored"], report["links"], report["refused"]) == (2, 1, 0), report
    found = answer(kernel, "search", "herons", "--galaxy", "taken")["hits"][0]
    assert found["title"] == "Alice" and "Alice works at Acme" in found["content"]
