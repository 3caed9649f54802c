"""An operator's first day, with the wrong thing tried first: each slip is reported in words, and each way out works."""

import json
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile

import pytest

from wire import PROGRAM, ROOT, Client, Kernel

ME = f"uid:{os.getuid()}"


class Home:
    """A home without a kernel."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="resonant-test-"))
        self.environment = {**os.environ, "RESONANT_LOG": "error"}
        self.environment.pop("RESONANT_ADMIN_SECRET", None)
        self.secret = json.loads(self.run("--json", "init").stdout)["admin_secret"]

    def run(self, *words, owner=False):
        environment = dict(self.environment, **({"RESONANT_ADMIN_SECRET": self.secret} if owner else {}))
        return subprocess.run([PROGRAM, "--home", self.path, *words], env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run("down")
        shutil.rmtree(self.path, ignore_errors=True)


@pytest.fixture
def home():
    with Home() as made:
        yield made


@pytest.fixture(scope="module")
def kernel():
    """One for all tests that leave it as they found it."""
    with Kernel() as made:
        yield made


@pytest.mark.parametrize("words, said", [
    (("--idle-exit", "-5"), "lies between 0 (never)"),
    (("--http", "127.0.0.1:0", "--no-http"), "exclude each other"),
    (("--http", "[::1]"), "is not an address"),
])
def test_up_refuses_what_it_cannot_mean(home, words, said):
    done = home.run("up", "--detach", *words)
    assert done.returncode == 2 and said in done.stderr, done


def test_an_address_in_brackets_is_listened_on(home):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no ::1")
    done = home.run("up", "--detach", "--http", "[::1]:0")
    assert done.returncode == 0 and "HTTP     http" in done.stdout, done


@pytest.mark.parametrize("toml, said", [
    ('[[agent]]\nprincipal = "alice"\nrole = "observer"\n', ":2: 'alice' is not the name of a principal; it is uid:N"),
    ("idle_exit_s = -3\n", ":1: idle_exit_s is -3"),
    ('[http]\nport = "7370"\n', ":2: 'port' must be a whole number"),
    ('[[board_field]]\nunit = "x"\nname = "queue depth"\n', ":3: the name of a board field is 'queue depth'"),
])
def test_a_wrong_configuration_is_refused_with_file_and_line(home, toml, said):
    (home.path / "resonant.toml").write_text(toml)
    done = home.run("up", "--detach", "--no-http")
    assert done.returncode == 2 and f"resonant.toml{said}" in done.stderr, done
    assert "needs a person  configuration" in home.run("doctor").stdout


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.symlink_to("gone.toml")])
def test_a_configuration_that_cannot_be_read_is_never_taken_as_all_defaults(home, make):
    make(home.path / "resonant.toml")
    done = home.run("up", "--detach", "--no-http")
    assert done.returncode == 2 and "resonant.toml" in done.stderr and "remove it for all defaults" in done.stderr, done


def test_a_policy_pattern_that_fits_no_tool_is_noticed(home):
    folder = home.path / "policy.d"
    folder.mkdir(exist_ok=True, mode=0o700)
    rule = 'version: 1\nrules:\n  - {name: a, action: block, explain: x, when: {tools: ["%s"]}}\n'
    (folder / "50-mine.yml").write_text(rule % "memry.*")
    done = home.run("policy", "check")
    assert done.returncode == 1 and "50-mine.yml:3: rule a: no tool fits 'memry.*'" in done.stdout, done
    assert "did you mean 'memory.*'?" in done.stdout, done
    assert "no tool fits 'memry.*'" in home.run("doctor").stdout
    for right in ("memory.*", "files__*", "files*", "*"):
        (folder / "50-mine.yml").write_text(rule % right)
        assert home.run("policy", "check").returncode == 0, right
    done = home.run("policy", "check", str(folder / "50-mine.yml"))
    assert done.returncode == 1 and "give the folder" in done.stderr, done


def test_an_empty_policy_folder_is_filled_as_its_text_says(home):
    folder = home.path / "policy.d"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    assert "`resonant up`" in home.run("policy", "check").stderr
    assert home.run("up", "--detach", "--no-http").returncode == 0
    assert home.run("policy", "check").returncode == 0


def test_a_secret_file_that_holds_no_secret_is_not_taken_as_no_secret(kernel):
    for name, text in (("missing", None), ("empty", "\n")):
        if text is not None:
            (kernel.home / name).write_text(text)
        done = subprocess.run([PROGRAM, "--home", kernel.home, "--secret-file", kernel.home / name, "pause"],
                              env=kernel.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and "--secret-file" in done.stderr, done
    assert "standings" not in kernel.run("status")


def test_who_is_paused_is_told_that_the_way_out_needs_the_secret(kernel):
    kernel.run("pause", "--reason", "for a test", owner=True)
    client = kernel.client()
    assert "`resonant resume` with the admin secret (--secret-file" in client.denial("health.check")["way_out"]
    secret = kernel.home / "secret"
    secret.write_text(kernel.secret + "\n")
    kernel.run("--secret-file", str(secret), "resume")
    assert not client.call("health.check")[1]


def test_a_name_that_nobody_can_have_is_neither_quarantined_nor_given_consent(kernel):
    refused = kernel.run("quarantine", "alice", owner=True, check=False)
    assert refused["exit"] == 2 and "'alice' is not the name of a principal" in refused["error"], refused
    assert "standings" not in kernel.run("status")
    refused = kernel.run("consent", "grant", "--scope", "sandbox.run", "--to", "alice", owner=True, check=False)
    assert refused["exit"] == 2 and "--to: 'alice' is not the name of a principal" in refused["error"], refused
    assert not any(each["to"] == "alice" for each in kernel.run("consent", "list")["consents"])
    assert kernel.run("consent", "grant", "--scope", "sandbox.run", "--to", ME, owner=True)["state"] == "granted"
    judged = kernel.run("policy", "test", "memory.add", "--as", "alice", check=False)
    assert judged["exit"] == 2 and "--as: 'alice'" in judged["error"], judged


def test_a_consent_that_waits_is_refused_with_revoke(kernel):
    asked, _ = kernel.client().call("consent.request", {"action": "sandbox.run:rm -r build", "reason": "clean"})
    assert kernel.run("consent", "revoke", asked["consent_id"], owner=True)["state"] == "revoked"
    assert "already" in json.dumps(kernel.run("consent", "grant", asked["consent_id"], owner=True))


def test_a_consent_or_a_set_of_a_client_for_no_tool_is_noticed(kernel, home):
    refused = kernel.run("consent", "grant", "--scope", "memry.*", "--to", ME, owner=True, check=False)
    assert refused["exit"] == 2 and "no tool fits 'memry.*'" in refused["error"], refused
    for scope in ("class:dangerous", "sandbox.run:rm *"):
        granted = kernel.run("consent", "grant", "--scope", scope, "--to", ME, owner=True)
        assert granted["state"] == "granted", granted
        kernel.run("consent", "revoke", granted["consent_id"], owner=True)
    (home.path / "resonant.toml").write_text('[[client]]\nname = "cursor*"\ntools = ["memry.*", "files__*"]\n')
    assert "needs a person  configuration: [[client]] name = \"cursor*\": no tool fits 'memry.*'" in home.run("doctor").stdout
    (home.path / "resonant.toml").write_text('[[client]]\nname = "cursor*"\ntools = ["memory.*", "files__*"]\n')
    assert "ok              configuration" in home.run("doctor").stdout


def bend(path, words):
    with sqlite3.connect(path) as database:
        database.execute(words)
    database.close()


def with_entries(home):
    """Entries in the ledger, and the kernel stopped."""
    assert home.run("memory", "add", "something to remember").returncode == 0
    assert home.run("down").returncode == 0
    assert home.run("ledger", "verify").returncode == 0


def test_a_bent_ledger_is_acknowledged_with_a_reason_and_says_so(home):
    with_entries(home)
    bend(home.path / "resonant.db", "UPDATE ledger SET reason='nothing happened' WHERE seq=1")
    assert home.run("ledger", "verify").returncode == 1
    assert re.search(r"needs a person  ledger: entry 1: it is not what was written", home.run("doctor").stdout)
    assert home.run("ledger", "acknowledge", "--reason", " ", owner=True).returncode == 2
    assert home.run("ledger", "verify").returncode == 1, "an empty reason acknowledges nothing"
    done = home.run("ledger", "acknowledge", "--reason", "bent for a test", owner=True)
    assert done.returncode == 0 and "recorded as acknowledged" in done.stderr and "breaks_acknowledged: 1" in done.stdout, done
    assert home.run("memory", "add", "writes go on").returncode == 0


@pytest.mark.parametrize("lose", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_a_ledger_that_is_gone_is_not_a_ledger_of_no_entries(home, lose):
    with_entries(home)
    for rest in home.path.glob("resonant.db-*"):
        rest.unlink()
    lose(home.path / "resonant.db")
    done = home.run("ledger", "verify")
    assert done.returncode == 1 and re.search(r"remembers \d+ entries", done.stderr), done
    done = home.run("doctor")
    assert done.returncode == 1 and re.search(r"needs a person  ledger: .*remembers \d+ entries", done.stdout), done


def test_a_home_without_entries_verifies(home):
    done = home.run("ledger", "verify")
    assert done.returncode == 0 and "nothing is written yet" in done.stdout, done


def test_a_copy_of_a_stopped_home_goes_on_elsewhere(home):
    with_entries(home)
    copy = pathlib.Path(tempfile.mkdtemp(prefix="resonant-test-")) / "copy"
    try:
        shutil.copytree(home.path, copy, symlinks=True, ignore=lambda _, names: [name for name in names if name.endswith(".sock")])
        there = ["--home", copy]
        done = subprocess.run([PROGRAM, *there, "ledger", "verify"], env=home.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done
        done = subprocess.run([PROGRAM, *there, "memory", "search", "something"], env=home.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and "something to remember" in done.stdout, done
    finally:
        subprocess.run([PROGRAM, "--home", copy, "down"], env=home.environment, capture_output=True, timeout=60)
        shutil.rmtree(copy.parent, ignore_errors=True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start a client of another user on its own pipes")
def test_a_client_whose_pipes_another_user_made_is_served():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="resonant-test-"))
    try:
        folder.chmod(0o755)
        program = folder / "resonant"
        shutil.copy(PROGRAM, program)
        home = folder / "home"
        home.mkdir(mode=0o700)
        os.chown(home, 12345, 12345)
        environment = {**os.environ, "RESONANT_LOG": "error", "RESONANT_MODEL": "/nonexistent", "HOME": str(home)}
        process = subprocess.Popen([program, "mcp", "--home", home], env=environment, user=12345, group=12345, extra_groups=[],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        client = Client.over(process)
        content, failed = client.call("memory.add", {"content": "through a pipe of root's"})
        assert not failed and content["id"] == "m1", content
        client.close()
    finally:
        subprocess.run([PROGRAM, "--home", folder / "home", "down"], capture_output=True, timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_kernel_that_cannot_start_says_why_in_the_form_of_its_log(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = home.run("up", "--http", address, "--log-format", "json")
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        assert done.returncode == 1 and lines[-1]["level"] == "error" and "cannot be listened on" in lines[-1]["message"], done


OPERATING = (ROOT / "docs" / "operating.md").read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_documented_unit_is_one_that_systemd_reads(tmp_path):
    unit = re.search(r"```ini\n(.*?)```", OPERATING, re.S).group(1)
    program, options = re.search(r"ExecStart=(\S+) (.*)", unit).groups()
    assert options.split()[0] == "up" and program.endswith("/resonant")
    (tmp_path / "resonant.service").write_text(unit.replace(program, str(PROGRAM)))
    done = subprocess.run(["systemd-analyze", "verify", tmp_path / "resonant.service"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "resonant.service:" not in done.stderr, done


def test_a_lost_secret_is_made_anew_as_documented():
    with Kernel() as kernel:
        (kernel.home / "admin").unlink()
        old, kernel.secret = kernel.secret, kernel.run("init")["admin_secret"]
        assert "denial" not in kernel.call("dharma.reload", owner=True)
        kernel.secret = old
        assert "is not this home's" in json.dumps(kernel.call("dharma.reload", owner=True))


def test_a_kernel_that_is_told_to_end_answers_the_call_under_way_and_exits_well():
    with Kernel() as kernel:
        client = kernel.client()
        client.send({"jsonrpc": "2.0", "id": 77, "method": "tools/call",
                     "params": {"name": "event.tail", "arguments": {"types": ["tide.turned"], "wait_s": 30}}})
        assert not client.call("health.check")[1]
        kernel.process.terminate()
        assert kernel.process.wait(60) == 0
        answer = client.receive()
        while answer.get("id") != 77:
            answer = client.receive()
        assert "error" in answer or "result" in answer, answer
        assert kernel.run("ledger", "verify")["ok"]


def test_a_level_of_the_log_that_does_not_exist_is_named(home):
    home.environment["RESONANT_LOG"] = "loud"
    done = home.run("policy", "check")
    assert "RESONANT_LOG is 'loud'" in done.stderr and "trace, debug, info" in done.stderr, done
    home.environment["RESONANT_LOG"] = ""
    assert "RESONANT_LOG" not in home.run("policy", "check").stderr
