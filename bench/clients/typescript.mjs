// A client with the TypeScript SDK: `node typescript.mjs sdk|client FOLDER PLACE`, a call a line in, its answer a line out.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , kind, folder, place] = process.argv;
const { command, env, url } = JSON.parse(place);
const resolve = createRequire(pathToFileURL(`${folder}/node_modules/`)).resolve;
const load = (path) => import(pathToFileURL(resolve(`@modelcontextprotocol/${path}`)));

async function parts() {
  if (kind === "client") return { ...(await load("client")), ...(await load("client/stdio")) };
  const paths = ["sdk/client/index.js", "sdk/client/stdio.js", "sdk/client/streamableHttp.js"];
  return Object.assign({}, ...(await Promise.all(paths.map(load))));
}

const { Client, StdioClientTransport, StreamableHTTPClientTransport } = await parts();
const client = new Client({ name: "matrix", version: "1" });
await client.connect(
  url
    ? new StreamableHTTPClientTransport(new URL(url))
    : new StdioClientTransport({ command: command[0], args: command.slice(1), env: { ...process.env, ...env } }),
);
for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  let answer;
  try {
    answer = { result: call.name ? await client.callTool(call) : (await client.listTools()).tools };
  } catch (error) {
    answer = { error: `${error.name}: ${error.message}` };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
await client.close();
