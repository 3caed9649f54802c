"""What passes between a real tool and its client while it works: questions, progress, cancellation, tasks."""

import json

import pytest

from hostile import CAPABILITIES, META, VERSION
from wire import Client, Kernel

ASK = {"name": "consent_request", "arguments": {"action": "sandbox.run", "reason": "the build has to run"}}
TASKS = "io.modelcontextprotocol/tasks"


@pytest.fixture(scope="module")
def kernel():
    with Kernel() as one:
        yield one


@pytest.fixture
def client(kernel):
    one = Client(kernel.home, kernel.environment, initialize=False)
    kernel.clients.append(one)
    return one


def introduce(client, **capabilities):
    assert "result" in client.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": capabilities,
                                                 "clientInfo": {"name": "asked", "version": "1"}})


def request(client, method, params, id="call", **capabilities):
    meta = {VERSION: META[VERSION], CAPABILITIES: capabilities}
    client.send({"jsonrpc": "2.0", "id": id, "method": method, "params": {"_meta": meta, **params}})


@pytest.mark.parametrize("action, state", [("accept", "waiting"), ("decline", "refused"), ("cancel", "refused")])
def test_consent_is_asked_of_the_person_at_the_client_who_may_say_no(kernel, client, action, state):
    introduce(client, elicitation={}, roots={})
    client.send({"jsonrpc": "2.0", "id": "call", "method": "tools/call", "params": ASK})
    asked = set()
    while (message := client.receive()).get("id") != "call":
        if "method" in message and "id" in message:
            asked.add(message["method"])
            result = ({"roots": [{"uri": "file:///srv/swarm"}]} if message["method"] == "roots/list" else
                      {"action": action, "content": {"note": "only today"}})
            client.send({"jsonrpc": "2.0", "id": message["id"], "result": result})
    assert asked == {"elicitation/create", "roots/list"}
    content = message["result"]["structuredContent"]
    assert content["state"] == state
    assert "only today" in content["reason"] and "file:///srv/swarm" in content["reason"]


def test_in_the_modern_era_the_question_is_the_answer_and_nothing_was_done_before(client):
    request(client, "tools/call", ASK, elicitation={})
    first = client.receive()["result"]
    assert first["resultType"] == "input_required"
    assert list(first["inputRequests"]) == ["person"]
    request(client, "tools/call", {**ASK, "requestState": first["requestState"],
                                   "inputResponses": {"person": {"action": "decline"}}}, elicitation={})
    second = client.receive()["result"]
    assert second["resultType"] == "complete"
    assert second["structuredContent"]["state"] == "refused"


def test_who_cannot_be_asked_is_not(client):
    introduce(client)
    assert client.ask("tools/call", ASK)["result"]["structuredContent"]["state"] == "waiting"


def test_a_cancelled_call_reaches_the_tool_and_is_not_answered(kernel, client):
    introduce(client)
    client.send({"jsonrpc": "2.0", "id": "long", "method": "tools/call",
                 "params": {"name": "reasoner_next", "arguments": {"wait_s": 30}}})
    client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "long"}})
    assert client.ask("ping")["result"] == {}
    client.send({"jsonrpc": "2.0", "id": "long", "method": "ping"})  # the id is free again once the tool has ended
    answer = client.receive()
    while "error" in answer:
        client.send({"jsonrpc": "2.0", "id": "long", "method": "ping"})
        answer = client.receive()
    assert answer == {"jsonrpc": "2.0", "id": "long", "result": {}}


def test_an_import_tells_its_progress(client):
    introduce(client)
    data = "\n".join(json.dumps({"content": f"a heron stood at post {number}"}) for number in range(300))
    client.send({"jsonrpc": "2.0", "id": "call", "method": "tools/call", "params": {
        "name": "memory_import", "arguments": {"format": "jsonl", "data": data}, "_meta": {"progressToken": "p"}}})
    told = []
    while (message := client.receive()).get("id") != "call":
        assert message["method"] == "notifications/progress"
        assert message["params"]["progressToken"] == "p"
        told.append(message["params"]["progress"])
    assert told == sorted(told) and told[-1] == 100, "in percent"
    assert not message["result"]["isError"], message


def test_a_real_tool_that_waits_becomes_a_task_whose_cancelling_ends_it(client):
    request(client, "tools/call", {"name": "reasoner_next", "arguments": {"wait_s": 30}}, extensions={TASKS: {}})
    handle = client.receive()["result"]
    assert handle["resultType"] == "task" and handle["status"] == "working"
    task = {"taskId": handle["taskId"]}
    request(client, "tasks/cancel", task, extensions={TASKS: {}})
    assert client.receive()["result"] == {"resultType": "complete"}
    status = "working"
    while status == "working":
        request(client, "tasks/get", task, extensions={TASKS: {}})
        state = client.receive()["result"]
        status = state["status"]
    assert status in ("completed", "cancelled")


def test_a_task_that_ends_by_itself_holds_its_result(client):
    request(client, "tools/call", {"name": "reasoner_next", "arguments": {"wait_s": 2}}, extensions={TASKS: {}})
    task = {"taskId": client.receive()["result"]["taskId"]}
    state = {"status": "working"}
    while state["status"] == "working":
        request(client, "tasks/get", task, extensions={TASKS: {}})
        state = client.receive()["result"]
    assert state["status"] == "completed"
    assert state["result"]["structuredContent"]["reasoner_id"] is None
