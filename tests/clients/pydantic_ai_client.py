"""PyPI pydantic-ai: an agent whose model is the TestModel, which calls the tool named with arguments made up after
its schema; and its toolset called straight."""

import asyncio

from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models.test import TestModel
from steps import AGAIN, CALL, COMMAND, DENIED, HEADERS, URL, tell, wait_for_kill


async def attempt(work):
    try:
        return await work
    except Exception as error:  # the toolset raises what the model would be told to try again
        return error


async def main():
    toolset = MCPToolset(StreamableHttpTransport(URL, headers=HEADERS) if URL else StdioTransport(**COMMAND))
    async with toolset:
        tell("list", [tool.name for tool in await toolset.list_tools()])
        agent = Agent(TestModel(call_tools=["gana_root_health"]), toolsets=[toolset])
        tell("agent", (await attempt(agent.run("is the server well?"))))
        tell("call", await toolset.direct_call_tool(*CALL))
        tell("deny", await attempt(toolset.direct_call_tool(*DENIED)))
        wait_for_kill()
        tell("again", await toolset.direct_call_tool(*AGAIN))


asyncio.run(main())
