"""Servers that do not keep to the protocol's form: a client reads lists and results as a whole, so that one entry which
it cannot read would cost it all others. Valid definitions are changed member by member and passed through the gateway
to the npm SDK's and the Python SDK's clients, which must accept every list and every result."""

import copy
import json
import subprocess
import sys

import pytest

from test_gateway import SERVER, Scripted, tool, until
from test_real_clients import NODE, SCRIPTS, environment
from wire import PATIENCE, ROOT

ICON = {"src": "https://example.org/i.png", "mimeType": "image/png", "sizes": ["48x48"], "theme": "dark"}
NOTES = {"audience": ["user"], "priority": 0.5, "lastModified": "2026-02-28T10:00:00Z"}
COMMON = {"title": "A title", "description": "what it is", "icons": [ICON]}
TOOL = {"name": "t", **COMMON, "inputSchema": {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
                                               "properties": {"a": {"type": "string"}}, "required": ["a"]},
        "outputSchema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        "annotations": {"title": "x", "readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False},
        "execution": {"taskSupport": "forbidden"}, "_meta": {"a": 1}}
RESOURCE = {"uri": "file:///a", "name": "r", **COMMON, "mimeType": "text/plain", "size": 5, "annotations": NOTES, "_meta": {"a": 1}}
TEMPLATE = {"uriTemplate": "file:///{a}", "name": "r", **COMMON, "mimeType": "text/plain", "annotations": NOTES}
PROMPT = {"name": "p", **COMMON, "arguments": [{"name": "a", "title": "A", "description": "d", "required": True}], "_meta": {"a": 1}}
BLOCKS = [{"type": "text", "text": "t", "annotations": NOTES, "_meta": {"a": 1}},
          {"type": "image", "data": "aGk=", "mimeType": "image/png", "annotations": NOTES},
          {"type": "audio", "data": "aGk=", "mimeType": "audio/wav"},
          {"type": "resource_link", **{k: v for k, v in RESOURCE.items() if k != "icons"}},
          {"type": "resource", "resource": {"uri": "file:///a", "mimeType": "text/plain", "text": "t"}},
          {"type": "resource", "resource": {"uri": "file:///a", "mimeType": "text/plain", "blob": "aGk="}}]
WRONG = [None, 5, -1.5, True, "x", "", [], [None], {}, {"a": None}]
GONE = object()


def mutants(valid, path=()):
    """Every copy of `valid` in which one member is missing or holds something else."""
    here = valid
    for step in path:
        here = here[step]
    for key in (list(here) if isinstance(here, dict) else range(len(here))):
        for wrong in [GONE, *WRONG]:
            made = copy.deepcopy(valid)
            place = made
            for step in path:
                place = place[step]
            if wrong is GONE:
                del place[key]
            else:
                place[key] = wrong
            yield made
        if isinstance(here[key], (dict, list)) and len(path) < 3:
            yield from mutants(valid, (*path, key))


def named(entries, key):
    """Each with a name of its own, where it has one, so that none is left out for another's sake."""
    for number, entry in enumerate(entries):
        if isinstance(entry.get(key), str) and entry[key]:
            entry[key] += str(number)
    return entries


@pytest.fixture(scope="module", params=["legacy", "modern"])
def world(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms")
    tools = [tool("give"), *named(list(mutants(TOOL)), "name"), 5, None, "x", [], {}]
    offers = {"page": 500, "resources": [*named(list(mutants(RESOURCE)), "uri"), 7, None],
              "resourceTemplates": [*named(list(mutants(TEMPLATE)), "uriTemplate"), []],
              "prompts": [*named(list(mutants(PROMPT)), "name"), "p"]}
    (folder / "tools.offers").write_text(json.dumps(offers))
    results = [{"content": [one]} for block in BLOCKS for one in mutants(block)]
    results += [{"content": wrong} for wrong in WRONG if wrong is not None]
    results += [{"content": [wrong]} for wrong in WRONG]
    results += [{"content": [], "structuredContent": wrong} for wrong in ([1, 2], "text", 5, {"a": 1}, {})]
    results += [{"structuredContent": {"a": 1}}, {"content": [], "isError": "yes"}, {"content": [], "_meta": 5}]
    (folder / "results.json").write_text(json.dumps(results))
    with Scripted(folder, request.param, tools=tools, flags=("--http", "127.0.0.1:0", "--no-token")) as made:
        made.results = folder / "results.json"
        made.count = {"tools": len(tools), "resources": len(offers["resources"]), "results": len(results)}
        until(lambda: made.list().get("prompts"))
        made.url = made.kernel.run("--json", "status")["http"].removesuffix("/") + "/all"
        yield made


@pytest.mark.parametrize("client", ["npm", "python legacy", "python 2026-07-28"])
def test_a_client_accepts_every_list_and_every_result(world, client):
    words = ([NODE / "node", SCRIPTS / "npm_lists.mjs"] if client == "npm" else [sys.executable, SCRIPTS / "mcp_lists.py"])
    mode = [] if client == "npm" else [client.removeprefix("python ")]
    done = subprocess.run([*words, world.url, world.results, "it__give", *mode], env=environment(), capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["refused"] == [] and told["results"] == world.count["results"], told["refused"][:5]
    assert told["tools"] > 0.8 * world.count["tools"] and told["resources"] > 0.8 * world.count["resources"], told


def test_what_was_mended_or_left_out_is_told(world):
    trouble = "\n".join(world.list()["trouble"])
    assert "title was null and is left out" in trouble and "and " in trouble.rsplit("\n", 1)[-1], trouble


def test_what_is_left_out_is_named_with_the_reason(tmp_path):
    tools = [tool("good"), {"name": "array", "inputSchema": {"type": "array"}}, {"description": "who am I", "inputSchema": {}},
             {"name": "bare"}, {"name": "promise", "inputSchema": {"type": "object"}, "outputSchema": {"type": "object", "properties": 5}}]
    with Scripted(tmp_path, tools=tools) as made:
        trouble = made.list()["trouble"]
        assert any("array is left out: its inputSchema is not one of an object" in line for line in trouble), trouble
        assert any("it has no name" in line for line in trouble), trouble
        assert any("bare: inputSchema was missing" in line for line in trouble), trouble
        assert any("promise: outputSchema is no schema" in line for line in trouble), trouble
        assert {one["tool"] for one in made.list()["tool_list"]} == {"it__good", "it__bare", "it__promise"}


def test_more_tools_than_are_kept_are_told(tmp_path):
    with Scripted(tmp_path, tools=[tool(f"t{number}") for number in range(1030)]) as made:
        seen = made.kernel.call("server.list")["servers"][0]  # with every tool it is an answer that is cut
        assert seen["tools"] == 1024 and any("6 of its tools are left out: 1024 are kept" in line for line in seen["trouble"]), seen
