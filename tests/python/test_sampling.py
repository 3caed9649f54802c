"""A tool that asks its client's own model: by a request in the legacy era, by input_required in the modern one."""

import json

import pytest

from test_gateway import MODERN, ModernClient
from wire import PATIENCE, Client, Kernel

ASK = {"messages": [{"role": "system", "content": "be short"}, {"role": "user", "content": "capital of France?"}]}
SCHEMA = {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}


class Sampled(Client):
    """A legacy client with a model that always says the same, or a user who refuses."""

    def __init__(self, kernel, words):
        super().__init__(kernel.home, kernel.environment, initialize=False)
        kernel.clients.append(self)
        self.words, self.asked = words, []
        self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {"sampling": {}},
                                "clientInfo": {"name": "sampled", "version": "1"}})

    def receive(self, patience=PATIENCE):
        message = super().receive(patience)
        if message.get("method") == "sampling/createMessage":
            self.asked.append(message["params"])
            answer = {"error": {"code": -1, "message": "User rejected sampling request"}} if self.words is None else {
                "result": {"role": "assistant", "model": "small", "stopReason": "endTurn",
                           "content": {"type": "text", "text": self.words}}}
            self.send({"jsonrpc": "2.0", "id": message["id"], **answer})
        return message


@pytest.fixture(scope="module")
def kernel():
    with Kernel() as made:
        yield made


def test_the_clients_model_is_asked_and_its_words_are_marked(kernel):
    client = Sampled(kernel, "Paris.")
    listed, _ = client.call("model.list")
    assert listed["models"][0]["model"] == "client"
    said, is_error = client.call("model.chat", ASK)
    assert not is_error and said["text"] == "Paris." and said["model"] == "small" and said["untrusted"] is True, said
    asked = client.asked[0]
    assert asked["systemPrompt"] == "be short" and asked["messages"][0]["content"]["text"] == "capital of France?"
    assert asked["maxTokens"] == 512


def test_json_that_does_not_fit_is_told(kernel):
    said, _ = Sampled(kernel, json.dumps({"city": "Paris"})).call("model.chat", {**ASK, "json_schema": SCHEMA})
    assert said["fits"] and said["json"] == {"city": "Paris"}
    said, _ = Sampled(kernel, "Paris, of course").call("model.chat", {**ASK, "json_schema": SCHEMA})
    assert said["fits"] is False and said["errors"] and "json" not in said


def test_a_user_who_refuses_is_an_error_in_their_words(kernel):
    said, is_error = Sampled(kernel, None).call("model.chat", ASK)
    assert is_error and "refused" in said["error"]["message"] and "User rejected" in said["error"]["message"]


def test_a_client_without_a_model_is_told_what_is_missing(kernel):
    client = kernel.client()
    assert client.call("model.list")[0]["count"] == 0
    said, is_error = client.call("model.chat", ASK)
    assert is_error and "sampling" in said["error"]["message"], said
    assert client.call("model.chat", {**ASK, "model": "gpt"})[1]


def test_a_modern_client_answers_when_it_calls_again(kernel):
    client = ModernClient(kernel, {"sampling": {}})
    first = client.tool("model.chat", ASK)
    assert first["resultType"] == "input_required", first
    (key, question), = first["inputRequests"].items()
    assert question["method"] == "sampling/createMessage"
    answer = {"role": "assistant", "model": "small", "content": {"type": "text", "text": "Paris."}}
    second = client.tool("model.chat", ASK, requestState=first["requestState"], inputResponses={key: answer})
    assert second["resultType"] == "complete" and second["structuredContent"]["text"] == "Paris.", second
    without = ModernClient(kernel, {})
    refused = without.ask("tools/call", {"name": "model.chat", "arguments": ASK, "_meta": without.meta})
    assert refused["error"]["code"] == -32021 and MODERN in without.meta.values(), refused
