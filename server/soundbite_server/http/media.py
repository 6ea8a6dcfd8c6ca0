"""The sound of clips over HTTP, each by a signed link, for a person to open."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from soundbite_server.http.callers import LinkRefused
from soundbite_server.http.services import Routes
from soundbite_tools import ToolProblem, received_name

if TYPE_CHECKING:
    from soundbite_server.http.services import HttpServices
    from soundbite_server.lifespan import Services
    from soundbite_tools import ClipDetail


_CLIPS_PATH = "/clips/"
_CLIP_LINK_S = 3600.0


def clip_link(http: HttpServices, host: str, principal: str, clip: ClipDetail) -> str:
    """Return an address of the clip's sound."""
    facts = {
        "principal": principal,
        "asset_id": clip.asset_id,
        "start_sec": clip.start_sec,
        "end_sec": clip.end_sec,
        "audio_format": clip.audio_format,
    }
    return http.address(host, _CLIPS_PATH + http.links.made("clip", _CLIP_LINK_S, facts))


def register_clip_links(routes: Routes, http: HttpServices, running: Callable[[], Services | None]) -> None:
    """Answer requests for the sounds that links name."""

    async def clip(request: Request) -> Response:
        from soundbite_tools import ClipRequest, get_clip

        services = running()
        assert services is not None
        try:
            facts = http.link_facts("clip", request)
            library = await services.library_of(facts.pop("principal"))
            playable = await get_clip(library, ClipRequest(**facts))
        except LinkRefused as exc:
            return JSONResponse({"error": str(exc)}, exc.status)
        except ToolProblem as exc:
            return JSONResponse({"error": str(exc)}, 429 if exc.code == "limit_reached" else 404)
        if not playable.detail.path:
            return JSONResponse({"error": " ".join(playable.detail.notes)}, 404)
        return FileResponse(
            playable.detail.path,
            media_type=playable.mime_type,
            filename=_file_name(playable.detail),
            content_disposition_type="inline",
            headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"},
        )

    routes.add(_CLIPS_PATH + "{link}", ["GET"], clip)


def _file_name(clip: ClipDetail) -> str:
    """The name under which a browser keeps a clip: none that leads to another folder, or hides."""
    title = received_name(re.sub(r"[/\\]+", "-", clip.title))
    return f"{title} {clip.time_range.replace(':', '.')}.{clip.audio_format}"
