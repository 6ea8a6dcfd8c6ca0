"""The two shapes of an error answer (contract 4.1), and the answer itself."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from soundbite_engine.platform.errors import Refused


def envelope(refused: Refused, path: str) -> dict[str, Any]:
    """Flat for assets; for embeddings, and for every 413, flat and nested at once, which every client can read."""
    flat = {"code": refused.code, "message": refused.message}
    if "/embed-v2" not in path and refused.status != 413:
        return flat
    nested: dict[str, Any] = dict(flat)
    if refused.details:
        nested["details"] = refused.details
    return {"error": nested, **flat}


def answer(refused: Refused, path: str) -> JSONResponse:
    """The response to a request for `path` that is refused."""
    return JSONResponse(envelope(refused, path), status_code=refused.status, headers=refused.headers)
