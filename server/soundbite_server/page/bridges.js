// Two ways to the same tools. A bridge has: connect(handlers), callTool(name, args) -> CallToolResult, canCall().
// handlers: onResult(result), onWaiting(args), onCancelled(reason), onTheme(context), onTokenWanted().

const PROTOCOL = "2026-07-28";
const INFO = { name: "soundbite-player", version: "1" };

// An MCP Apps host: JSON-RPC over postMessage with the page around this one.
class HostBridge {
  constructor() {
    this.waiting = new Map();
    this.lastId = 0;
    this.capabilities = {};
  }

  async connect(handlers) {
    this.handlers = handlers;
    window.addEventListener("message", (event) => {
      if (event.source === window.parent && event.data && event.data.jsonrpc === "2.0") this.receive(event.data);
    });
    const hello = await this.request("ui/initialize", {
      protocolVersion: "2026-01-26",
      appInfo: INFO,
      appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
    });
    this.capabilities = hello.hostCapabilities || {};
    handlers.onTheme(hello.hostContext || {});
    this.send({ method: "ui/notifications/initialized", params: {} });
    const page = document.documentElement;
    new ResizeObserver(() => {
      const size = { width: Math.ceil(page.scrollWidth), height: Math.ceil(document.body.getBoundingClientRect().height) };
      this.send({ method: "ui/notifications/size-changed", params: size });
    }).observe(document.body);
  }

  canCall() {
    return Boolean(this.capabilities.serverTools);
  }

  callTool(name, args) {
    return this.request("tools/call", { name, arguments: args });
  }

  request(method, params) {
    const id = ++this.lastId;
    this.send({ id, method, params });
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  send(message) {
    window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
  }

  receive(message) {
    if (message.method === undefined) return this.settle(message);
    if (message.id !== undefined) return this.answer(message);
    const params = message.params || {};
    const heard = {
      "ui/notifications/tool-input": () => this.handlers.onWaiting(params.arguments || {}),
      "ui/notifications/tool-result": () => this.handlers.onResult(params),
      "ui/notifications/tool-cancelled": () => this.handlers.onCancelled(params.reason || ""),
      "ui/notifications/host-context-changed": () => this.handlers.onTheme(params),
    }[message.method];
    if (heard) heard();
  }

  settle({ id, result, error }) {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    this.waiting.delete(id);
    if (error) waiting.reject(new Error(error.message || "The host refused."));
    else waiting.resolve(result);
  }

  answer({ id, method }) {
    const isKnown = method === "ping" || method === "ui/resource-teardown";
    if (method === "ui/resource-teardown") this.handlers.onCancelled("");
    this.send(isKnown ? { id, result: {} } : { id, error: { code: -32601, message: "Method not found" } });
  }
}

// The server itself: one stateless HTTP request a call.
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
    const { token } = this;
    const meta = {
      "io.modelcontextprotocol/protocolVersion": PROTOCOL,
      "io.modelcontextprotocol/clientInfo": INFO,
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const response = await this.posted({
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/json, text/event-stream",
        "MCP-Protocol-Version": PROTOCOL,
        "Mcp-Method": method,
        ...headers,
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
      },
      body: JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta: meta } }),
    });
    if (response.status === 401) {
      if (this.token === token) this.useToken("");
      this.handlers.onTokenWanted();
      throw new Error(token ? "The server does not know this token." : "The server asks for a token.");
    }
    const { result, error } = await this.read(response, id);
    if (error) throw new Error(error.message);
    return result;
  }

  // A browser says only "Failed to fetch".
  async posted(request) {
    try {
      return await fetch(this.endpoint, request);
    } catch {
      throw new Error("The server can't be reached. Look whether it still runs, then ask again.");
    }
  }

  async read(response, id) {
    const text = await response.text();
    if ((response.headers.get("Content-Type") || "").startsWith("text/event-stream")) {
      const lines = text.split("\n").filter((line) => line.startsWith("data:"));
      const found = lines.map((line) => line.slice(5).trim()).filter(Boolean).map((line) => JSON.parse(line));
      return found.find((message) => message.id === id) || { error: { message: "The server did not answer." } };
    }
    try {
      return JSON.parse(text);
    } catch {
      return { error: { message: `The server answered with status ${response.status}.` } };
    }
  }
}
