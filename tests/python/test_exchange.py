"""Memories out and in at the command line, read by strangers, and taken over from another product."""

import json
import os
import pathlib
import pty
import random
import signal
import sqlite3
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
    assert "memory.import: " in told and "records" in told and " % " in told, told
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


def test_what_is_killed_in_the_middle_goes_on_without_loss_and_without_doubles(tmp_path):
    kernel = Kernel()
    try:
        count = 6_000
        file = kernel.home / "inbox" / "many.jsonl"
        file.write_text("".join(json.dumps({"id": f"k{n}", "content": f"gannet number {n % 50}",
                                            "links": [{"to": f"k{n + 1}", "type": "extends"}] if n % 10 == 0 else []}) + "\n"
                                for n in range(count)))
        # Copies are asked for, so that a record that came twice would be there twice.
        words = [PROGRAM, "--home", kernel.home, "--json", "call", "memory.import",
                 json.dumps({"format": "jsonl", "path": "many.jsonl", "on_conflict": "copy"})]
        seed = random.randrange(2**32)
        print("seed", seed)
        delays = random.Random(seed)
        kills = 0
        while True:
            going = subprocess.Popen(words, env=kernel.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                told, wrong = going.communicate(timeout=60 if kills == 4 else delays.uniform(0.05, 0.4))
                break
            except subprocess.TimeoutExpired:
                kernel.kill()
                kills += 1
                going.communicate()
                kernel.start()
        report = json.loads(told)
        assert kills >= 1 and report["records"] == count, (told, wrong)
        assert report["stored"] == count - report.get("resumed_at", 0)
        assert kernel.call("galactic.dashboard")["total"] == count
        lines = list(exported(kernel, "jsonl"))
        assert len(lines) == count
        links = [link for line in lines for link in line.get("links", []) if link["type"] == "extends"]
        assert len(links) == count // 10
        assert kernel.run("memory", "verify", "--json")["ok"] is True
    finally:
        kernel.close()


def test_an_import_that_its_person_interrupts_goes_on_with_the_same_command(quiet, tmp_path):
    quiet.call("galaxy.create", {"name": "interrupted"})
    file = tmp_path / "many.jsonl"
    count = 8_000
    file.write_text("".join(json.dumps({"content": f"gull number {n}"}) + "\n" for n in range(count)))
    words = [PROGRAM, "--home", quiet.home, "--json", "memory", "import", file, "--galaxy", "interrupted"]
    going = subprocess.Popen(words, env=quiet.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while quiet.call("galactic.dashboard", {"galaxy": "interrupted"})["total"] == 0:
        pass
    going.send_signal(signal.SIGINT)
    going.communicate()
    report = answer(quiet, "import", str(file), "--galaxy", "interrupted")
    assert report["records"] == count and report["stored"] + report["skipped"] == count - report.get("resumed_at", 0)
    assert quiet.call("galactic.dashboard", {"galaxy": "interrupted"})["total"] == count
    assert not list((quiet.home / "inbox").iterdir())


def exported(kernel, form):
    made = kernel.call("memory.export", {"format": form, "path": f"all.{form}"})
    with open(made["path"]) as lines:
        for line in lines:
            yield json.loads(line)


@pytest.fixture(scope="module")
def quiet():
    """A kernel that does nothing beside what it is asked."""
    kernel = Kernel(environment={"RESONANT_MODEL": "/nonexistent"})
    yield kernel
    kernel.close()


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "markdown", "server_memory", "mem0", "arrow", "parquet"])
def test_a_large_file_costs_no_more_memory_than_a_small_one(quiet, form):
    """96 MiB are read through, and the kernel grows by less than half of it."""
    kernel = quiet
    text = ("heron " * 200_000)[:900_000]
    count = 112
    file = kernel.home / "inbox" / f"large.{form}"
    if form in ("arrow", "parquet"):
        parquet = pytest.importorskip("pyarrow.parquet")
        schema = pa.schema([("content", pa.string())])
        write = pa.ipc.new_file(file, schema) if form == "arrow" else parquet.ParquetWriter(file, schema, compression="NONE")
        with write as table:
            for number in range(count):
                table.write_batch(pa.record_batch([pa.array([f"{number} {text}"])], schema))
    else:
        before = {"json": '{"memories": [\n', "csv": "title,content\n", "mem0": '{"results": ['}.get(form, "")
        with file.open("w") as lines:
            lines.write(before)
            for number in range(count):
                comma = "," if number else ""
                lines.write({"jsonl": f'{{"content": "{number} {text}"}}\n',
                             "json": f'{comma}{{"content": "{number} {text}"}}',
                             "csv": f'heron,"{number} {text}"\n',
                             "markdown": f"# heron\n{number} {text}\n",
                             "server_memory": f'{{"type": "entity", "name": "{number}", "entityType": "bird", '
                                              f'"observations": ["{text}"]}}\n',
                             "mem0": f'{comma}{{"memory": "{number} {text}"}}'}[form])
            lines.write({"json": "]}", "mem0": "]}"}.get(form, ""))
    process = kernel.process.pid
    pathlib.Path(f"/proc/{process}/clear_refs").write_text("5")  # the peak is counted from here
    before = memory_of(process, "VmRSS")
    report = kernel.call("memory.import", {"format": form, "path": file.name, "validate_only": True})
    grown = memory_of(process, "VmHWM") - before
    file.unlink()
    assert (report["records"], report["refused"]) == (count, 0), report
    assert grown < 48 * 1024, f"{grown} KiB"


def memory_of(process, name):
    """KiB."""
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise AssertionError(name)


def test_a_store_that_is_open_elsewhere_is_read_with_its_log(kernel, tmp_path):
    kernel.call("galaxy.create", {"name": "open"})
    store = sqlite3.connect(tmp_path / "history.db", isolation_level=None)
    store.execute("PRAGMA journal_mode=WAL")
    store.execute("CREATE TABLE history(id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, event TEXT,"
                  " created_at DATETIME, updated_at DATETIME, is_deleted INTEGER, actor_id TEXT, role TEXT)")
    store.execute("INSERT INTO history VALUES('1', 'a', NULL, 'likes gannets', 'ADD', '2024-07-26T08:00:00', NULL, 0, NULL, NULL)")
    report = answer(kernel, "import", str(tmp_path / "history.db"), "--format", "mem0", "--galaxy", "open")
    store.close()
    assert (report["stored"], report["refused"]) == (1, 0), report


def test_a_file_that_says_nothing_about_itself_needs_a_format(kernel, tmp_path):
    file = tmp_path / "what"
    file.write_text("nothing")
    done = memory(kernel, "import", str(file))
    assert done.returncode == 1 and "--format" in done.stdout


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
