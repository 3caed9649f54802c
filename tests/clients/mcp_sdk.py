"""PyPI mcp: the Python SDK's own client."""

import asyncio

from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client
from steps import AGAIN, CALL, COMMAND, DENIED, HEADERS, URL, tell, wait_for_kill


async def main():
    transport = (streamable_http_client(URL, http_client=create_mcp_http_client(headers=HEADERS)) if URL
                 else stdio_client(StdioServerParameters(**COMMAND)))
    async with Client(transport) as client:
        tell("list", [tool.name for tool in (await client.list_tools()).tools])
        tell("call", await client.call_tool(*CALL))
        tell("deny", await client.call_tool(*DENIED))
        wait_for_kill()
        tell("again", await client.call_tool(*AGAIN))


asyncio.run(main())
