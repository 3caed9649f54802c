// npm @modelcontextprotocol/sdk against the listing of all tools: it checks every structured answer, an error's too,
// against the tool's outputSchema, and throws when it does not fit.
import { createRequire } from "node:module";

const require = createRequire(process.env.RESONANT_NODE_MODULES + "/");
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = require("@modelcontextprotocol/sdk/client/streamableHttp.js");

const [url] = process.argv.slice(2);
const client = new Client({ name: "npm-sdk-test", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const tools = (await client.listTools()).tools;
const promised = tools.filter((tool) => tool.outputSchema).map((tool) => tool.name);
const seen = {};
const call = async (name, args = {}) => {
    if (!promised.includes(name)) throw new Error(`${name} promises nothing`);
    seen[name] = (await client.callTool({ name, arguments: args })).isError ? "error" : "answer";
};
await call("memory_add", { content: "the heron came back to the lighthouse" });
await call("memory_search", { query: "heron" });
await call("memory_read", { ids: ["m1"] });
await call("memory_recall", { query: "which bird came back" });
await call("session_start", { name: "an afternoon" });
await call("session_bootstrap");
await call("karma_trace", { limit: 5 });
await call("tool_explain", { tool: "memory.add", arguments: { content: "x" } });
await call("health_report");
await call("board_read");
await call("gnosis");
await call("memory_erase", { id: "m1", reason: "an agent may not" });
await call("memory_list", { limit: "many" });
await client.close();
console.log(JSON.stringify({ promised: promised.length, seen }));
