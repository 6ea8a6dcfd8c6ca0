"""The sound of clips, and the sound and the transcript of whole recordings over HTTP, each by a signed link."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, cast

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse

from soundbite_server.http.callers import LinkRefused, principal
from soundbite_server.http.services import Routes
from soundbite_tools import ToolProblem, UnknownId, received_name

if TYPE_CHECKING:
    from soundbite_api import OpenFile
    from soundbite_server.http.services import HttpServices, Routes
    from soundbite_server.lifespan import Services
    from soundbite_store import Asset
    from soundbite_tools import ClipDetail, Library, TranscriptFormat

_FOLDER = "files/"
_LINK_S = 3600.0
_BLOCK_BYTES = 256 * 1024
# A player that is paused reads no further: an answer that ends soon keeps no connection.
_MOST_PART_BYTES = 2 * 1024 * 1024
_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{0,15})")
_TRANSCRIPTS = {"vtt": "text/vtt", "srt": "application/x-subrip", "md": "text/markdown"}
_SOUNDS = {
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mka": "audio/x-matroska",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".webm": "video/webm",
}
# A file of others: where a browser shows it as a page it can do nothing.
_GUARDED = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
_CLIPS_PATH = "/clips/"
_CLIP_LINK_S = 3600.0


async def sound_link(library: Library, asset: Asset, http: HttpServices, file: str) -> dict[str, Any]:
    """Return the address of the sound, below the page's, or why there is none; `file` is gone or changed if known.

    With `is_cut` the file is not to be played as it is, so it has to be cut: a player would choose another track, or
    something of it is erased.
    """
    from soundbite_tools import sound_file, track_of, why_silent

    # The content of a file is compared when it is played: that takes seconds for a large one.
    is_file = asset.source_kind in ("file", "base64")
    if file or (not is_file and await sound_file(library, asset) is None):
        return {"why_not": await why_silent(asset)}
    return {"url": _link(asset, http, "sound"), "is_cut": bool(track_of(asset) or asset.erased)}


def transcript_links(asset: Asset, http: HttpServices) -> dict[str, str]:
    """Return the addresses of the recording's transcript as files, by format."""
    return {name: _link(asset, http, name) for name in _TRANSCRIPTS}


def _link(asset: Asset, http: HttpServices, what: str) -> str:
    facts = {"principal": principal(), "asset_id": asset.asset_id, "what": what}
    return _FOLDER + http.links.made("recording", _LINK_S, facts)


def register_files(routes: Routes, http: HttpServices, running: Callable[[], Services | None]) -> None:
    """Answer requests for the files that links name."""

    async def file(request: Request) -> Response:
        services = running()
        assert services is not None
        try:
            facts = http.link_facts("recording", request)
            library = await services.library_of(facts["principal"])
            asset = await (await library.ledger()).get_asset(facts["asset_id"])
            if asset is None:
                raise UnknownId("There is no such recording.", "Look at the list.", code="unknown_asset")
            if facts["what"] == "sound":
                return await _sound(library, asset, request)
            return await _transcript(library, asset, facts["what"])
        except LinkRefused as exc:
            return JSONResponse({"error": str(exc)}, exc.status)
        except ToolProblem as exc:
            return JSONResponse({"error": exc.message}, 429 if exc.code == "limit_reached" else 404)

    routes.add(f"/{_FOLDER}{{link}}", ["GET"], file)


async def _transcript(library: Library, asset: Asset, name: str) -> Response:
    from soundbite_tools import chapters_of, transcript_file, transcript_file_name, transcript_of_recording

    transcript = await transcript_of_recording(library, asset.asset_id)
    if transcript is None:
        return JSONResponse({"error": "It has no transcript."}, 404)
    file_format = cast("TranscriptFormat", name)
    chapters = await chapters_of(library, asset, transcript) if name == "md" else ()
    text = transcript_file(asset, transcript, file_format, chapters)
    headers = {**_GUARDED, **_saved_as(transcript_file_name(asset, file_format))}
    return PlainTextResponse(text, media_type=_TRANSCRIPTS[name], headers=headers)


async def _sound(library: Library, asset: Asset, request: Request) -> Response:
    from soundbite_tools import playable_file, why_silent

    source = await playable_file(library, asset)
    if source is None:
        return JSONResponse({"error": await why_silent(asset)}, 404)
    try:
        file = await anyio.to_thread.run_sync(source.open)
    except OSError:
        return JSONResponse({"error": await why_silent(asset)}, 404)
    suffix = source.path.suffix.lower()
    saved = _saved_as(received_name(re.sub(r"[/\\]+", "-", asset.title).removesuffix(suffix)) + suffix)
    headers = {**_GUARDED, "Accept-Ranges": "bytes", **(saved if "save" in request.query_params else {})}
    first, last, status = 0, file.size_bytes - 1, 200
    if asked := _RANGE.fullmatch(request.headers.get("range", "")):
        first, status = int(asked[1]), 206
        last = min(int(asked[2] or last), last, first + _MOST_PART_BYTES - 1)
        if first > last:
            file.close()
            return Response(status_code=416, headers={"Content-Range": f"bytes */{file.size_bytes}"})
        headers["Content-Range"] = f"bytes {first}-{last}/{file.size_bytes}"
    headers["Content-Length"] = str(last - first + 1)
    media_type = _SOUNDS.get(suffix, "application/octet-stream")
    return StreamingResponse(_blocks(file, first, last), status, headers=headers, media_type=media_type)


async def _blocks(file: OpenFile, first: int, last: int) -> AsyncIterator[bytes]:
    try:
        while first <= last:
            block = await anyio.to_thread.run_sync(file.read_at, first, min(_BLOCK_BYTES, last - first + 1))
            if not block:
                return
            first += len(block)
            yield block
    finally:
        file.close()


def _saved_as(name: str) -> dict[str, str]:
    from urllib.parse import quote

    return {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name)}"}


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
