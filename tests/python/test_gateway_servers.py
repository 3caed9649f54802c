"""Real servers behind this one: npm server-everything, server-filesystem and server-memory; PyPI mcp-server-git,
mcp-server-time and mcp-server-fetch; a server by the Python SDK and one by the Go SDK. Each is imported from a
client's file, listed, and called."""

import asyncio
import json
import shutil
import subprocess
import sys

import pytest

from test_gateway import AskedClient, until, words
from wire import ROOT, Kernel

SERVERS = ROOT / "build/upstreams"
NODE = ROOT / "build/conformance/bin/node"
MODULES = SERVERS / "node/node_modules/@modelcontextprotocol"


def python(name):
    return str(SERVERS / "python/bin" / name)


def entries(folder):
    repository = folder / "repository"
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    (folder / "files").mkdir()
    (folder / "files/hello.txt").write_text("hello from a file")
    found = {
        "everything": {"command": str(NODE), "args": [str(MODULES / "server-everything/dist/index.js")]},
        "files": {"command": str(NODE), "args": [str(MODULES / "server-filesystem/dist/index.js"), str(folder / "files")]},
        "memory": {"command": str(NODE), "args": [str(MODULES / "server-memory/dist/index.js")],
                   "env": {"MEMORY_FILE_PATH": str(folder / "memory.jsonl")}},
        "git": {"command": python("mcp-server-git"), "args": ["--repository", str(repository)]},
        "time": {"command": python("mcp-server-time"), "args": ["--local-timezone", "UTC"]},
        "fetch": {"command": python("mcp-server-fetch")},
        "sdk": {"command": sys.executable, "args": [str(ROOT / "tests/python/sdk_server.py")]},
    }
    if (SERVERS / "go/server").exists():
        found["go"] = {"command": str(SERVERS / "go/server")}
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    assert MODULES.exists(), "the servers are missing; install them with: scripts/setup.sh conformance upstreams"
    folder = tmp_path_factory.mktemp("servers")
    file = folder / ".mcp.json"
    file.write_text(json.dumps({"mcpServers": entries(folder)}))
    with Kernel() as kernel:
        kernel.folder = folder
        kernel.imported = kernel.run("--json", "server", "import", str(file), owner=True)
        kernel.user = kernel.client()
        yield kernel


def test_all_of_them_are_imported_and_cost_little(world):
    done = world.imported
    assert done.get("left_out") is None, done
    assert {one["name"] for one in done["imported"]} >= {"everything", "files", "memory", "git", "time", "fetch", "sdk"}
    assert all(one["tools"] > 0 and "quarantined" not in one for one in done["imported"]), done
    bytes_ = done["listing_bytes"]
    assert bytes_["of_it_servers"] <= 120 * len(done["imported"]) and bytes_["before"] > 20_000, bytes_
    print(f"{len(done['imported'])} servers, {sum(one['tools'] for one in done['imported'])} tools: {bytes_['before']} bytes "
          f"by themselves, {bytes_['of_it_servers']} here")


def test_the_era_of_each_is_found_out(world):
    eras = {one["name"]: one["protocol"] for one in world.call("server.list")["servers"]}
    assert eras["sdk"] == "2026-07-28" and eras["memory"].startswith("2025-"), eras


CALLS = {
    "everything__echo": ({"message": "hi"}, "Echo: hi"),
    "memory__create_entities": ({"entities": [{"name": "n", "entityType": "t", "observations": ["seen"]}]}, "seen"),
    "git__git_status": ({"repo_path": "repository"}, "branch"),
    "time__get_current_time": ({"timezone": "UTC"}, "UTC"),
    "fetch__fetch": ({"url": "http://127.0.0.1:9/nothing"}, "robots.txt"),
    "sdk__add": ({"a": 19, "b": 23}, "42"),
    "go__echo": ({"message": "hi"}, "go: hi"),
    "files__read_text_file": ({"path": "files/hello.txt"}, "hello from a file"),
}


@pytest.mark.parametrize("tool", CALLS)
def test_a_call_through_the_family_is_answered(world, tool):
    arguments, expected = CALLS[tool]
    if tool.startswith("go__") and not (SERVERS / "go/server").exists():
        pytest.skip("no Go >= 1.23 here")
    arguments = {key: str(world.folder / value) if key in ("path", "repo_path") else value for key, value in arguments.items()}
    result = world.user.result("gana_roof_servers", {"tool": tool, "args": arguments})
    assert expected in json.dumps(result), result
    assert result.get("isError", False) == (tool == "fetch__fetch")


def test_what_a_server_asks_back_reaches_the_caller(world):
    client = AskedClient(world)
    names = [one["tool"] for one in world.call("server.list", {"name": "everything"})["tool_list"]]
    asks = [name for name in names if "elicitation" in name]
    assert asks, names
    result = client.result(asks[0])
    assert not result.get("isError"), result
    assert client.question["requestedSchema"]["type"] == "object"


def test_resources_prompts_and_completion_of_the_reference_server_are_passed_on(world):
    client = world.user
    facts = until(lambda: (lambda one: one if "prompts" in one else None)(world.call("server.list", {"name": "everything"})))
    assert facts["resources"] > 0 and facts["resource_templates"] > 0 and facts["prompts"] > 0, facts
    resources = client.ask("resources/list")["result"]["resources"]
    uri = next(one["uri"] for one in resources if one["uri"].startswith("upstream://everything/"))
    read = client.ask("resources/read", {"uri": uri})["result"]
    assert read["contents"][0]["uri"] == uri and read["_meta"] == {"resonant/untrusted": "everything"}
    prompts = {one["name"]: one for one in client.ask("prompts/list")["result"]["prompts"]}
    name = next(n for n, one in prompts.items() if n.startswith("everything__")
                and not any(a.get("required") for a in one.get("arguments", [])))
    assert client.ask("prompts/get", {"name": name})["result"]["messages"]
    template = next(one["uriTemplate"] for one in client.ask("resources/templates/list")["result"]["resourceTemplates"]
                    if one["uriTemplate"].startswith("upstream://everything/"))
    done = client.ask("completion/complete", {"ref": {"type": "ref/resource", "uri": template},
                                              "argument": {"name": "resourceId", "value": "1"}})["result"]["completion"]
    assert isinstance(done["values"], list)


def test_they_are_there_again_after_a_restart(world):
    for client in world.clients:
        client.close()  # else one of them starts a kernel itself
    world.kill()
    world.start()
    client = world.client()
    assert "Echo: back" in words(client.result("everything__echo", {"message": "back"}))
    until(lambda: all(one["state"] == "ready" for one in world.call("server.list")["servers"]))
    assert not any("quarantined" in one for one in world.call("server.list")["servers"])
