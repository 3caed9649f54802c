"""[[client]] of resonant.toml: which servers, tools and listing a client gets. Lists, suggestions, resources, prompts and
calls all keep to it, and a no names the setting."""

import json
import sys

import pytest

from test_gateway import FAMILY, SERVER, ModernClient, until
from wire import Client, Kernel

TOML = """
[servers.files]
command = {files}
trusted_first = true
[servers.other]
command = {other}
trusted_first = true
[[client]]
name = "cursor*"
servers = ["files"]
tools = ["memory.*", "capability.*", "tool.*", "files__echo"]
listing = "all"
[[client]]
name = "nothing"
servers = []
"""
OFFERS = {"resources": [{"uri": "file:///a", "name": "a"}], "prompts": [{"name": "p"}],
          "resourceTemplates": [{"uriTemplate": "file:///{a}", "name": "t"}]}


class Named(Client):
    def __init__(self, kernel, name):
        super().__init__(kernel.home, kernel.environment, initialize=False)
        kernel.clients.append(self)
        self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": name, "version": "1"}})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def names(self, method="tools/list", member="tools", key="name"):
        return {one[key] for one in self.ask(method)["result"][member]}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    commands = {}
    for name in ("files", "other"):
        (folder / f"{name}.json").write_text(json.dumps([{"name": one, "description": f"{one} words to {name}",
                                                          "inputSchema": {"type": "object"}} for one in ("echo", "noise")]))
        (folder / f"{name}.offers").write_text(json.dumps(OFFERS))
        commands[name] = json.dumps([sys.executable, "-S", "-E", str(SERVER), "legacy", str(folder / f"{name}.json")])
    with Kernel(toml=TOML.format(**commands)) as made:
        until(lambda: [one.get("prompts") for one in made.call("server.list")["servers"]] == [1, 1])
        yield made


def test_a_list_holds_what_is_in_the_set(kernel):
    names = Named(kernel, "Cursor-vscode").names()
    assert {"files__echo", "memory_add", "capability_suggest"} <= names
    assert not any(name.startswith(("other__", "gana_", "karma_")) for name in names) and "files__noise" not in names, names
    assert "gana_horn_sessions" in Named(kernel, "another").names()
    families = Named(kernel, "nothing").ask("tools/list")["result"]["tools"]
    assert "files" not in next(one for one in families if one["name"] == FAMILY)["description"]


def test_a_modern_client_is_known_by_what_each_request_says(kernel):
    client = ModernClient(kernel, {})
    client.meta["io.modelcontextprotocol/clientInfo"] = {"name": "cursor", "version": "1"}
    names = {one["name"] for one in client.ask("tools/list", {"_meta": client.meta})["result"]["tools"]}
    assert "files__echo" in names and "other__echo" not in names
    assert client.ask("tools/list", {"_meta": client.meta})["result"]["cacheScope"] == "private"


def test_what_is_not_in_the_set_is_refused_with_the_setting(kernel):
    client = Named(kernel, "cursor")
    assert not client.result("files__echo")["isError"] and not client.result("memory_add", {"content": "x"})["isError"]
    for tool, setting in (("files__noise", "tools"), ("other__echo", "servers"), ("karma_trace", "tools")):
        denial = client.denial(tool)
        assert denial["code"] == "not_in_set" and f"`{setting}`" in denial["way_out"], denial
        assert '[[client]] name = "cursor*"' in denial["rule"] and "resonant.toml" in denial["way_out"]
    assert client.denial(FAMILY, {"tool": "other__echo"})["code"] == "not_in_set"
    assert not Named(kernel, "another").result("other__echo")["isError"]


def test_suggestions_and_the_matrix_keep_to_it(kernel):
    client = Named(kernel, "cursor")
    suggested = {one["tool"] for one in client.call("capability_suggest", {"goal": "echo words", "limit": 25})[0]["tools"]}
    assert "files__echo" in suggested and not any(name.startswith("other__") for name in suggested), suggested
    matrix = json.dumps(client.call("capability_matrix", {"detail": "names", "limit": 200})[0])
    assert "files__echo" in matrix and "other__" not in matrix and "karma" not in matrix
    assert client.call("tool_schema", {"tools": ["other__echo"]})[1]
    explained = client.call("tool_explain", {"tool": "other__echo"})[0]
    assert explained["allowed"] is False and "not in the set" in json.dumps(explained), explained


def test_resources_and_prompts_keep_to_it(kernel):
    client, other = Named(kernel, "cursor"), Named(kernel, "another")
    for method, member, key in (("resources/list", "resources", "uri"), ("prompts/list", "prompts", "name"),
                                ("resources/templates/list", "resourceTemplates", "uriTemplate")):
        seen = client.names(method, member, key)
        assert any("files" in one for one in seen) and not any("other" in one for one in seen), seen
        assert any("other" in one for one in other.names(method, member, key))
    assert "ledger://recent" not in client.names("resources/list", "resources", "uri")
    assert "result" in client.ask("resources/read", {"uri": "upstream://files/file:///a"})
    for method, params in (("resources/read", {"uri": "upstream://other/file:///a"}), ("prompts/get", {"name": "other__p"}),
                           ("resources/read", {"uri": "ledger://recent"})):
        assert "not_in_set" in json.dumps(client.ask(method, params)["error"]), method


@pytest.mark.parametrize("toml, word", [('[[client]]\nlisting = "all"\n', "needs the name"),
                                        ('[[client]]\nname = "a"\nlisting = "most"\n', "families, core or all"),
                                        ('[[client]]\nname = "a"\nserver = ["x"]\n', "not a setting"),
                                        ('client = 5\n', "list of tables")])
def test_a_wrong_setting_is_named(tmp_path, toml, word):
    with Kernel() as kernel:
        kernel.kill()
        (kernel.home / "resonant.toml").write_text(toml)
        said = kernel.run("up", "--no-http", check=False)
        assert word in json.dumps(said), said
        kernel.process.wait()
        (kernel.home / "resonant.toml").write_text("")
        kernel.start()
