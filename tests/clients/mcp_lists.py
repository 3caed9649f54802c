"""PyPI mcp reads every list and every result as a whole. python mcp_lists.py URL FILE TOOL MODE: as npm_lists.mjs."""

import asyncio
import json
import pathlib
import sys

from mcp.client import Client

URL, FILE, TOOL, MODE = sys.argv[1:]


async def count(list_page, member):
    found, cursor = 0, None
    while True:
        page = await list_page(cursor=cursor)
        found += len(getattr(page, member))
        cursor = page.next_cursor
        if cursor is None:
            return found


async def main():
    async with Client(URL, mode=MODE) as client:
        told = {"tools": await count(client.list_tools, "tools"), "resources": await count(client.list_resources, "resources"),
                "templates": await count(client.list_resource_templates, "resource_templates"),
                "prompts": await count(client.list_prompts, "prompts"), "results": 0, "refused": []}
        for result in json.loads(pathlib.Path(FILE).read_text()):
            try:
                await client.call_tool(TOOL, {"result": result})
                told["results"] += 1
            except Exception as error:
                told["refused"].append([result, repr(error)[:300]])
        print(json.dumps(told))


asyncio.run(main())
