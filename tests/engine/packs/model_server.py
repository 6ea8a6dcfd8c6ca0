"""A real HTTP server on loopback that serves model files, and misbehaves as it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Misbehaviour:
    """What the server does wrong. `breaks_after` holds one number of bytes for each answer, None for a whole one."""

    breaks_after: list[int | None] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    said_size: int | None = None
    ignores_ranges: bool = False
    is_endless: bool = False
    ranges: list[str] = field(default_factory=list)
    """The Range header of every request that came."""


class _Handler(BaseHTTPRequestHandler):
    folder: Path
    wrong: Misbehaviour

    def do_GET(self) -> None:
        wrong, path = self.wrong, self.folder / self.path.lstrip("/")
        wrong.ranges.append(self.headers.get("Range", ""))
        if wrong.statuses:
            self.send_error(wrong.statuses.pop(0))
            return
        if not path.is_file():
            self.send_error(404)
            return
        body = path.read_bytes()
        start = 0 if wrong.ignores_ranges else int(self.headers.get("Range", "bytes=0-")[6:-1])
        if start > len(body):
            self.send_error(416)
            return
        self._send(body, start)

    def _send(self, body: bytes, start: int) -> None:
        wrong = self.wrong
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if not wrong.is_endless:
            self.send_header("Content-Length", str(wrong.said_size or len(body) - start))
        self.end_headers()
        until = wrong.breaks_after.pop(0) if wrong.breaks_after else None
        self.wfile.write(body[start:] if until is None else body[start : start + until])
        if wrong.is_endless:
            self.wfile.write(b"x" * (1 << 20))

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""


@contextmanager
def serving(folder: Path, wrong: Misbehaviour) -> Iterator[str]:
    """Serve `folder`; gives the address."""
    handler = type("Handler", (_Handler,), {"folder": folder, "wrong": wrong})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(10)
