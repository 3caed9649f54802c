// npm @modelcontextprotocol/sdk reads every list and every result as a whole: one entry that it cannot read is an error.
// FILE holds the results that the server behind shall give, one a call.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(process.env.RESONANT_NODE_MODULES + "/");
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = require("@modelcontextprotocol/sdk/client/streamableHttp.js");

const [url, file, tool] = process.argv.slice(2);
const client = new Client({ name: "npm-sdk-test", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const all = async (list, member) => {
    const found = [];
    let cursor;
    do {
        const page = await list(cursor ? { cursor } : {});
        found.push(...page[member].map((one) => one.name));
        cursor = page.nextCursor;
    } while (cursor);
    return found.length;
};
const told = {
    tools: await all((page) => client.listTools(page), "tools"),
    resources: await all((page) => client.listResources(page), "resources"),
    templates: await all((page) => client.listResourceTemplates(page), "resourceTemplates"),
    prompts: await all((page) => client.listPrompts(page), "prompts"),
    results: 0,
    refused: [],
};
for (const result of JSON.parse(readFileSync(file, "utf8"))) {
    try {
        await client.callTool({ name: tool, arguments: { result } });
        told.results += 1;
    } catch (error) {
        told.refused.push([result, String(error).slice(0, 300)]);
    }
}
await client.close();
console.log(JSON.stringify(told));
