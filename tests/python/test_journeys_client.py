"""A person with Claude Code, Cursor and VS Code, who has only README and tries the wrong thing first."""

import json
import os
import subprocess

import pytest

from test_setup import Person
from wire import PATIENCE, PROGRAM, Client, Kernel


def run(*words, home=None, stdin="", environment=None):
    env = {**os.environ, "RESONANT_LOG": "error", **(environment or {})}
    return subprocess.run([PROGRAM, *(["--home", home] if home else []), *words], input=stdin, env=env, capture_output=True, text=True,
                          timeout=PATIENCE)


@pytest.fixture
def person(tmp_path):
    made = Person(tmp_path)
    made.environment["RESONANT_ADMIN_SECRET"] = made.run("init")["admin_secret"]
    yield made
    subprocess.run([PROGRAM, "--home", made.home, "down"], env=made.environment, capture_output=True, timeout=PATIENCE)


@pytest.fixture(scope="module")
def kernel():
    with Kernel() as running:
        yield running


# --- setup


@pytest.mark.parametrize("word, title", [("Claude", "Claude Code"), ("Claude Code", "Claude Code"), ("claude-code", "Claude Code"),
                                         ("claude_desktop", "Claude Desktop"), ("VS Code", "VS Code"), ("code", "VS Code"),
                                         ("Gemini CLI", "Gemini CLI"), ("CURSOR", "Cursor"), ("codex-cli", "Codex")])
def test_a_client_is_known_by_the_names_that_people_have_for_it(word, title, tmp_path):
    shown = Person(tmp_path).run("setup", word, "--dry-run")
    assert shown["client"] == title


@pytest.mark.parametrize("client, name", [("vscode", "settings.toml"), ("codex", "mcp.json"), ("cursor", ".codex/config.toml")])
def test_a_file_of_another_kind_is_refused_and_not_made(client, name, tmp_path):
    person = Person(tmp_path)
    person.run("setup", client, "--file", str(tmp_path / name), "--yes", code=1)
    assert "--file" in person.said and ("TOML" in person.said or "JSON" in person.said)
    assert not (tmp_path / name).exists()


def test_a_file_that_looks_like_another_clients_is_doubted(tmp_path):
    person = Person(tmp_path)
    shown = person.run("setup", "cursor", "--file", str(tmp_path / ".vscode" / "mcp.json"), "--dry-run")
    assert "resonant setup vscode" in shown["doubt"]
    assert "doubt" not in person.run("setup", "vscode", "--file", str(tmp_path / ".vscode" / "mcp.json"), "--dry-run")


@pytest.mark.parametrize("text, found", [('{"mcpServers": [1, 2]}', '"mcpServers" is not an object'), ("[]", "not a JSON object"),
                                         ('{"mcpServers": {"a": {"command": "x" "args": []}}}', "column 38")])
def test_a_file_that_cannot_be_used_is_named_with_its_place_before_anything_is_started(text, found, tmp_path):
    person = Person(tmp_path)
    file = tmp_path / "mcp.json"
    file.write_text(text)
    for way in ("--dry-run", "--yes"):
        person.run("setup", "cursor", "--file", str(file), way, code=1)
        assert str(file) in person.said and found in person.said and "nothing was changed" in person.said, person.said
    assert file.read_text() == text and not person.home.exists()


def test_servers_that_do_not_start_stay_with_their_reason_and_the_way_out_works(person):
    project = person.folder / "project"
    file = person.folder / ".claude.json"
    file.write_text(json.dumps({
        "mcpServers": {"dies": {"command": "false"}, "asks": person.server(env={"TOKEN": "${TOKEN}"})},
        "projects": {str(project): {"mcpServers": {"asks": person.server()}}}}))
    done = person.run("setup", "claude", "--yes")
    why = {(one["name"], one.get("project")): one["why"] for one in done["stays_in_file"]}
    assert "exit code 1" in why["dies", None]
    assert "resonant server secret asks TOKEN" in why["asks", None]
    assert str(project) in why["asks", str(project)] and "is not there" in why["asks", str(project)]
    assert f"resonant --home {person.home} setup claude" in done["again"]
    assert done["undo"] == f"resonant --home {person.home} setup claude --undo"
    # As told: the secret, the folder, once more.
    assert "waits for one" in person.run("server", "secret", "asks", "TOKEN", given="secret\n")["note"]
    project.mkdir()
    done = person.run("setup", "claude", "--yes")
    assert [one["name"] for one in done["stays_in_file"]] == ["dies"]
    # Switched off, a tool of it says where to look; what is gone is not said to be behind us still.
    person.run("server", "disable", "asks")
    person.run("call", "asks__echo", "{}", code=1)
    assert "resonant server list asks" in person.said, person.said
    person.run("server", "enable", "nosuch", code=1)
    assert "no server 'nosuch'" in person.said
    assert "nothing of it waits" in person.run("server", "approve", "asks", "--yes")["note"]
    person.run("server", "remove", "asks")
    undone = person.run("setup", "claude", "--undo", "--yes")
    assert "asks" not in undone["still_behind_resonant"] and "asks_project" in undone["still_behind_resonant"]
    assert f"resonant --home {person.home} server remove NAME" in undone["next"]
    assert "asks" in json.loads(file.read_text())["mcpServers"]


# --- the command line of somebody who knows other programs


def test_words_of_other_programs_are_answered_with_ours_and_those_exist():
    for word in ("start", "serve", "stop", "restart", "logs", "install", "uninstall", "undo", "version", "list", "ps"):
        done = run(word)
        assert done.returncode == 2 and "did you mean '" in done.stderr, (word, done.stderr)
        ours = done.stderr.split("'")[3].replace("CLIENT", "cursor").split()
        known = run(*ours, "--help") if ours[0] != "--version" else run(*ours)
        assert known.returncode == 0, (word, ours, known.stderr)


def test_help_of_tools_says_where_those_of_servers_are_found():
    said = " ".join(run("tools", "--help").stdout.split())
    assert "capability.suggest" in said and "resonant server list NAME" in said


def test_a_consent_without_an_id_or_with_a_wrong_one_names_the_list(kernel):
    done = run("consent", "grant", home=kernel.home)
    assert done.returncode == 2 and "resonant consent list" in done.stderr, done
    done = run("consent", "revoke", "c9", home=kernel.home)
    assert done.returncode == 1 and "resonant consent list" in done.stderr, done
    assert run("ledger", "tail", "-n", "2", home=kernel.home).returncode == 0


# --- what a model gets wrong on the wire


@pytest.mark.parametrize("guess, meant", [("add_memory", "memory.add"), ("gana_neck", "gana_neck_save"), ("search-memories", "memory.search"),
                                          ("scratchpad.write", "scratchpad.create"), ("recall", "memory.recall")])
def test_a_wrong_name_is_answered_with_what_was_meant(kernel, guess, meant):
    client = kernel.client()
    answer = client.ask("tools/call", {"name": guess, "arguments": {}})["error"]
    nearest = answer["data"]["error"]["message"].split("nearest: ")[1].split(";")[0].split(", ")
    assert meant in nearest, answer


def test_args_under_the_protocols_own_name_are_understood(kernel):
    client = kernel.client()
    for words in ({"arguments": {"content": "one"}}, {"params": '{"content": "two"}'}, {"content": "three"}):
        content, failed = client.call("gana_neck_save", {"tool": "memory.add", **words})
        assert not failed and content["id"].startswith("m"), content


def test_a_tool_of_a_server_is_found_by_its_own_name_but_not_by_clients_that_may_not_see_it(tmp_path):
    person = Person(tmp_path)
    record = {"mcpServers": {"files": person.server()}}
    (tmp_path / "servers.json").write_text(json.dumps(record))
    toml = f'server_files = ["{tmp_path / "servers.json"}"]\n[[client]]\nname = "wire-test"\nservers = []\n'
    with Kernel(toml=toml) as kernel:
        narrow = kernel.client()
        wide = Client(kernel.home, kernel.environment, initialize=False)
        kernel.clients.append(wide)
        wide.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "other", "version": "1"}})
        kernel.run("server", "approve", "files", "--yes", owner=True)

        def nearest(client, guess):
            return client.ask("tools/call", {"name": guess, "arguments": {}})["error"]["data"]["error"]["message"]

        assert "nearest: files__echo" in nearest(wide, "echo")
        assert "files__echo" in nearest(wide, "files__ecko") and "memory." not in nearest(wide, "files__ecko")
        for guess in ("echo", "files__ecko"):
            assert "files__" not in nearest(narrow, guess).replace(f"'{guess}'", ""), "names stay with those who may see them"


# --- a home that cannot be written


def test_doctor_names_a_home_that_cannot_be_written_and_what_a_paused_home_needs_first(tmp_path):
    home = tmp_path / "home"
    run("init", home=home)
    assert run("memory", "add", "kept", home=home, environment={"RESONANT_MODEL": "/nonexistent"}).returncode == 0
    run("pause", "--reason", "lunch", home=home)
    run("down", home=home)
    parts = {one["part"]: one for one in json.loads(run("--json", "doctor", home=home).stdout)["parts"]}
    assert "up --detach, then" in parts["pause"]["way_out"] and parts["pause"]["way_out"].endswith(" resume")
    if os.getuid() != 0:
        home.chmod(0o500)
    elif subprocess.run(["mount", "--bind", home, home], capture_output=True).returncode == 0:
        subprocess.run(["mount", "-o", "remount,ro,bind", home], check=True, capture_output=True)
    else:
        return  # a root that may not mount: the rest is shown to ordinary users
    try:
        parts = {one["part"]: one for one in json.loads(run("--json", "doctor", home=home).stdout)["parts"]}
        assert parts["home"]["state"] == "needs a person" and "--home" in parts["home"]["way_out"], parts["home"]
        assert run("ledger", "verify", home=home).returncode == 0
    finally:
        home.chmod(0o700) if os.getuid() != 0 else subprocess.run(["umount", home], check=True)
