// An MCP Apps host: the tools are called by JSON-RPC over postMessage with the page around this one.
// A bridge has: connect(handlers), callTool(name, args) -> CallToolResult, canCall().
// handlers: onResult(result), onWaiting(args), onCancelled(reason), onTheme(context).

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
      appInfo: { name: "soundbite-player", version: "1" },
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
    const handler = {
      "ui/notifications/tool-input": () => this.handlers.onWaiting(params.arguments || {}),
      "ui/notifications/tool-result": () => this.handlers.onResult(params),
      "ui/notifications/tool-cancelled": () => this.handlers.onCancelled(params.reason || ""),
      "ui/notifications/host-context-changed": () => this.handlers.onTheme(params),
    }[message.method];
    if (handler) handler();
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
