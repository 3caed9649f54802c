"""Our client of other servers, as the conformance suite starts it: python conformance_client.py [...] URL

A kernel adds the server at URL; an MCP client of the kernel then calls what the scenario (variable
MCP_CONFORMANCE_SCENARIO) wants called, so that every message to URL is the gateway's.
"""

import json
import os
import sys
import time

from test_gateway import AskedClient
from wire import Kernel

# By scenario: (tool, arguments) in turn.
CALLS = {
    "tools_call": [("add_numbers", {"a": 5, "b": 3})],
    "sse-retry": [("test_reconnection", {})],
}


class Filling(AskedClient):
    """Accepts what is asked with the defaults of its schema."""

    def receive(self, patience=60):
        message = super(AskedClient, self).receive(patience)
        if message.get("method") == "elicitation/create":
            fields = message["params"]["requestedSchema"]["properties"]
            content = {name: field["default"] for name, field in fields.items() if "default" in field}
            self.send({"jsonrpc": "2.0", "id": message["id"], "result": {"action": "accept", "content": content}})
        return message


def sample(schema):
    """An argument of its type."""
    if "default" in schema:
        return schema["default"]
    return {"string": "value", "integer": 42, "number": 1.5, "boolean": True, "array": [], "object": {}}.get(
        schema.get("type"), "value")


def main():
    url, scenario = sys.argv[-1], os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
    version = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "")
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    with Kernel() as kernel:
        spec = {"name": "it", "url": url}
        if version:
            spec["era"] = "modern" if version >= "2026" else "legacy"
        if "client_secret" in context:
            spec["oauth"] = {key: context[key] for key in ("client_id", "client_secret")}
        added = kernel.call("server.add", spec, owner=True)
        print(json.dumps({"scenario": scenario, "context": context, "added": added}), file=sys.stderr)
        if "error" in added:
            return 1
        client = Filling(kernel)
        definitions = {one["name"]: one for one in listed(kernel)}
        wanted = context.get("toolCalls") or CALLS.get(scenario)
        if scenario == "json-schema-2020-12-preservation":  # the schema as a client of ours sees it, sent back
            wanted = [("json_schema_echo", {"schema": definitions["it__json_schema_2020_12_tool"]["inputSchema"]})]
        if wanted is None:
            wanted = [(name, {key: sample(value) for key, value in one["inputSchema"].get("properties", {}).items()})
                      for name, one in definitions.items()]
        for one in wanted:
            name, arguments = (one["name"], one.get("arguments", {})) if isinstance(one, dict) else one
            answer = client.ask("tools/call", {"name": f"it.{name}" if "it__" not in name else name, "arguments": arguments})
            print(name, json.dumps(answer)[:600], file=sys.stderr)
        time.sleep(0.2)  # what goes on beside calls
    return 0


def listed(kernel):
    """The server's tools with their schemas."""
    names = kernel.call("server.list", {"name": "it"})["tool_list"]
    return [{"name": one["tool"], "inputSchema": schema_of(kernel, one["tool"])} for one in names]


def schema_of(kernel, name):
    done = kernel.call("tool.schema", {"tools": [name]})
    return done["tools"][0].get("input_schema", {}) if "tools" in done else {}


if __name__ == "__main__":
    sys.exit(main())
