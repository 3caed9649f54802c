"""PyPI fastmcp: its client."""

import asyncio

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from steps import AGAIN, CALL, COMMAND, DENIED, HEADERS, URL, tell, wait_for_kill


async def main():
    transport = StreamableHttpTransport(URL, headers=HEADERS) if URL else StdioTransport(**COMMAND)
    async with Client(transport) as client:
        tell("list", [tool.name for tool in await client.list_tools()])
        tell("call", await client.call_tool(*CALL))
        tell("deny", await client.call_tool(*DENIED, raise_on_error=False))
        wait_for_kill()
        tell("again", await client.call_tool(*AGAIN))


asyncio.run(main())
