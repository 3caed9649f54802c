"""PyPI fastmcp: its client over stdio."""

import asyncio

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from steps import AGAIN, CALL, COMMAND, DENIED, tell, wait_for_kill


async def main():
    async with Client(StdioTransport(**COMMAND)) as client:
        tell("list", [tool.name for tool in await client.list_tools()])
        tell("call", await client.call_tool(*CALL))
        tell("deny", await client.call_tool(*DENIED, raise_on_error=False))
        wait_for_kill()
        tell("again", await client.call_tool(*AGAIN))


asyncio.run(main())
