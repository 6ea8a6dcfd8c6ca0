"""The sound of a clip for a person to open: a link that get_clip hands out, valid for an hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from soundbite_server.http.guard import Routes
from soundbite_server.http.links import LinkRefused
from soundbite_tools.errors import ToolProblem

if TYPE_CHECKING:
    from soundbite_server.http.services import HttpServices
    from soundbite_server.lifespan import Services
    from soundbite_tools.results import ClipDetail

_PATH = "/clips/"
_LIFETIME_S = 3600.0


def clip_link(http: HttpServices, host: str, principal: str, clip: ClipDetail) -> str:
    """Return an address of the clip's sound."""
    facts = {
        "principal": principal,
        "asset_id": clip.asset_id,
        "start_sec": clip.start_sec,
        "end_sec": clip.end_sec,
        "audio_format": clip.audio_format,
    }
    return http.address(host, _PATH + http.links.made("clip", _LIFETIME_S, facts))


def register_clip_links(routes: Routes, http: HttpServices, running: Callable[[], Services | None]) -> None:
    """Answer requests for the sounds that links name."""

    async def clip(request: Request) -> Response:
        from soundbite_tools.read.get_clip import get_clip

        services = running()
        assert services is not None
        try:
            facts = http.links.read("clip", request.path_params["link"])
            principal = facts.pop("principal")
            http.limits.count_call(principal)
            found = await get_clip(await services.library_of(principal), **facts)
        except LinkRefused as exc:
            return JSONResponse({"error": str(exc)}, exc.status)
        except ToolProblem as exc:
            return JSONResponse({"error": str(exc)}, 429 if exc.code == "limit_reached" else 404)
        if not found.detail.path:
            return JSONResponse({"error": " ".join(found.detail.notes)}, 404)
        return FileResponse(
            found.detail.path,
            media_type=found.mime_type,
            filename=f"{found.detail.title} {found.detail.time_range.replace(':', '.')}.{facts['audio_format']}",
            content_disposition_type="inline",
            headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"},
        )

    routes.add(_PATH + "{link}", ["GET"], clip)
