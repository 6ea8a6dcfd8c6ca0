"""What is fetched or sent by a signed link: sound of clips, sound and transcripts of recordings, files to embed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse

from soundbite_server.http.callers import LinkRefused, principal
from soundbite_server.http.services import Routes, UploadRefused
from soundbite_tools import UPLOAD_SCHEME, ToolProblem, UnknownId, received_folder, received_name

if TYPE_CHECKING:
    from soundbite_api import OpenFile
    from soundbite_server.http.services import HttpServices
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
_UPLOADS_PATH = "/uploads/"
_UPLOAD_LINK_S = 900.0
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


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


def upload_step(http: HttpServices, host: str, name: str) -> str:
    """Return what an agent does with a file on its own machine: a fresh link, and the source to name afterwards."""
    upload_id = _mark(principal()) + secrets.token_urlsafe(16)
    facts = {"principal": principal(), "upload_id": upload_id, "name": received_name(name)}
    url = http.address(host, _UPLOADS_PATH + http.links.made("upload", _UPLOAD_LINK_S, facts))
    return (
        "If the file is on your machine, send it (POST or PUT its bytes, once, within 15 minutes, at most "
        f"{http.most_upload_bytes // 2**20} MB), for example with curl --data-binary '@FILE' '{url}' and then call "
        f'embed_audio(source="{UPLOAD_SCHEME}{upload_id}").'
    )


def register_uploads(routes: Routes, http: HttpServices, running: Callable[[], Services | None]) -> None:
    """Take the files that links name."""

    async def upload(request: Request) -> Response:
        services = running()
        assert services is not None
        try:
            facts = http.link_facts("upload", request)
            library = await services.library_of(facts["principal"])
            folder = received_folder(facts["upload_id"], library.config)
            size = await _receive(request, folder, facts, http)
        except (LinkRefused, UploadRefused) as exc:
            return JSONResponse({"error": str(exc)}, exc.status)
        except ToolProblem as exc:
            return JSONResponse({"error": str(exc)}, 429 if exc.code == "limit_reached" else 503)
        source = UPLOAD_SCHEME + facts["upload_id"]
        receipt = {"source": source, "bytes": size, "next_step": f'Call embed_audio(source="{source}").'}
        return JSONResponse(receipt, 201)

    routes.add(_UPLOADS_PATH + "{link}", ["POST", "PUT"], upload)


async def _receive(request: Request, folder: Path, facts: dict[str, str], http: HttpServices) -> int:
    if request.headers.get("content-type", "").strip().lower().startswith("multipart/"):
        raise UploadRefused("Send the bytes of the file themselves, for example with curl --data-binary.", 415)
    announced = request.headers.get("content-length", "")
    expected = int(announced) if announced.isdecimal() and len(announced) < 20 else 0
    _check_size(expected, http.most_upload_bytes)
    try:
        await anyio.to_thread.run_sync(lambda: folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True))
        waiting = await anyio.to_thread.run_sync(_size_of_uploads, folder.parent, _mark(facts["principal"]))
        with http.space.reserved(folder.parent, facts["principal"], waiting, expected) as take:
            return await _keep(request, folder, facts["name"], http.most_upload_bytes, take)
    except FileExistsError as exc:
        raise UploadRefused("This link was used already. Call embed_audio for a new one.", 409) from exc
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        if exc.errno in _NO_ROOM:
            raise UploadRefused(f"There is too little room on the server's disk ({reason}).", 507) from exc
        raise UploadRefused(f"The server can't keep the file now ({reason}); try again later.", 503) from exc


async def _keep(request: Request, folder: Path, name: str, most_bytes: int, take: Callable[[int], None]) -> int:
    await anyio.to_thread.run_sync(folder.mkdir)  # whoever makes it has used the link
    is_whole = False
    try:
        size = await _write(request, folder / ".part", most_bytes, take)
        (folder / ".part").rename(folder / name)
        is_whole = True
    except ClientDisconnect as exc:
        raise UploadRefused("The file did not arrive whole; the link can be used again.", 400) from exc
    finally:
        if not is_whole:
            shutil.rmtree(folder, ignore_errors=True)
    return size


async def _write(request: Request, path: Path, most_bytes: int, take: Callable[[int], None]) -> int:
    size = 0
    async with await anyio.open_file(path, "xb") as file:
        async for block in request.stream():
            size += len(block)
            _check_size(size, most_bytes)
            take(size)
            await file.write(block)
    if not size:
        raise UploadRefused("The file is empty; the link can be used again.", 400)
    return size


def _check_size(size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise UploadRefused(f"The file is larger than the {most_bytes // 2**20} MB that are taken.", 413)


def _mark(principal: str) -> str:
    """Return what the ids of a caller's uploads begin with, so that a library that callers share tells them apart."""
    return hashlib.sha256(principal.encode()).hexdigest()[:8]


def _size_of_uploads(folder: Path, mark: str) -> int:
    """Return the bytes of the files of one caller that were received whole."""
    size = 0
    for path in folder.glob(f"{mark}*/*"):
        with contextlib.suppress(OSError):  # removed meanwhile
            size += 0 if path.name.startswith(".") else os.lstat(path).st_size
    return size
