"""PyPI mcp: the Python SDK's own client."""

import asyncio

from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client
from steps import AGAIN, CALL, COMMAND, DENIED, tell, wait_for_kill


async def main():
    async with Client(stdio_client(StdioServerParameters(**COMMAND))) as client:
        tell("list", [tool.name for tool in (await client.list_tools()).tools])
        tell("call", await client.call_tool(*CALL))
        tell("deny", await client.call_tool(*DENIED))
        wait_for_kill()
        tell("again", await client.call_tool(*AGAIN))


asyncio.run(main())
