"""PyPI langgraph with langchain-mcp-adapters: a graph whose one node carries out the tool calls of a message."""

import asyncio

from langchain_core.messages import AIMessage
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from steps import AGAIN, CALL, COMMAND, DENIED, HEADERS, URL, tell, wait_for_kill


def through_family(family, call):
    name, arguments = call
    return {"name": family, "args": {"tool": name, "args": arguments}, "id": name, "type": "tool_call"}


async def main():
    how = {"transport": "streamable_http", "url": URL, "headers": HEADERS} if URL else {"transport": "stdio", **COMMAND}
    client = MultiServerMCPClient({"resonant": how})
    async with client.session("resonant") as session:
        tools = await load_mcp_tools(session)
        tell("list", [tool.name for tool in tools])
        builder = StateGraph(MessagesState)
        builder.add_node("tools", ToolNode(tools, handle_tool_errors=True))
        builder.add_edge(START, "tools")
        graph = builder.compile()

        async def call(family, what):
            message = AIMessage("", tool_calls=[through_family(family, what)])
            return (await graph.ainvoke({"messages": [message]}))["messages"][-1].content

        tell("call", await call("gana_neck_save", CALL))
        tell("deny", await call("gana_void_stores", DENIED))
        wait_for_kill()
        tell("again", await call("gana_winnowing_basket_find", AGAIN))


asyncio.run(main())
