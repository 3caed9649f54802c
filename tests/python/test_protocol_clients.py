"""The PyPI `mcp` client lists and calls over stdio and HTTP, in both eras of the protocol."""

import asyncio
import contextlib
import time

import httpx2
import pytest
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from wire import FAMILIES, PROGRAM, Kernel

MODES = ["legacy", "auto"]


@pytest.fixture(scope="module")
def kernel():
    with Kernel(flags=("--http", "127.0.0.1:0")) as one:
        yield one


@contextlib.asynccontextmanager
async def over_stdio(kernel, mode):
    parameters = StdioServerParameters(command=str(PROGRAM), args=["mcp", "--home", str(kernel.home)])
    async with Client(stdio_client(parameters), mode=mode) as client:
        yield client


@contextlib.asynccontextmanager
async def over_http(kernel, mode):
    url = kernel.run("--json", "status")["http"]
    token = (kernel.home / "token").read_text().strip()
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as connection:
        async with Client(streamable_http_client(url, http_client=connection), mode=mode) as client:
            yield client


TRANSPORTS = {"stdio": over_stdio, "http": over_http}


@pytest.fixture(params=[(t, m) for t in TRANSPORTS for m in MODES], ids=lambda p: f"{p[0]}-{p[1]}")
def session(request, kernel):
    """Runs a coroutine with a connected client."""
    transport, mode = request.param

    def run(work):
        async def inside():
            async with TRANSPORTS[transport](kernel, mode) as client:
                return await work(client)

        return asyncio.run(asyncio.wait_for(inside(), 60))

    run.mode = mode
    return run


def test_the_era_is_the_one_the_client_prefers(session):
    async def work(client):
        return client.protocol_version

    assert session(work) == {"legacy": "2025-11-25", "auto": "2026-07-28"}[session.mode]


def test_lists_the_families_in_a_fixed_order(session):
    async def work(client):
        return await client.list_tools()

    tools = session(work).tools
    assert len(tools) == FAMILIES
    assert tools[0].name == "gana_horn_sessions"
    assert [tool.name for tool in session(work).tools] == [tool.name for tool in tools]


def test_calls_a_tool_through_its_family_and_by_its_own_name(session):
    async def work(client):
        family = await client.call_tool("gana_root_health", {"tool": "health.check", "args": {}})
        own = await client.call_tool("health_check", {})
        return family, own

    for result in session(work):
        assert not result.is_error, result
        assert result.structured_content
        assert result.content[0].type == "text"


def test_instructions_say_where_to_begin(session):
    async def work(client):
        return client.instructions

    assert "session.bootstrap" in session(work)


def test_wrong_arguments_come_back_with_an_example(session):
    async def work(client):
        return await client.call_tool("gana_neck_save", {"tool": "memory.add", "args": {"contents": "x"}})

    result = session(work)
    assert result.is_error
    assert "content" in str(result.structured_content["errors"])
    assert result.structured_content["example"]["tool"] == "memory.add"


def test_an_unknown_tool_is_an_error_that_names_its_neighbours(session):
    async def work(client):
        try:
            await client.call_tool("memory_ad", {"content": "x"})
        except Exception as error:  # the client's own class of protocol errors
            return str(error) + str(getattr(getattr(error, "error", None), "data", ""))
        return "no error"

    words = session(work)
    assert "memory_ad" in words
    assert "memory.add" in words


def test_two_clients_share_one_kernel(kernel):
    async def work():
        async with over_stdio(kernel, "legacy") as one, over_http(kernel, "legacy") as two:
            stored = await one.call_tool("memory_add", {"content": "the lighthouse keeper counts herons"})
            assert not stored.is_error, stored
            found = await two.call_tool("memory_search", {"query": "lighthouse herons"})
            assert "lighthouse" in found.content[0].text

    asyncio.run(asyncio.wait_for(work(), 60))


def test_who_watches_a_resource_is_told_when_it_changes(kernel):
    client = kernel.client()
    stored = client.call("memory.add", {"content": "the lamp is lit at six"})[0]["id"]
    watched = {f"memory://{stored}", "ledger://recent"}
    for uri in watched:
        assert client.ask("resources/subscribe", {"uri": uri})["result"] == {}
    time.sleep(1)  # the watch has begun: what happened before is no change
    client.send({"jsonrpc": "2.0", "id": "update", "method": "tools/call", "params": {
        "name": "memory.update", "arguments": {"id": stored, "content": "the lamp is lit at seven"}}})
    told, answered = set(), False
    while told != watched or not answered:  # receive() fails when nothing comes
        message = client.receive()
        answered = answered or message.get("id") == "update"
        if message.get("method") == "notifications/resources/updated":
            told.add(message["params"]["uri"])
    text = client.ask("resources/read", {"uri": f"memory://{stored}"})["result"]["contents"][0]["text"]
    assert "lit at seven" in text
