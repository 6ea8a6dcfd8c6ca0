"""Absolute addresses of this engine, as the client that asks reaches it."""

from __future__ import annotations

from starlette.requests import Request


def base_url(request: Request) -> str:
    """The address up to and with the version prefix, if the request has one; no slash at its end."""
    prefix = "/v1.3" if request.url.path.startswith("/v1.3/") else ""
    return f"{request.url.scheme}://{request.url.netloc}{prefix}"
