"""PyPI openai-agents: a runner whose model is scripted; the tool calls go the whole way through the framework."""

import asyncio
import json
import os

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"

from agents import Agent, Runner  # noqa: E402
from agents.items import ModelResponse  # noqa: E402
from agents.mcp import MCPServerStdio, MCPServerStreamableHttp  # noqa: E402
from agents.models.interface import Model  # noqa: E402
from agents.usage import Usage  # noqa: E402
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText  # noqa: E402
from steps import AGAIN, CALL, COMMAND, DENIED, HEADERS, URL, tell, wait_for_kill  # noqa: E402


class Scripted(Model):
    """Calls one tool, then says what came back."""

    def __init__(self, family, call):
        self.family, self.call = family, call

    async def get_response(self, *arguments, **named):
        items = named["input"] if "input" in named else arguments[1]
        answers = [item["output"] for item in items if isinstance(item, dict) and item.get("type") == "function_call_output"]
        if answers:
            text = ResponseOutputText(type="output_text", text=json.dumps(answers[-1]), annotations=[])
            output = ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[text])
        else:
            name, inner = self.call
            output = ResponseFunctionToolCall(type="function_call", call_id="c", name=self.family,
                                              arguments=json.dumps({"tool": name, "args": inner}))
        return ModelResponse(output=[output], usage=Usage(), response_id=None)

    def stream_response(self, *arguments, **named):
        raise NotImplementedError


async def main():
    kind, how = (MCPServerStreamableHttp, {"url": URL, "headers": HEADERS}) if URL else (MCPServerStdio, COMMAND)
    async with kind(params=how, client_session_timeout_seconds=60) as server:
        async def run(family, call):
            agent = Agent("tester", mcp_servers=[server], model=Scripted(family, call))
            return (await Runner.run(agent, "go on")).final_output

        tell("list", [tool.name for tool in await server.list_tools()])
        tell("call", await run("gana_neck_save", CALL))
        tell("deny", await run("gana_void_stores", DENIED))
        wait_for_kill()
        tell("again", await run("gana_winnowing_basket_find", AGAIN))


asyncio.run(main())
