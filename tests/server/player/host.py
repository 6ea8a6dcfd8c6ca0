"""A small agent host: shows the player as MCP Apps says, and passes its calls to a real MCP client."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from browser import Page
from mcp import Client
from mcp_types import TextResourceContents

# What a host applies by itself to a page that declares no domains.
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "media-src 'self' data:; connect-src 'none'; frame-src 'none'; object-src 'none'; base-uri 'self'"
)
PAGE = """<!doctype html><meta charset="utf-8"><style>
html { background: light-dark(#e9ebee, #0c0d10); color-scheme: light dark; } body { margin: 0; }
iframe { display: block; width: 100%; height: 100vh; border: 0; }</style>
<iframe sandbox="allow-scripts"></iframe>
<script>
const view = document.querySelector("iframe");
const say = (message) => view.contentWindow.postMessage({ jsonrpc: "2.0", ...message }, "*");
const heard = window.heard = [];
window.notify = (method, params) => say({ method, params });
window.ask = (id, method, params) => say({ id, method, params });
window.sizes = [];
window.addEventListener("message", async ({ source, data }) => {
  if (source !== view.contentWindow) return;
  heard.push(data);
  if (data.method === "ui/initialize") say({ id: data.id, result: HELLO });
  else if (data.method === "tools/call") {
    const { result, error } = await window.callTool(data.params);
    say({ id: data.id, ...(error ? { error } : { result }) });
  } else if (data.method === "ui/notifications/size-changed") window.sizes.push(data.params);
});
view.srcdoc = VIEW;
</script>"""


class Host:
    """Shows the player in a page; its tool calls go to a client's server."""

    def __init__(self, page: Page, client: Client) -> None:
        self._page, self._client = page, client
        self.calls: list[str] = []

    async def show(self, *, theme: str = "", may_call: bool = True, variables: dict[str, str] | None = None) -> None:
        """Load the player and wait for its greeting."""
        [content] = (await self._client.read_resource("ui://soundbite/player")).contents
        assert isinstance(content, TextResourceContents)
        hello = {
            "protocolVersion": "2026-01-26",
            "hostInfo": {"name": "harness", "version": "1"},
            "hostCapabilities": {"serverTools": {}} if may_call else {},
            "hostContext": {"styles": {"variables": variables or {}}, **({"theme": theme} if theme else {})},
        }
        guarded = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        view = content.text.replace('<meta charset="utf-8">', f'<meta charset="utf-8">{guarded}', 1)
        await self._page.offer("callTool", self._call)
        html = PAGE.replace("HELLO", json.dumps(hello)).replace("VIEW", json.dumps(view).replace("</", "<\\/"))
        await self._page.set_content(html)
        await self._page.until('window.heard.some((each) => each.method === "ui/notifications/initialized")')

    async def search(self, **arguments: Any) -> None:
        """Do what a host does when its model calls search_clips."""
        result = await self._client.call_tool("search_clips", arguments)
        await self.notify("ui/notifications/tool-input", {"arguments": arguments})
        await self.notify("ui/notifications/tool-result", result.model_dump(mode="json", by_alias=True))

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        await self._page.evaluate(f"window.notify({json.dumps(method)}, {json.dumps(params)})")

    async def _call(self, params: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(params["name"])
        async with asyncio.timeout(30):
            result = await self._client.call_tool(params["name"], params["arguments"])
        return {"result": result.model_dump(mode="json", by_alias=True, exclude_none=True)}
