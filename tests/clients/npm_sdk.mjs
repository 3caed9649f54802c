// npm @modelcontextprotocol/sdk: its client, by stdio (PROGRAM HOME) or by HTTP (URL TOKEN). RESONANT_NODE_MODULES says
// where it is installed.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.RESONANT_NODE_MODULES + "/");
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = require("@modelcontextprotocol/sdk/client/stdio.js");
const { StreamableHTTPClientTransport } = require("@modelcontextprotocol/sdk/client/streamableHttp.js");

const [place, key] = process.argv.slice(2);
const transport = place.startsWith("http://")
    ? new StreamableHTTPClientTransport(new URL(place), { requestInit: { headers: { Authorization: `Bearer ${key}` } } })
    : new StdioClientTransport({ command: place, args: ["mcp", "--home", key] });
const tell = (step, what) => console.log(JSON.stringify({ step, what }));
const call = async (name, args) => JSON.stringify(await client.callTool({ name, arguments: args }));

const client = new Client({ name: "npm-sdk-test", version: "1" });
await client.connect(transport);
tell("list", (await client.listTools()).tools.map((tool) => tool.name));
tell("call", await call("memory_add", { content: "the heron came back to the lighthouse" }));
tell("deny", await call("memory_erase", { id: "m1", reason: "an agent may not" }));
tell("ready", "");
const lines = createInterface({ input: process.stdin });
await new Promise((resolve) => lines.once("line", resolve));
tell("again", await call("memory_search", { query: "heron lighthouse" }));
lines.close();
await client.close();
