"""The command line as a newcomer meets it: the wrong thing first, then what it says, what it changes and how it exits."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

from wire import PATIENCE, PROGRAM, ROOT, Client, Kernel

HOSTILE = "nice\x1b]0;owned\x07\x1b[31m red \u202egnp.exe \u009b2J\nallowed: true"
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
# What shows or steers a running kernel, as somebody would type it.
NEED_KERNEL = [("status",), ("down",), ("board",), ("board", "watch", "energy", "--above", "2"), ("ring", "tail"),
               ("ring", "stats"), ("ring", "publish", "x"), ("monitors",), ("agents",), ("ledger", "tail"), 
               ("policy", "test", "health.check"), ("consent", "list"), ("consent", "grant", "c1"), ("consent", "revoke", "c1"),
               ("pause",), ("resume",), ("quarantine", "uid:7"), ("helper", "list"), ("helper", "revoke", "x"), ("agent", "address"),
               ("agent", "close"), ("server", "list"), ("server", "scan", "x"), ("server", "remove", "x"), ("server", "approve", "x")]
# What reads the home's files itself, or asks memory: none of it makes a home.
LOOK = [("ledger", "verify"), ("memory", "verify"), ("policy", "check"), ("doctor",), ("memory", "search", "x"),
        ("memory", "recall", "x"), ("memory", "stats"), ("memory", "export"), ("memory", "rebuild")]


def run(*words, home=None, stdin="", environment=None):
    env = dict(os.environ, RESONANT_LOG="error")
    env.pop("RESONANT_HOME", None)
    env.update(environment or {})
    return subprocess.run([PROGRAM, *(["--home", home] if home else []), *words], input=stdin, env=env, capture_output=True, text=True,
                          timeout=PATIENCE)


def snapshot(folder):
    """All below it: names, modes, owners, sizes and times of change."""
    seen = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        facts = path.lstat()
        seen[str(path)] = (facts.st_mode, facts.st_uid, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    return seen


@pytest.fixture(scope="module")
def kernel():
    with Kernel() as running:
        yield running


@pytest.fixture(scope="module")
def names():
    return run("help", "--names").stdout.splitlines()


def read(kernel, memory):
    return kernel.call("memory.read", {"ids": [memory]})["memories"][0]["content"]


# --- looking changes nothing


@pytest.mark.parametrize("content", ["absent", "empty", "letters"])
def test_looking_changes_nothing_in_a_folder_that_is_no_home(tmp_path, content):
    folder = tmp_path / "folder"
    if content != "absent":
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
    if content == "letters":
        (folder / "letter.txt").write_text("of somebody")
    before = snapshot(tmp_path)
    for words in [*NEED_KERNEL, *LOOK]:
        done = run(*words, home=folder)
        assert snapshot(tmp_path) == before, words
        assert done.returncode != 0 or words == ("doctor",), (words, done.stdout)
        if content == "letters" and words != ("doctor",):
            assert "not a home" in done.stderr and "--home" in done.stderr, (words, done.stderr)


def test_a_folder_with_other_things_is_refused_by_what_makes_homes_too(tmp_path):
    (tmp_path / "letter.txt").write_text("of somebody")
    tmp_path.chmod(0o755)
    before = snapshot(tmp_path)
    for words in [("init",), ("up", "--no-http"), ("up", "--detach"), ("call", "health.check"), ("memory", "add", "x"), ("mcp",),
                  ("server", "add", "x", "--", "true")]:
        done = run(*words, home=tmp_path)
        assert done.returncode not in (0, 4) and "not a home" in done.stderr, (words, done)
    assert snapshot(tmp_path) == before
    if os.getuid() == 0:
        assert "not a home" in run("status", home=pathlib.Path("/proc")).stderr
        assert "not a home" in run("init", home=pathlib.Path("/etc")).stderr


def test_looking_at_a_home_without_a_kernel_changes_nothing_in_it(tmp_path):
    with Kernel() as kernel:
        kernel.call("memory.add", {"content": "kept"})
        kernel.run("down", check=False)
        kernel.process.wait(PATIENCE)
        before = snapshot(kernel.home)
        for words in NEED_KERNEL:
            done = run(*words, home=kernel.home)
            assert done.returncode == 4 and "resonant up" in done.stderr, (words, done)
        for words in [("ledger", "verify"), ("memory", "verify"), ("policy", "check")]:
            assert run(*words, home=kernel.home).returncode == 0, words
        run("doctor", home=kernel.home)
        assert snapshot(kernel.home) == before


def test_a_folder_keeps_its_mode_and_what_is_made_in_it_is_private(tmp_path):
    tmp_path.chmod(0o755)
    assert run("init", home=tmp_path).returncode == 0
    assert run("memory", "add", "private", home=tmp_path, environment={"RESONANT_MODEL": "/nonexistent"}).returncode == 0
    try:
        assert tmp_path.stat().st_mode & 0o777 == 0o755
        for path in tmp_path.iterdir():
            assert path.is_socket() or path.stat().st_mode & 0o077 == 0, (path, oct(path.stat().st_mode))
    finally:
        run("down", home=tmp_path)


# --- words that are nearly right


@pytest.mark.parametrize("words, hint", [
    (("memroy", "add", "x"), "did you mean 'memory'"), (("statsu",), "did you mean 'status'"), (("memory", "serach", "x"), "'memory search'"),
    (("recall", "x"), "'memory recall'"), (("memory", "add", "x", "--titel", "y"), "'--title'"), (("--hom", "/x", "status"), "'--home'"),
    (("frobnicate",), "unknown command"), (("memory",), "add, search"), (("memory", "add"), "missing"),
    (("memory", "search", "x", "--limit", "many"), "not a whole number"), (("memory", "search", "x", "--limit"), "needs a value"),
    (("up", "--listing", "famlies"), "'families'"), (("up", "--http", "7370"), "HOST:PORT"), (("up", "--http", "127.0.0.1:99999"), "HOST:PORT"),
    (("status", "now"), "too many"), (("board", "watch", "energy"), "--above"), (("call", "x.y", "nonsense"), "not a JSON object"),
    (("memory", "search", "a", "--limit", "1", "--limit", "2"), "2 times"), (("memory", "import", "/nonexistent"), "not a file"),
    (("completions", "tcsh"), "bash, zsh, fish"), (("help", "memroy"), "no command"), (("ring", "tail", "-n", "0"), "1 to 500"),
])
def test_a_wrong_line_is_answered_with_what_would_be_right(tmp_path, words, hint):
    done = run(*words, home=tmp_path / "none")
    assert done.returncode == 2, (words, done)
    assert hint in done.stderr and done.stdout == "", (words, done.stderr)
    assert not (tmp_path / "none").exists()


def test_the_program_alone_explains_itself_and_help_names_every_command(names):
    alone = run()
    assert alone.returncode == 2 and "commands" in alone.stderr
    top = run("--help")
    assert top.returncode == 0 and all(name.split()[0] in top.stdout for name in names)
    assert run("--version").stdout.strip().count(".") == 2


def test_each_command_explains_itself_and_its_exit_codes(names):
    page = (ROOT / "docs/command_line.md").read_text()
    codes = dict(re.findall(r"^\| (\d) \| (.+) \|$", page, re.M))
    assert sorted(codes) == list("012345")
    for name in names:
        done = run(*name.split(), "--help")
        assert done.returncode == 0 and done.stdout.startswith(f"resonant {name}: "), name
        assert all(f"  {code} " in done.stdout for code in codes), name
    shown = " ".join(run("--help").stdout.split())
    assert all(f"{code} {words}" in shown for code, words in codes.items()), "the page and the table say the same"


def test_an_unknown_option_is_a_usage_error_of_each_command(names):
    for name in names:
        done = run(*name.split(), "--frobnicate")
        assert done.returncode == 2 and "unknown option '--frobnicate'" in done.stderr, (name, done.stderr)


# --- texts from elsewhere


def test_a_text_comes_from_standard_input_or_a_file(kernel, tmp_path):
    file = tmp_path / "note.txt"
    file.write_text("from a file: quillwort\n")
    added = kernel.run("--json", "memory", "add", f"@{file}")
    assert read(kernel, added["id"]) == "from a file: quillwort"
    piped = run("--json", "memory", "add", "-", home=kernel.home, stdin="from a pipe: horsetail\nsecond line\n")
    assert read(kernel, json.loads(piped.stdout)["id"]) == "from a pipe: horsetail\nsecond line"
    at = kernel.run("--json", "memory", "add", "@@alice says so")
    assert read(kernel, at["id"]) == "@alice says so"
    arguments = tmp_path / "arguments.json"
    arguments.write_text('{"query": "quillwort"}')
    assert kernel.run("--json", "call", "memory.search", f"@{arguments}")["count"] >= 1
    assert json.loads(run("--json", "call", "memory.search", "-", home=kernel.home, stdin='{"query": "horsetail"}').stdout)["count"] >= 1
    assert json.loads(run("--json", "memory", "search", "-", home=kernel.home, stdin="horsetail").stdout)["count"] >= 1
    missing = run("memory", "add", "@/nonexistent", home=kernel.home)
    assert missing.returncode == 2 and "@@" in missing.stderr
    twice = run("policy", "test", "memory.add", "@/proc/self/mem", home=kernel.home)
    assert twice.returncode == 2, twice


# --- exit codes


def test_exit_codes_say_how_it_went(kernel):
    assert run("status", home=kernel.home).returncode == 0
    failed = run("call", "memory.history", '{"id": "m999999"}', home=kernel.home)
    assert failed.returncode == 1 and "m999999" in failed.stderr and failed.stdout == "", failed
    late = run("board", "watch", "harmony.energy", "--above", "2", "--timeout", "0.05", home=kernel.home)
    assert late.returncode == 5, late
    kernel.run("quarantine", f"uid:{os.getuid()}", "--reason", "for a test", owner=True)
    try:
        if os.getuid() != 0:  # root on this socket is the owner
            denied = run("memory", "add", "x", home=kernel.home)
            assert denied.returncode == 3 and "for a test" in denied.stderr, denied
    finally:
        kernel.run("quarantine", f"uid:{os.getuid()}", "--lift", owner=True)
    wrong = run("call", "dharma.set_profile", '{"profile": "secure"}', home=kernel.home, environment={"RESONANT_ADMIN_SECRET": "wrong"})
    assert wrong.returncode == 3, wrong


def test_errors_are_json_on_stdout_when_json_is_asked_for(kernel):
    done = run("--json", "call", "memory.history", '{"id": "m999999"}', home=kernel.home)
    assert done.returncode == 1 and json.loads(done.stdout)["error"]["code"] == "not_found"


# --- which commands start a kernel


def test_what_stores_or_asks_starts_a_kernel_and_says_so(tmp_path):
    home = tmp_path / "home"
    (tmp_path / "notes.md").write_text("# moss\ngrows on stones\n")
    try:
        stored = run("memory", "import", tmp_path / "notes.md", home=home)
        assert stored.returncode == 0 and "one was started" in stored.stderr, stored
        again = run("memory", "search", "moss", home=home)
        assert again.returncode == 0 and again.stderr == "", again
        assert run("down", home=home).returncode == 0
        asked = run("--quiet", "memory", "search", "moss", home=home)
        assert asked.returncode == 0 and "moss" in asked.stdout and asked.stderr == "", asked
    finally:
        run("down", home=home)


# --- where a kernel listens


def started(home, *words, environment=None):
    return run("up", "--detach", *words, home=home, environment=environment)


def test_up_detached_says_where_it_listens_and_keeps_its_flags(tmp_path):
    home = tmp_path / "home"
    try:
        done = started(home, "--http", "127.0.0.1:0", "--idle-exit", "77")
        assert done.returncode == 0, done
        pid = int(re.search(r"pid (\d+)", done.stdout)[1])
        assert str(home / "kernel.sock") in done.stdout and re.search(r"http://127\.0\.0\.1:\d+/mcp", done.stdout)
        assert "--idle-exit\x0077" in pathlib.Path(f"/proc/{pid}/cmdline").read_text()
        again = started(home, "--no-http")
        assert again.returncode == 0 and "already" in again.stderr and f"pid {pid}" in again.stdout, again
        assert json.loads(started(home, "--json").stdout)["pid"] == pid
    finally:
        stopped = run("down", home=home)
    assert stopped.returncode == 0 and str(pid) in stopped.stdout


def test_up_says_why_it_does_not_listen(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        asked = started(tmp_path / "asked", "--http", address)
        assert asked.returncode == 1 and address in asked.stderr and "in use" in asked.stderr, asked
        second = started(tmp_path / "asked", "--http", address)
        assert second.stderr.count(address) == asked.stderr.count(address), "old lines of the log are not shown as new"
        home = tmp_path / "home"
        assert run("init", home=home).returncode == 0
        (home / "resonant.toml").write_text(f"[http]\nport = {taken.getsockname()[1]}\n")
        try:
            done = started(home)
            assert done.returncode == 0 and "off: " in done.stdout and "in use" in done.stdout, done
        finally:
            run("down", home=home)


def test_a_wrong_configuration_keeps_a_kernel_from_starting_with_the_line(tmp_path):
    assert run("init", home=tmp_path).returncode == 0
    (tmp_path / "resonant.toml").write_text("\n[http]\nprot = 1\n")
    for words in [("up",), ("up", "--detach")]:
        done = run(*words, home=tmp_path)
        assert done.returncode == 2 and "resonant.toml:3" in done.stderr and "did you mean 'port'" in done.stderr, done


# --- the log


def log_of(kernel):
    kernel.run("down", check=False)
    kernel.process.wait(PATIENCE)
    return kernel.process.stderr.read()


def test_the_log_tells_start_attach_refusal_and_stop_and_nobodys_texts():
    policy = "version: 1\nrules:\n  - name: no_notes\n    explain: not here\n    action: block\n    when: {tools: [scratchpad.create]}\n"
    with Kernel(environment={"RESONANT_LOG": "info"}, policy=policy) as kernel:
        client = Client(kernel.home, kernel.environment, initialize=False)
        kernel.clients.append(client)
        client.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                                  "clientInfo": {"name": "evil\x1b[2J\nroot: forged", "version": "1"}})
        client.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        client.call("memory.add", {"content": "the secret recipe"})
        client.call("scratchpad.create", {"name": "the secret pad"})
        client.close()
        lines = log_of(kernel).splitlines()
    text = "\n".join(lines)
    assert not UNSEEN.search(text) and "secret" not in text
    assert any("started: " in line and "kernel.sock" in line for line in lines), text
    assert any("attached: client 'evil\\x1b[2J\\nroot: forged'" in line for line in lines), text
    assert any("refused: scratchpad.create" in line and "no_notes" in line for line in lines), text
    assert any("left: client 'evil" in line for line in lines), text
    assert any("stopping: by `resonant down`" in line for line in lines) and "stopped" in lines[-1], text


def test_the_log_is_json_when_asked_and_its_level_is_a_setting(tmp_path):
    environment = dict(os.environ)
    environment.pop("RESONANT_LOG", None)
    for flags, toml, expect in [(["--log-format", "json"], "", "json"), ([], '[log]\nlevel = "error"\n', "nothing"),
                                ([], "", "text")]:
        home = tmp_path / expect
        assert run("init", home=home).returncode == 0
        (home / "resonant.toml").write_text(toml)
        process = subprocess.Popen([PROGRAM, "--home", home, "up", "--no-http", *flags], env=environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        assert str(home) in process.stdout.readline(), "it says where it listens before it serves"
        process.terminate()
        log = process.communicate(timeout=PATIENCE)[1].splitlines()
        if expect == "json":
            assert any(json.loads(line)["message"].startswith("started") for line in log), log
        elif expect == "text":
            assert any(" info: started" in line for line in log) and any("by signal TERM" in line for line in log), log
        else:
            assert log == [], log


# --- doctor


def doctor(home, environment=None):
    done = run("--json", "doctor", home=home, environment=environment)
    answer = json.loads(done.stdout)
    assert done.returncode == (0 if answer["ok"] else 1)
    return {part["part"]: part for part in answer["parts"]}


def test_doctor_names_what_needs_a_person_and_the_command_for_it(tmp_path):
    home = tmp_path / "home"
    assert run("init", home=home).returncode == 0
    (home / "resonant.toml").write_text("[http]\nenabled = false\n")
    calm = doctor(home)
    assert all(calm[part]["state"] == "ok" for part in ("home", "configuration", "policy", "ledger", "disk", "HTTP")), calm
    (home / "policy.d/10-broken.yaml").write_text("rules: [nonsense\n")
    (home / "resonant.toml").write_text("\nlistnig = 'all'\n")
    ill = doctor(home, environment={"RESONANT_MODEL": "/nonexistent"})
    for part, words in [("configuration", "resonant.toml:2"), ("policy", "10-broken.yaml"), ("embedding model", "/nonexistent")]:
        assert ill[part]["state"] == "needs a person" and words in ill[part]["detail"] and ill[part]["way_out"], ill[part]
    for_people = run("doctor", home=home)
    assert for_people.returncode == 1 and "-> edit" in for_people.stdout and "need a person" in for_people.stdout


def test_doctor_sees_a_taken_port_pauses_and_waiting_consents(kernel):
    client = kernel.client()
    assert not client.call("consent.request", {"action": "sandbox.run", "reason": "to look", "wait_s": 0})[1]
    kernel.run("pause", "--reason", "fire drill", owner=True)
    try:
        parts = doctor(kernel.home)
        assert "fire drill" in parts["pause"]["detail"] and parts["pause"]["way_out"].endswith("resume")
        assert "sandbox.run" in parts["consent"]["detail"] and "consent grant" in parts["consent"]["way_out"]
    finally:
        kernel.run("resume", owner=True)
    with socket.socket() as taken, tempfile.TemporaryDirectory() as folder:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        home = pathlib.Path(folder) / "home"
        run("init", home=home)
        (home / "resonant.toml").write_text(f"[http]\nport = {taken.getsockname()[1]}\n")
        assert doctor(home)["HTTP"]["state"] == "needs a person"


# --- what others wrote


def test_nothing_that_others_wrote_reaches_the_terminal(kernel):
    stored = kernel.call("memory.add", {"content": HOSTILE, "title": "t\x1b[1m"})
    client = Client(kernel.home, kernel.environment, initialize=False)
    kernel.clients.append(client)
    client.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": HOSTILE, "version": "1"}})
    client.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
    client.call("consent.request", {"scope": "sandbox.run", "reason": HOSTILE})
    kernel.call("event.publish", {"type": "x\x1b[2J\u202e", "payload": {"a\x1b": HOSTILE}})
    kernel.run("quarantine", "uid:4242", "--reason", HOSTILE, owner=True)
    for words in [("memory", "search", "nice"), ("memory", "recall", "nice"), ("call", "memory.read", json.dumps({"ids": [stored["id"]]})),
                  ("memory", "stats"), ("consent", "list"), ("ring", "tail", "-n", "100"), ("agents",), ("monitors",), ("ledger", "tail"), ("status",),
                  ("doctor",), ("board",), ("server", "list"), ("call", "memory.read", json.dumps({"ids": [HOSTILE]})), ("memory", "add", "", "--titel\x1b"),
                  ("\x1b[2J",), ("policy", "test", "memory.add\x1b")]:
        for way in ([], ["--json"]):
            done = run(*way, *words, home=kernel.home)
            assert not UNSEEN.search(done.stdout) and not UNSEEN.search(done.stderr), (words, done)
            assert "\nallowed: true" not in done.stdout, words
    shown = json.loads(run("--json", "call", "memory.read", json.dumps({"ids": [stored["id"]]}), home=kernel.home).stdout)
    assert "owned" in shown["memories"][0]["content"], "--json keeps the value"


# --- the ring, times and numbers


def test_ring_tail_shows_the_newest_and_follows(kernel):
    for number in range(30):
        kernel.call("event.publish", {"type": f"leaf_{number}"})
    newest = kernel.run("--json", "ring", "tail", "-n", "5", "--type", "leaf_29", "--type", "leaf_28")
    assert [event["type"] for event in newest["events"]] == ["leaf_28", "leaf_29"]
    lines = run("ring", "tail", "-n", "7", home=kernel.home).stdout.splitlines()
    assert len(lines) == 7 and all(re.match(r"\d{4}-\d\d-\d\dT", line) for line in lines), lines
    follower = subprocess.Popen([PROGRAM, "--home", kernel.home, "ring", "tail", "-f", "--type", "branch"], env=kernel.environment,
                                stdout=subprocess.PIPE)
    try:
        deadline = time.monotonic() + PATIENCE
        os.set_blocking(follower.stdout.fileno(), False)
        seen = ""
        while "branch" not in seen and time.monotonic() < deadline:
            kernel.call("event.publish", {"type": "branch", "payload": {"value": 12}})
            seen += (follower.stdout.read() or b"").decode()
        assert 'branch' in seen and '"value":12' in seen, seen
    finally:
        follower.terminate()
        follower.wait(PATIENCE)


def test_people_read_durations_and_short_numbers(kernel):
    kernel.call("memory.add", {"content": "a thing to measure"})
    status = run("status", home=kernel.home).stdout
    assert re.search(r"^uptime: [\d.]+ (s|min|ms)", status, re.M), status
    for words in [("board",), ("status",), ("ring", "stats"), ("memory", "stats"), ("memory", "recall", "thing"), ("agents",)]:
        text = run(*words, home=kernel.home).stdout
        assert not re.search(r"\d\.\d{7,}|(?<![\w:.-])\d{16,}", text), (words, text)
        assert not re.search(r"_(ns|ms|s|bytes): ", text), (words, text)
    raw = kernel.run("--json", "status")
    assert isinstance(raw["uptime_s"], float)


# --- completions and manual pages


def complete(line, folder):
    words = line.split(" ")
    script = (f'source {folder}/resonant.bash; COMP_WORDS=({" ".join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}; '
              '_resonant; printf "%s\\n" "${COMPREPLY[@]}"')
    return subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=True).stdout.split()


def test_bash_completes_commands_options_and_values(tmp_path):
    (tmp_path / "resonant.bash").write_text(run("completions", "bash").stdout)
    assert complete("resonant me", tmp_path) == ["memory"]
    assert {"add", "recall", "export"} <= set(complete("resonant memory ", tmp_path))
    assert complete("resonant --home /x memory ex", tmp_path) == ["export"]
    assert complete("resonant up --lis", tmp_path) == ["--listing"]
    assert complete("resonant up --listing f", tmp_path) == ["families"]
    assert complete("resonant client-config cur", tmp_path) == ["cursor"]
    assert "--json" in complete("resonant status --j", tmp_path)
    (tmp_path / "notes.md").write_text("")
    assert complete(f"resonant memory import {tmp_path}/no", tmp_path) == [f"{tmp_path}/notes.md"]
    for shell in ("zsh", "fish"):
        script = run("completions", shell).stdout
        assert "memory" in script and "--listing" in script.replace("-l listing", "--listing")
        if shutil.which(shell):
            subprocess.run([shell, "-n", "/dev/stdin"], input=script, text=True, check=True, timeout=PATIENCE)


def test_manual_pages_are_clean_and_name_everything(names):
    whole = run("man").stdout
    assert all(name.split()[0] in whole.replace("\\-", "-") for name in names)
    for name in ["", *names]:
        page = run("man", *name.split()).stdout
        assert page.startswith(".TH RESONANT") and ".SH EXIT STATUS" in page, name
        if shutil.which("groff"):
            lint = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z"], input=page, capture_output=True, text=True, timeout=PATIENCE)
            assert lint.stderr == "", (name, lint.stderr)


# --- ./dev


def test_dev_explains_a_command_before_it_sets_anything_up():
    for words in [("test", "--help"), ("bench", "-h"), ("demo", "--help"), ("setup", "--help")]:
        done = subprocess.run([ROOT / "dev", *words], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0 and f"./dev {words[0]}" in done.stdout and done.stderr == "", (words, done)


def test_dev_test_builds_only_what_a_name_needs():
    def needs(name):
        return subprocess.run(["python3", ROOT / "scripts/test_needs.py", name], capture_output=True, text=True, timeout=PATIENCE)
    assert needs("printable").stdout.splitlines()[1] == "test_base"
    assert "resonant" in needs("test_manners").stdout.splitlines()[1].split()
    unknown = needs("frobnicate")
    assert unknown.returncode == 2 and "folders:" in unknown.stderr
