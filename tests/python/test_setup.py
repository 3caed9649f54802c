"""`resonant setup CLIENT` on the files of tests/clients_files and on files of its own: shown first, done, done again,
undone; what is not ours stays byte for byte."""

import json
import os
import pathlib
import pty
import select
import shutil
import signal
import stat
import subprocess
import sys
import termios
import time
import tomllib

import pytest

from wire import PATIENCE, PROGRAM, ROOT, Kernel

FILES = ROOT / "tests" / "clients_files"
CLIENTS = ["claude", "claude-desktop", "cursor", "vscode", "codex", "gemini", "windsurf", "zed", "cline", "opencode"]
SERVER = pathlib.Path(__file__).with_name("scripted_server.py")
TOOLS = [{"name": name, "description": "does it", "inputSchema": {"type": "object"}} for name in ("echo", "env", "fail")]


def without_comments(text):
    """What a second reader makes of JSON with comments: a state machine over characters."""
    made, at, text = [], 0, text.removeprefix("\ufeff")
    while at < len(text):
        if text[at] == '"':
            end = at + 1
            while text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            made.append(text[at:end + 1])
            at = end + 1
        elif text[at:at + 2] == "//":
            at = min((i for i in (text.find("\n", at), text.find("\r", at)) if i >= 0), default=len(text))
        elif text[at:at + 2] == "/*":
            at = text.index("*/", at) + 2
        else:
            made.append(text[at] if not text[at].isspace() else " ")
            at += 1
    tokens = [one for one in made if one != " "]
    return "".join(one for i, one in enumerate(tokens) if not (one == "," and tokens[i + 1] in "}]"))


def value_of(path):
    text = path.read_bytes().decode()
    if path.suffix == ".toml":
        return tomllib.loads(text)
    return json.loads(without_comments(text)) if text.strip() else {}


class Person:
    """Somebody's home folder and their resonant."""

    def __init__(self, folder):
        self.folder = folder
        self.home = folder / "state"
        self.environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "RESONANT_LOG": "error",
                            **{name: os.environ[name] for name in ("LD_LIBRARY_PATH", "RESONANT_MODEL") if name in os.environ}}
        self.words = [sys.executable, "-S", "-E", str(SERVER), "legacy", str(folder / "tools.json")]
        (folder / "tools.json").write_text(json.dumps(TOOLS))

    def run(self, *words, code=0, given=""):
        done = subprocess.run([PROGRAM, "--home", self.home, "--json", *words], env=self.environment, input=given,
                              capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        self.said = done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def server(self, **more):
        return {"command": self.words[0], "args": self.words[1:], **more}

    def list(self):
        return {one["name"]: one for one in self.run("server", "list")["servers"]}


@pytest.fixture
def person(tmp_path):
    made = Person(tmp_path)
    made.environment["RESONANT_ADMIN_SECRET"] = made.run("init")["admin_secret"]
    yield made
    if made.home.exists():
        subprocess.run([PROGRAM, "--home", made.home, "down"], env=made.environment, capture_output=True, timeout=PATIENCE)


@pytest.mark.parametrize("case", sorted(one.name for one in FILES.iterdir()))
def test_a_dry_run_shows_what_would_be_done_and_touches_nothing(case, tmp_path):
    person = Person(tmp_path)
    client = max((one for one in CLIENTS if case.startswith(one)), key=len)
    (sample,) = (FILES / case).glob("before.*")
    file = person.folder / ("settings" + sample.suffix)
    shutil.copy(sample, file)
    before = sorted(one.name for one in person.folder.iterdir())
    shown = person.run("setup", client, "--file", str(file), "--dry-run", "--workspace", str(person.folder))
    plan = json.loads((FILES / case / "plan.json").read_text())
    assert {one["name"] for one in shown["take_over"]} >= {one["path"][-1] for one in plan["taken"]}, shown
    assert shown["changed"] is False and "state" in shown["block"]
    assert "abc" not in json.dumps(shown["take_over"]), "no value of a variable is shown"
    assert file.read_bytes() == sample.read_bytes()
    assert sorted(one.name for one in person.folder.iterdir()) == before, "not even the home is made"
    refused = person.run("setup", client, "--file", str(file), code=2)
    assert "--yes" in person.said and refused["changed"] is False
    assert file.read_bytes() == sample.read_bytes()


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_without_a_file_gets_one_that_its_own_reader_understands(client, person):
    done = person.run("setup", client, "--yes")
    file = pathlib.Path(done["file"])
    assert file.is_relative_to(person.folder) and done["changed"] is True
    text = json.dumps(value_of(file))
    assert json.dumps(["mcp", "--home", str(person.home)])[1:-1] in text and str(PROGRAM.resolve()) in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    bytes_ = file.read_bytes()
    assert person.run("setup", client, "--yes")["changed"] is False
    assert file.read_bytes() == bytes_
    assert person.run("setup", client, "--undo", "--yes")["changed"] is True
    assert not file.exists()
    person.run("setup", client, "--undo", "--yes", code=1)


def test_servers_go_behind_us_out_of_the_file_and_back(person):
    file = person.folder / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text('{\n    // mine\n    "mcpServers": {\n        "one": %s, // the first\n        "off": %s,\n        "sse": '
                    '{"type": "sse", "url": "http://x/sse"},\n        "dead": {"command": "no-such-program-here"},\n    },\n    "other": 1.0,\n}\n'
                    % (json.dumps(person.server(env={"COLOUR": "${COLOUR:-green}"}, disabledTools=["fail"])),
                       json.dumps(person.server(disabled=True))))
    original = file.read_bytes()
    done = person.run("setup", "cursor", "--yes")
    assert {one["name"] for one in done["taken_over"]} == {"one", "off"}, done
    assert {one["name"] for one in done["stays_in_file"]} == {"sse", "dead"}, done
    assert set(value_of(file)["mcpServers"]) == {"sse", "dead", "resonant"} and b"// mine" in file.read_bytes()
    assert b'"other": 1.0' in file.read_bytes()
    assert pathlib.Path(str(file) + ".before-resonant").read_bytes() == original
    there = person.list()
    assert there["one"]["tools"] == 2 and there["one"]["tools_hidden"] == 1, there
    assert there["off"]["state"] == "disabled" and there["off"]["tools"] == 0 and "pid" not in there["off"], there
    environment = person.run("call", "one__env", "{}")
    assert "green" in json.dumps(environment)
    # A second run has nothing to do but what failed before; the original is still the first.
    bytes_ = file.read_bytes()
    assert person.run("setup", "cursor", "--yes")["changed"] is False
    assert file.read_bytes() == bytes_
    assert pathlib.Path(str(file) + ".before-resonant").read_bytes() == original
    undone = person.run("setup", "cursor", "--undo", "--yes")
    assert undone["changed"] is True and sorted(undone["still_behind_resonant"]) == ["off", "one"] and "changed_since" not in undone
    assert file.read_bytes() == original
    assert not pathlib.Path(str(file) + ".before-resonant").exists()


def test_an_undo_keeps_what_was_changed_since_and_names_it(person):
    file = person.folder / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"one": person.server()}, "theme": "dark"}, indent=2))
    person.run("setup", "cursor", "--file", str(file), "--yes")
    changed = value_of(file)
    changed["theme"] = "light"
    changed["mcpServers"]["new"] = {"command": "x"}
    file.write_text(json.dumps(changed, indent=2))
    undone = person.run("setup", "cursor", "--file", str(file), "--undo", "--yes")
    assert sorted(undone["changed_since"]) == ["mcpServers.new: added", "theme: changed"], undone
    now = value_of(file)
    assert now["theme"] == "light" and set(now["mcpServers"]) == {"one", "new"}, now
    assert now["mcpServers"]["one"] == person.server()


def test_keep_leaves_the_servers_in_the_file_and_a_second_run_finds_nothing_to_do(person):
    file = person.folder / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"one": person.server()}}))
    done = person.run("setup", "cursor", "--file", str(file), "--keep", "--yes")
    assert done["changed"] is True and set(value_of(file)["mcpServers"]) == {"one", "resonant"}
    assert person.run("setup", "cursor", "--file", str(file), "--keep", "--yes")["changed"] is False
    assert person.run("setup", "cursor", "--file", str(file), "--yes")["taken_over"] == [{"name": "one", "behind_resonant": True}]
    assert set(value_of(file)["mcpServers"]) == {"resonant"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root is the owner without a secret")
def test_who_is_no_owner_yet_becomes_one_in_the_same_step(tmp_path):
    person = Person(tmp_path)
    file = person.folder / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"one": person.server()}}))
    try:
        done = person.run("setup", "cursor", "--file", str(file), "--yes")
        assert done["admin_secret"] and done["taken_over"][0]["name"] == "one", done
    finally:
        person.run("down")


def test_this_program_is_never_put_behind_itself(person):
    file = person.folder / "claude_desktop_config.json"
    person.run("setup", "claude-desktop", "--file", str(file), "--yes")
    done = person.run("server", "import", str(file))
    assert done["imported"] == [] and any("behind itself" in words for words in done["left_out"]), done
    assert person.list() == {}


def test_a_broken_file_is_refused_with_its_place_and_nothing_is_written(person):
    file = person.folder / "mcp.json"
    for text, place in (('{\n  "mcpServers": {\n    "a" {}\n  }\n}', "line 3, column 9"), ("[]", "not a JSON object"),
                        ('{"mcpServers": [1]}', "mcpServers"), ('{"a": "\n"}', "line 1"), ("\x00", "line 1")):
        file.write_text(text)
        person.run("setup", "cursor", "--file", str(file), "--yes", code=1)
        assert place in person.said, person.said
        assert file.read_text() == text and not pathlib.Path(str(file) + ".before-resonant").exists()
    toml = person.folder / "config.toml"
    toml.write_text("a = 1\n[mcp_servers\n")
    person.run("setup", "codex", "--file", str(toml), "--yes", code=1)
    assert "line 2" in person.said, person.said
    person.run("setup", "emacs", "--yes", code=2)
    assert "claude-desktop" in person.said


def test_a_link_stays_a_link_and_a_folder_that_cannot_be_written_is_said(person):
    real = person.folder / "dotfiles" / "mcp.json"
    real.parent.mkdir()
    real.write_text('{"mcpServers": {}}')
    link = person.folder / "mcp.json"
    link.symlink_to(real)
    shown = person.run("setup", "cursor", "--file", str(link), "--dry-run")
    assert shown["link_to"] == str(real)
    person.run("setup", "cursor", "--file", str(link), "--yes")
    assert link.is_symlink() and "resonant" in value_of(real)["mcpServers"]
    person.run("setup", "cursor", "--file", str(link), "--undo", "--yes")
    assert link.is_symlink() and real.read_text() == '{"mcpServers": {}}'
    if os.geteuid() != 0:
        real.parent.chmod(0o500)
        person.run("setup", "cursor", "--file", str(link), "--yes", code=1)
        assert "ermission" in person.said and real.read_text() == '{"mcpServers": {}}'
        real.parent.chmod(0o700)


def test_a_missing_variable_is_named_and_a_kept_secret_is_the_one_that_is_used(person):
    file = person.folder / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"one": person.server(env={"KEY": "x${SETUP_KEY}"})}}))
    done = person.run("setup", "cursor", "--file", str(file), "--yes")
    assert "${SETUP_KEY}" in done["stays_in_file"][0]["why"] and "server secret one SETUP_KEY" in done["stays_in_file"][0]["why"]
    assert "one" in value_of(file)["mcpServers"], "who is not behind us stays"
    person.run("server", "secret", "one", "SETUP_KEY", given="first\n")
    person.run("setup", "cursor", "--file", str(file), "--yes")
    assert "xfirst" in json.dumps(person.run("call", "one__env", "{}"))
    kept = json.loads((person.home / "servers.json").read_text())["servers"]["one"]["spec"]["env"]["KEY"]
    assert kept == "x${SETUP_KEY}", "as it was written, not as it was filled in"
    secret = person.home / "secrets" / "one@SETUP_KEY"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    person.run("server", "secret", "one", "SETUP_KEY", given="second\n")
    person.run("server", "disable", "one")
    assert person.list()["one"]["state"] == "disabled"
    person.run("server", "enable", "one")
    deadline = time.monotonic() + PATIENCE
    while person.list()["one"].get("tools") != len(TOOLS):
        assert time.monotonic() < deadline, person.list()
        time.sleep(0.05)
    assert "xsecond" in json.dumps(person.run("call", "one__env", "{}"))


def test_what_a_client_would_ask_is_asked_at_a_terminal_and_never_shown(person):
    file = person.folder / "mcp.json"
    file.write_text(json.dumps({"inputs": [{"id": "key", "type": "promptString", "description": "The Key", "password": True}],
                                "servers": {"one": person.server(env={"KEY": "${input:key}"})}}))
    done = person.run("setup", "vscode", "--file", str(file), "--yes")
    assert "server secret one key" in done["stays_in_file"][0]["why"], done
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(PROGRAM, [str(PROGRAM), "--home", str(person.home), "setup", "vscode", "--file", str(file)], person.environment)
    said, answers = b"", [(b"do it?", b"y\n"), (b"The Key", b"typed-secret\n")]
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1)
        try:
            said += os.read(terminal, 65536) if ready else b""
        except OSError:
            break
        if answers and answers[0][0] in said:
            os.write(terminal, answers.pop(0)[1])
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, said
    assert not answers and b"typed-secret" not in said, said
    assert (person.home / "secrets" / "one@key").read_text() == "typed-secret"
    assert "typed-secret" in json.dumps(person.run("call", "one__env", "{}"))
    assert "one" not in value_of(file)["servers"]


def test_a_terminal_left_at_a_hidden_question_shows_again_what_is_typed(person):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(PROGRAM, [str(PROGRAM), "--home", str(person.home), "server", "secret", "one", "key"], person.environment)
    said, deadline = b"", time.monotonic() + PATIENCE
    while b"key of server one" not in said and time.monotonic() < deadline:
        said += os.read(terminal, 65536)
    local_modes = 3
    assert not termios.tcgetattr(terminal)[local_modes] & termios.ECHO, said
    os.write(terminal, b"\x03")  # Ctrl-C
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGINT
    assert termios.tcgetattr(terminal)[local_modes] & termios.ECHO
    assert not (person.home / "secrets" / "one@key").exists()


def test_an_entry_of_servers_json_that_cannot_be_used_is_named_and_kept(person):
    odd = {"a": {"spec": {"name": "a", "command": ["x"], "url": "http://h/"}}, "b": 5, "c": {"spec": []}}
    (person.home / "servers.json").write_text(json.dumps({"version": 1, "servers": odd}))
    file = person.folder / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"one": person.server(disabled=True)}}))
    person.run("server", "import", str(file))
    listed = person.run("server", "list")
    assert [one["name"] for one in listed["servers"]] == ["one"] and len(listed["trouble"]) == 3, listed
    kept = json.loads((person.home / "servers.json").read_text())["servers"]
    assert {name: kept[name] for name in odd} == odd


def test_random_files_hold_what_a_second_reader_expects(person):
    """The model of values lies here, the change is the program's: two readers of JSON with comments must agree."""
    import random
    seed = int(os.environ.get("RESONANT_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
    print(f"RESONANT_SEED={seed}")
    random = random.Random(seed)
    space = lambda: random.choice(["", " ", "\n", "\t", "/* \" ,} */", "// '\" {\n", "\r\n  "])
    def text(value):
        comma = random.choice(["", ","])
        if isinstance(value, dict):
            inner = ("," + space()).join(f"{space()}{json.dumps(k, ensure_ascii=random.random() < .5)}{space()}:{space()}{text(v)}" for k, v in value.items())
            return "{" + inner + space() + (comma if value else "") + space() + "}"
        if isinstance(value, list):
            return "[" + ",".join(space() + text(v) + space() for v in value) + (comma if value else "") + space() + "]"
        return json.dumps(value, ensure_ascii=random.random() < .5)
    for round_ in range(12 if "RESONANT_LONG" not in os.environ else 2000):
        others = {random.choice(["a", "ü", 'x"y', "//"]) + str(i): random.choice([1, 2.5, None, True, "x,}y,]z", ["// no", {}], {"d": {"e": []}}])
                  for i in range(random.randrange(4))}
        value = {**others, "mcpServers": {"sse" + str(i): {"type": "sse", "url": "http://x/"} for i in range(random.randrange(3))}}
        if random.random() < .3:
            del value["mcpServers"]
        file = person.folder / f"mcp{round_}.json"
        original = (random.choice(["", "\ufeff"]) + space() + text(value) + space()).encode()
        file.write_bytes(original)
        person.run("setup", "cursor", "--file", str(file), "--yes")
        now = value_of(file)
        assert now["mcpServers"].pop("resonant")["args"] == ["mcp", "--home", str(person.home)]
        assert now == {"mcpServers": {}, **value}, f"seed {seed}, round {round_}"
        person.run("setup", "cursor", "--file", str(file), "--undo", "--yes")
        assert file.read_bytes() == original, f"seed {seed}, round {round_}"
