// The server itself: a stateless MCP request a call, and what only the page asks.
// handlers: onTokenWanted(why).

const PROTOCOL = "2026-07-28";
const INFO = { name: "soundbite-page", version: "1" };

class HttpBridge {
  constructor(endpoint = "mcp") {
    this.endpoint = endpoint;
    this.token = sessionStorage.getItem("soundbite-token") || "";
    this.lastId = 0;
  }

  async connect(handlers) {
    this.handlers = handlers;
  }

  canCall() {
    return true;
  }

  useToken(token) {
    this.token = token;
    sessionStorage.setItem("soundbite-token", token);
  }

  callTool(name, args) {
    return this.request("tools/call", { name, arguments: args }, { "Mcp-Name": name });
  }

  async listTools() {
    return (await this.request("tools/list", {})).tools.map((tool) => tool.name);
  }

  async request(method, params, headers = {}) {
    const id = ++this.lastId;
    const meta = {
      "io.modelcontextprotocol/protocolVersion": PROTOCOL,
      "io.modelcontextprotocol/clientInfo": INFO,
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const response = await this.answer(this.endpoint, {
      "Content-Type": "application/json",
      Accept: "application/json, text/event-stream",
      "MCP-Protocol-Version": PROTOCOL,
      "Mcp-Method": method,
      ...headers,
    }, { jsonrpc: "2.0", id, method, params: { ...params, _meta: meta } });
    const { result, error } = await this.read(response, id);
    if (error) throw new Error(error.message);
    return result;
  }

  // What is at an address of this server, as JSON; with a body it is changed.
  async ask(path, body) {
    const response = await this.answer(path, body ? { "Content-Type": "application/json" } : {}, body);
    const answer = await response.json().catch(() => ({ error: `The server answered with status ${response.status}.` }));
    if (!response.ok) throw Object.assign(new Error(answer.error), { status: response.status });
    return answer;
  }

  async answer(path, headers, body) {
    const { token } = this;
    const response = await this.response(path, {
      method: body ? "POST" : "GET",
      headers: { ...headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (response.status !== 401) return response;
    const why = token
      ? "The server does not know this token."
      : "This server asks for a token, a secret text by which it knows you. Whoever runs the server gives you yours: it is in "
        + "the server's setting SOUNDBITE_HTTP_TOKENS, or comes from its sign-in service.";
    if (this.token === token) this.useToken("");
    this.handlers.onTokenWanted(why);
    throw Object.assign(new Error(why), { isToken: true });
  }

  // A browser says only "Failed to fetch".
  async response(path, request) {
    try {
      return await fetch(path, request);
    } catch {
      throw new Error("The server can't be reached. Look whether it still runs, then ask again.");
    }
  }

  async read(response, id) {
    const text = await response.text();
    if ((response.headers.get("Content-Type") || "").startsWith("text/event-stream")) {
      const lines = text.split("\n").filter((line) => line.startsWith("data:"));
      const messages = lines.map((line) => line.slice(5).trim()).filter(Boolean).map((line) => JSON.parse(line));
      return messages.find((message) => message.id === id) || { error: { message: "The server did not answer." } };
    }
    try {
      return JSON.parse(text);
    } catch {
      return { error: { message: `The server answered with status ${response.status}.` } };
    }
  }
}
