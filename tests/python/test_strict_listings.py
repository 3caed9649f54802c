"""The three listings as models' interfaces take them, with and without servers behind, in both eras. OpenAI's strict mode,
Gemini's subset of schemas and Anthropic's rules are written down here; the converter of openai-agents is run besides.

OpenAI, strict: the root is an object without anyOf, oneOf, allOf, not, enum; every schema has a type (or anyOf); an object
without properties can only be {}; no allOf, not, if, dependentRequired, patternProperties, propertyNames anywhere; 5,000
properties, 10 levels. Gemini: one type, none beside anyOf; objects have properties, lists have items; an enum is of texts;
names begin with a letter or "_". Anthropic: no anyOf, oneOf, allOf at the root; property names of [A-Za-z0-9_.-], 64 at
most. All: 64 characters of [A-Za-z0-9_-] a name, "mcp__resonant__" before it."""

import json
import re
import subprocess
import sys
import urllib.request

import pytest

from test_gateway import MODERN, SERVER, tool, until
from test_real_clients import CLIENTS, environment
from wire import PATIENCE, Kernel

LISTINGS = {"families": "", "core": "/core", "all": "/all"}
META = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
FAMILIES_BYTES = 14_000
ROOT_NEVER = {"anyOf", "oneOf", "allOf", "not", "enum", "if", "$ref"}
STRICT_NEVER = {"allOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "patternProperties", "propertyNames",
                "unevaluatedProperties", "oneOf", "prefixItems", "contains"}
GEMINI_KNOWS = {"type", "format", "title", "description", "nullable", "enum", "items", "maxItems", "minItems", "properties", "required",
                "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering", "default",
                "minimum", "maximum", "additionalProperties"}
STRANGE = [tool("x" * 80), tool("a b/c"), {**tool("root_union"), "inputSchema": {"type": "object", "anyOf": [
               {"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {"type": "integer"}}, "required": ["b"]}]}},
           {**tool("root_all"), "inputSchema": {"type": "object", "allOf": [{"properties": {"a": {"type": "string"}}}]}},
           {**tool("typed"), "outputSchema": {"type": "object", "properties": {"a": {"type": "string"}}}}, {"name": "bare"}]


def ask(url, method, era, session=None):
    params = {"_meta": META} if era == "modern" else {}
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    if era == "modern":
        headers.update({"MCP-Protocol-Version": MODERN, "Mcp-Method": method})
    if session:
        headers["Mcp-Session-Id"] = session
    if method == "initialize":
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "strict", "version": "1"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=PATIENCE) as answer:
        text = answer.read().decode()
        return text, answer.headers.get("Mcp-Session-Id")


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    """{(servers, listing, era): text of the whole answer}"""
    folder = tmp_path_factory.mktemp("strict")
    (folder / "t.json").write_text(json.dumps(STRANGE))
    found = {}
    with Kernel(flags=("--http", "127.0.0.1:0", "--no-token")) as kernel:
        url = kernel.run("--json", "status")["http"].removesuffix("/")
        for servers in ("alone", "with servers"):
            if servers != "alone":
                for name in ("it", "a-server-with-a-name-of-32-chars"):
                    added = kernel.call("server.add", {"name": name, "command": [sys.executable, "-S", "-E", str(SERVER), "legacy",
                                                                                 str(folder / "t.json")]}, owner=True)
                    assert added.get("tools") == len(STRANGE), added
            for listing, path in LISTINGS.items():
                for era in ("legacy", "modern"):
                    session = None if era == "modern" else ask(url + path, "initialize", era)[1]
                    found[servers, listing, era] = ask(url + path, "tools/list", era, session)[0]
        until(lambda: True)
    return found


def tools_of(text):
    text = text if text.startswith("{") else next(line[6:] for line in text.splitlines() if line.startswith("data: {"))
    return json.loads(text)["result"]["tools"]


def schemas_in(schema, path="", depth=1):
    """Every schema in it, with its place and depth."""
    yield path, schema, depth
    for name, one in schema.get("properties", {}).items():
        yield from schemas_in(one, f"{path}.{name}", depth + 1)
    if isinstance(schema.get("items"), dict):
        yield from schemas_in(schema["items"], path + "[]", depth + 1)
    for word in ("anyOf", "oneOf", "allOf"):
        for number, one in enumerate(schema.get(word, [])):
            yield from schemas_in(one, f"{path}|{number}", depth + 1)


def names(one):
    name = f"mcp__resonant__{one['name']}"
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}", name):
        yield f"{name}: {len(name)} characters, or a wrong one"


def root(one):
    schema = one["inputSchema"]
    if schema.get("type") != "object" or ROOT_NEVER & set(schema):
        yield f"the root: {sorted(schema)}"
    for path, inner, _ in schemas_in(schema):
        for name in inner.get("properties", {}):
            if not re.fullmatch(r"[a-zA-Z0-9_.-]{1,64}", name):
                yield f"{path}: the property {name}"


def openai(one):
    properties = 0
    for path, schema, depth in schemas_in(one["inputSchema"]):
        properties += len(schema.get("properties", {}))
        if depth > 10 or STRICT_NEVER & set(schema):
            yield f"{path}: depth {depth}, {sorted(STRICT_NEVER & set(schema))}"
        if path and "type" not in schema and "anyOf" not in schema:
            yield f"{path} has no type"
        if path and schema.get("type") == "object" and not schema.get("properties"):
            yield f"{path} can only be {{}}"
        if schema.get("additionalProperties", False) is not False:
            yield f"{path} is open"
    if properties > 5000:
        yield f"{properties} properties"


def gemini(one):
    for path, schema, _ in schemas_in(one["inputSchema"]):
        if set(schema) - GEMINI_KNOWS:
            yield f"{path}: {sorted(set(schema) - GEMINI_KNOWS)}"
        if "anyOf" in schema and "type" in schema:
            yield f"{path}: a type beside anyOf"
        if "type" in schema and not isinstance(schema["type"], str):
            yield f"{path}: {schema['type']}"
        if path and schema.get("type") == "object" and not schema.get("properties"):
            yield f"{path} is an object without properties"
        if schema.get("type") == "array" and not schema.get("items"):
            yield f"{path} is a list of nothing"
        if "enum" in schema and (schema.get("type") != "string" or not all(isinstance(one, str) and one for one in schema["enum"])):
            yield f"{path}: an enum that is not of texts"


CASES = [(servers, listing, era) for servers in ("alone", "with servers") for listing in LISTINGS for era in ("legacy", "modern")]


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_a_listing_keeps_to_every_rule(lists, case):
    wrong, own = {}, {one["name"] for one in tools_of(lists["alone", case[1], case[2]])}
    entries = tools_of(lists[case])
    for one in entries:
        # What another server's schemas hold below their root is its own: its clients had it before.
        rules = (names, root, openai, gemini) if one["name"] in own else (names, root)
        found = [f"{rule.__name__}: {words}" for rule in rules for words in rule(one)]
        if found:
            wrong[one["name"]] = found
    assert not wrong, json.dumps(wrong, indent=1)[:4000]
    assert len({one["name"] for one in entries}) == len(entries)
    if case[0] != "alone" and case[1] == "all":
        assert len(entries) == len(own) + 2 * len(STRANGE)
        union = next(one for one in entries if one["name"] == "it__root_union")
        assert set(union["inputSchema"]["properties"]) == {"a", "b"}, "what the parts hold is still shown"


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_families_stay_small(lists, era):
    assert len(lists["alone", "families", era].encode()) <= FAMILIES_BYTES
    assert len(lists["with servers", "families", era].encode()) <= FAMILIES_BYTES + 2 * 120


CONVERT = """
import json, sys
from agents.strict_schema import ensure_strict_json_schema
print(json.dumps([[one["name"], ensure_strict_json_schema(one["inputSchema"])] for one in json.load(sys.stdin)]))
"""


def test_the_converter_of_openai_agents_takes_all_of_ours_and_leaves_something_to_say(lists):
    entries = [one for listing in LISTINGS for one in tools_of(lists["alone", listing, "legacy"])]
    done = subprocess.run([CLIENTS / "python/bin/python", "-c", CONVERT], input=json.dumps(entries), env=environment(),
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr[-2000:]
    for name, schema in json.loads(done.stdout):
        for path, inner, _ in schemas_in(schema):
            assert not path or inner.get("type") != "object" or inner["properties"], f"{name}{path} can only be {{}}"
