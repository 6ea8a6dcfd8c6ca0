"""A headless Chromium, spoken to over its DevTools pipe: no driver and no port."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WHY_NOT = "no Chromium on this machine: install the package chromium"
LONGEST_WAIT_S = 60
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-sandbox",  # tests run as root in containers, where Chromium's own sandbox can't
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=IsolateSandboxedIframes,Translate",  # one process, so that one session sees the inner page too
)


class Browser:
    """One browser process; opens pages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._last_id = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._listeners: dict[str, Callable[[str, dict[str, Any]], None]] = {}

    async def listen(self) -> None:
        while message := await self._reader.readuntil(b"\0"):
            said = json.loads(message[:-1])
            if "id" in said:
                if (waiting := self._waiting.pop(said["id"], None)) and not waiting.done():
                    waiting.set_result(said)
            elif listener := self._listeners.get(said.get("sessionId", "")):
                listener(said["method"], said["params"])

    async def send(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        self._last_id += 1
        answer = self._waiting[self._last_id] = asyncio.get_running_loop().create_future()
        message = {
            "id": self._last_id,
            "method": method,
            "params": params,
            **({"sessionId": session} if session else {}),
        }
        self._writer.write(json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(LONGEST_WAIT_S):
            said = await answer
        assert "error" not in said, f"{method}: {said['error']}"
        return dict(said["result"])

    async def open(self, width: int = 900, height: int = 700, scheme: str = "light") -> Page:
        target = (await self.send("Target.createTarget", url="about:blank"))["targetId"]
        session = (await self.send("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = Page(self, session)
        self._listeners[session] = page.heard
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            await page.send(f"{domain}.enable")
        await page.dress(width, height, scheme)
        return page


class Page:
    """One page and the frame inside it."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self._contexts: dict[str, int] = {}
        self._called: dict[str, Callable[[Any], Awaitable[Any]]] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self.main_frame = ""
        self.complaints: list[str] = []
        """What the page logged as errors, policy violations included."""
        self.requested: list[str] = []
        """Every address the page asked for."""

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._browser.send(method, self._session, **params)

    def heard(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.executionContextCreated" and params["context"]["auxData"].get("isDefault"):
            self._contexts[params["context"]["auxData"]["frameId"]] = params["context"]["id"]
        elif method == "Runtime.executionContextsCleared":
            self._contexts.clear()
        elif method == "Runtime.bindingCalled":
            call = asyncio.ensure_future(self._answer(params["name"], json.loads(params["payload"])))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"].get("exception", {}).get("description", "an exception"))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])

    async def dress(self, width: int, height: int, scheme: str = "light") -> None:
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        await self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def offer(self, name: str, function: Callable[[Any], Awaitable[Any]]) -> None:
        """Give the page a function of ours: it takes and returns JSON."""
        self._called[name] = function
        await self.send("Runtime.addBinding", name=f"__{name}")
        source = (
            f"window.{name} = (given) => new Promise((resolve) => {{ const id = String(Math.random());"
            f" (window.__answers ??= {{}})[id] = resolve; window.__{name}(JSON.stringify([id, given])); }});"
        )
        await self.send("Page.addScriptToEvaluateOnNewDocument", source=source)

    async def _answer(self, binding: str, payload: list[Any]) -> None:
        answer = await self._called[binding.removeprefix("__")](payload[1])
        await self.evaluate(f"window.__answers[{json.dumps(payload[0])}]({json.dumps(answer)})")

    async def go(self, url: str) -> None:
        self.main_frame = (await self.send("Page.navigate", url=url))["frameId"]

    async def set_content(self, html: str) -> None:
        await self.go("about:blank")
        await self.send("Page.setDocumentContent", frameId=self.main_frame, html=html)

    @property
    def inner_frame(self) -> str:
        return next(frame for frame in self._contexts if frame != self.main_frame)

    async def evaluate(self, code: str, *, inner: bool = False) -> Any:
        context = {"contextId": self._contexts[self.inner_frame]} if inner else {}
        said = await self.send(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True, userGesture=True, **context
        )
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    async def until(self, code: str, *, inner: bool = False) -> None:
        """Wait, for a bounded time, until an expression is true."""
        look = f"new Promise((done) => {{ const look = () => ({code}) ? done(true) : setTimeout(look, 20); look(); }})"
        try:
            await self.evaluate(look, inner=inner)
        except TimeoutError:
            raise AssertionError(f"not so within {LONGEST_WAIT_S} s: {code}") from None

    async def click(self, selector: str) -> None:
        """Click an element as a mouse does; it has to be there, to have come to rest and not be covered."""
        await self.until(f"document.querySelector({json.dumps(selector)})?.getClientRects().length")
        place = await self.evaluate(f"""(async () => {{
          const frame = () => new Promise(requestAnimationFrame);
          let node, box, before;
          do {{
            before = box;
            node = document.querySelector({json.dumps(selector)});
            node.scrollIntoView({{ block: "center", behavior: "instant" }});
            await frame();
            await frame();
            box = node.getBoundingClientRect();
          }} while (!node.isConnected || JSON.stringify(box) !== JSON.stringify(before));
          const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
          const top = document.elementFromPoint(x, y);
          const isFree = node.contains(top) || Boolean(top?.contains(node));
          return {{ x, y, isFree, top: top?.outerHTML.slice(0, 80) }};
        }})()""")
        assert place["isFree"], f"{selector} is covered by {place['top']}"
        at = {"x": place["x"], "y": place["y"], "button": "left", "clickCount": 1}
        await self.send("Input.dispatchMouseEvent", type="mousePressed", **at)
        await self.send("Input.dispatchMouseEvent", type="mouseReleased", **at)

    async def wheel(self, selector: str, down_px: int) -> None:
        """Turn the wheel over an element."""
        box = await self.evaluate(f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()")
        at = {"x": box["x"] + box["width"] / 2, "y": max(box["y"], 0) + 10}
        await self.send("Input.dispatchMouseEvent", type="mouseWheel", **at, deltaX=0, deltaY=down_px)

    async def write(self, selector: str, text: str) -> None:
        """Click a field and type a text in place of what is in it."""
        await self.click(selector)
        await self.until(f"document.activeElement === document.querySelector({json.dumps(selector)})")
        await self.evaluate("document.activeElement.select()")
        await self.send("Input.insertText", text=text)

    async def press(self, key: str, text: str = "") -> None:
        codes = {
            "Tab": 9,
            "Enter": 13,
            "Escape": 27,
            "ArrowRight": 39,
            "ArrowLeft": 37,
            "ArrowDown": 40,
            "Home": 36,
            "End": 35,
            " ": 32,
        }
        same = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0].upper()))}
        said = {"text": text or {"Enter": "\r", " ": " "}.get(key, key if len(key) == 1 else "")}
        await self.send("Input.dispatchKeyEvent", type="keyDown", **same, **(said if said["text"] else {}))
        await self.send("Input.dispatchKeyEvent", type="keyUp", **same)

    async def accessible(self, *, inner: bool = False) -> list[tuple[str, str]]:
        """Return what a screen reader is told: role and name, in order."""
        frame = {"frameId": self.inner_frame} if inner else {}
        nodes = (await self.send("Accessibility.getFullAXTree", **frame))["nodes"]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]

    async def picture(self, path: Path) -> None:
        said = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(said["data"]))


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start a browser; it ends with the block."""
    assert CHROMIUM, WHY_NOT
    loop = asyncio.get_running_loop()
    from_us, to_us = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # The browser reads its descriptor 3 and writes 4; the shell puts our pipes there.
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", f'exec "$@" 3<&{from_us[0]} 4>&{to_us[1]}', "bash", CHROMIUM, *FLAGS),
            f"--user-data-dir={profile}",
            pass_fds=(from_us[0], to_us[1]),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "HOME": profile},
        )
        os.close(from_us[0])
        os.close(to_us[1])
        reader = asyncio.StreamReader(limit=2**27)
        incoming, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(to_us[0], "rb")
        )
        outgoing, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(from_us[1], "wb")
        )
        browser = Browser(reader, asyncio.StreamWriter(outgoing, protocol, None, loop))
        listening = asyncio.ensure_future(browser.listen())
        try:
            yield browser
        finally:
            listening.cancel()
            process.terminate()
            await process.wait()
            await asyncio.wait([listening])
            outgoing.close()
            incoming.close()
