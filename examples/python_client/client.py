"""Stores one memory and finds it again: python client.py PROGRAM HOME."""

import asyncio
import sys

from mcp import Client
from mcp.client.stdio import StdioServerParameters


async def main(program, home):
    server = StdioServerParameters(command=program, args=["mcp", "--home", home])
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        print(f"{len(tools)} tools, the first is {tools[0].name}")
        note = {"title": "Kettle", "content": "The kettle in the kitchen boils in three minutes."}
        await client.call_tool("gana_neck_save", {"tool": "memory.add", "args": note})
        found = await client.call_tool("gana_winnowing_basket_find", {
            "tool": "memory.recall", "args": {"query": "how long does water take to boil?"}})
        print(found.content[0].text)


if len(sys.argv) != 3:
    raise SystemExit(__doc__)
asyncio.run(main(*sys.argv[1:]))
