"""Answers that are too large for one reply, theirs and ours: cut, kept, and continued with result.read, with words about
it that every client reads; and what becomes of null in arguments."""

import json

import pytest

from test_gateway import FAMILY, Scripted, tool, words
from wire import Client

LARGE = 100_000
PROMISE = {"type": "object", "properties": {"rows": {"type": "array", "items": {"$ref": "#/$defs/row"}}}, "required": ["rows"],
           "additionalProperties": False, "$defs": {"row": {"type": "object", "properties": {"n": {"type": "integer"}}}}}


class OldClient(Client):
    """A client of 2025-03-26, which knows no structuredContent."""

    def __init__(self, kernel):
        super().__init__(kernel.home, kernel.environment, initialize=False)
        kernel.clients.append(self)
        self.ask("initialize", {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    nullable = {"type": "object", "properties": {
        "plain": {"type": "string"}, "union": {"type": ["string", "null"]}, "either": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "openapi": {"type": "string", "nullable": True}, "neither": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "named": {"$ref": "#/$defs/maybe"}, "anything": {}, "chosen": {"enum": ["a", None]}, "box": {"type": "object"}, "list": {"type": "array"}},
        "$defs": {"maybe": {"oneOf": [{"type": "null"}, {"type": "boolean"}]}}}
    tools = [tool("give"), {**tool("echo"), "inputSchema": nullable},
             {"name": "give_rows", "description": "rows", "inputSchema": {"type": "object"}, "outputSchema": PROMISE}]
    with Scripted(tmp_path_factory.mktemp("answers"), tools=tools, toml='listing = "all"\n') as scripted:
        scripted.client = scripted.kernel.client()
        yield scripted


def texts(result):
    return [block["text"] for block in result["content"] if block["type"] == "text"]


def read_on(client, result_id, offset=0):
    """What result.read gives until the end, by its words alone."""
    whole = ""
    while True:
        slice_ = client.result("result_read", {"result_id": result_id, "offset": offset})
        got = texts(slice_)
        whole += got[0]
        offset += len(got[0].encode())
        if len(got) == 1:
            return whole
        assert f"result.read with result_id {result_id} and offset {offset}" in got[1], got[1]


def test_a_structured_answer_alone_is_told_as_text_too(made):
    result = made.client.result("it__give", {"result": {"structuredContent": {"rows": [1]}}})
    assert json.loads(texts(result)[0]) == result["structuredContent"] == {"rows": [1]} and not result["isError"]


def test_a_large_structured_answer_is_cut_kept_and_continued(made):
    content = {"rows": [{"n": number, "words": "of a row"} for number in range(LARGE // 20)]}
    result = made.client.result("it__give", {"result": {"structuredContent": content}})
    cut = result["structuredContent"]["resonant_cut"]
    shown, hint = texts(result)
    assert len(shown) <= 60_000 and f"result_id {cut['result_id']}" in hint and "cut after" in hint
    assert json.loads(read_on(made.client, cut["result_id"])) == content
    assert shown + read_on(made.client, cut["result_id"], len(shown)) == read_on(made.client, cut["result_id"])


def test_what_a_tool_promises_allows_that_its_answer_was_cut(made):
    """jsonschema is what the Python SDK's client checks answers by."""
    jsonschema = pytest.importorskip("jsonschema")
    tools = made.client.ask("tools/list")["result"]["tools"]
    shown = next(one for one in tools if one["name"] == "it__give_rows")["outputSchema"]
    for fine in ({"rows": [{"n": 1}]}, {"resonant_cut": {"result_id": "r1", "total_bytes": 5}}):
        jsonschema.validate(fine, shown)
    for wrong in ({}, {"rows": [{"n": "x"}]}, {"rows": [], "more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, shown)


def test_text_in_an_embedded_resource_is_bounded_too(made):
    whole = "line of a file\n" * (LARGE // 15)
    block = {"type": "resource", "resource": {"uri": "file:///a", "mimeType": "text/plain", "text": whole}}
    result = made.client.result("it__give", {"result": {"content": [block, {"type": "text", "text": "and more"}]}})
    shown = result["content"][0]["resource"]["text"]
    assert len(shown) <= 60_000 and whole.startswith(shown) and len(json.dumps(result)) < 70_000
    hint = next(text for text in texts(result) if "cut after" in text)
    assert read_on(made.client, hint.split("result_id ")[1].split()[0]) == whole


def test_a_client_of_before_structured_answers_reads_on_by_words(made):
    client = OldClient(made.kernel)
    content = {"rows": ["é" * 50] * (LARGE // 100)}
    result = client.result("it__give", {"result": {"structuredContent": content}})
    assert "structuredContent" not in result
    shown, hint = texts(result)
    result_id, offset = hint.split("result_id ")[1].split()[0], int(hint.split("offset ")[1])
    assert offset == len(shown.encode())
    assert json.loads(shown + read_on(client, result_id, offset)) == content


def test_our_own_large_answers_say_so_in_words(made):
    for number in range(3):
        made.client.call("memory_add", {"content": f"{number} " + "word " * 9_000})
    ids = [f"m{number}" for number in range(1, 4)]
    for client in (made.client, OldClient(made.kernel)):
        result = client.result("memory_read", {"ids": ids})
        shown, hint = texts(result)
        assert "cut after" in hint and "result.read" in hint, hint
        whole = shown + read_on(client, hint.split("result_id ")[1].split()[0], len(shown.encode()))
        assert "memories" in json.loads(whole) or json.loads(whole)


@pytest.mark.parametrize("name", ["union", "either", "openapi", "named", "anything", "chosen"])
def test_null_is_kept_where_the_schema_takes_it(made, name):
    assert words(made.client.result("it__echo", {name: None})) == f'echo {{"{name}": null}}'


@pytest.mark.parametrize("name", ["plain", "neither", "box"])
def test_null_is_left_out_where_the_schema_does_not_take_it(made, name):
    assert words(made.client.result("it__echo", {name: None})) == "echo {}"


def test_json_as_text_is_taken_where_an_object_or_a_list_is_wanted(made):
    assert words(made.client.result("it__echo", {"box": '{"a": 1}'})) == 'echo {"box": {"a": 1}}'
    assert words(made.client.result("it__echo", {"list": "[1, 2]"})) == 'echo {"list": [1, 2]}'
    assert words(made.client.result("it__echo", {"plain": '{"a": 1}'})) == 'echo {"plain": "{\\"a\\": 1}"}'
    assert words(made.client.result(FAMILY, {"tool": "it__echo", "args": '{"plain": "x"}'})) == 'echo {"plain": "x"}'
    content, is_error = made.client.call(FAMILY, {"tool": "it__echo", "args": "{plain: x}"})
    assert is_error and "a JSON object is needed" in content["error"]["message"], content
