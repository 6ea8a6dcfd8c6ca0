"""Sound over HTTP, each by a signed link: clips for a person to open, and files that an agent sends to embed."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response

from soundbite_server.http.callers import LOCAL, principal
from soundbite_server.http.services import LinkRefused, Routes
from soundbite_tools import UPLOAD_SCHEME, ToolProblem, received_folder, received_name

if TYPE_CHECKING:
    from soundbite_server.http.services import HttpServices
    from soundbite_server.lifespan import Services
    from soundbite_tools import ClipDetail


_CLIPS_PATH = "/clips/"
_CLIP_LINK_S = 3600.0
_UPLOADS_PATH = "/uploads/"
_UPLOAD_LINK_S = 900.0
_LEFT_FREE_BYTES = 1024**3
_BLOCK = 1024 * 1024


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
            facts = http.links.read("clip", request.path_params["link"])
            principal = facts.pop("principal")
            http.limits.count_call(principal)
            playable = await get_clip(await services.library_of(principal), ClipRequest(**facts))
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


class UploadRefused(Exception):
    """A file is not taken; `status` is what HTTP calls that."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def upload_step(http: HttpServices, host: str, name: str) -> str:
    """Return what an agent does with a file on its own machine: a fresh link, and the source to name afterwards."""
    upload_id = secrets.token_urlsafe(16)
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
            facts = http.links.read("upload", request.path_params["link"])
            _check_caller(facts["principal"])
            http.limits.count_call(facts["principal"])
            library = await services.library_of(facts["principal"])
            folder = received_folder(facts["upload_id"], library.config)
            size = await _receive(request, folder, facts["name"], http.most_upload_bytes)
        except (LinkRefused, UploadRefused) as exc:
            return JSONResponse({"error": str(exc)}, exc.status)
        except ToolProblem as exc:
            return JSONResponse({"error": str(exc)}, 429 if exc.code == "limit_reached" else 503)
        source = UPLOAD_SCHEME + facts["upload_id"]
        receipt = {"source": source, "bytes": size, "next_step": f'Call embed_audio(source="{source}").'}
        return JSONResponse(receipt, 201)

    routes.add(_UPLOADS_PATH + "{link}", ["POST", "PUT"], upload)


def _check_caller(owner: str) -> None:
    # The link is enough; whoever shows a token besides must be the one the link was made for.
    if principal() not in (LOCAL, owner):
        raise LinkRefused("There is no such link.", 404)


async def _receive(request: Request, folder: Path, name: str, most_bytes: int) -> int:
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise UploadRefused("Send the bytes of the file themselves, for example with curl --data-binary.", 415)
    announced = request.headers.get("content-length", "")
    expected = int(announced) if announced.isdecimal() and len(announced) < 20 else 0
    _check_size(expected, most_bytes)
    await anyio.to_thread.run_sync(_claim, folder, expected)
    is_whole = False
    try:
        size = await _write(request, folder / ".part", most_bytes)
        (folder / ".part").rename(folder / name)
        is_whole = True
    except ClientDisconnect as exc:
        raise UploadRefused("The file did not arrive whole; the link can be used again.", 400) from exc
    finally:
        if not is_whole:
            shutil.rmtree(folder, ignore_errors=True)
    return size


def _claim(folder: Path, expected_bytes: int) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder.parent).free < expected_bytes + _LEFT_FREE_BYTES:
            raise UploadRefused("There is too little room on the server's disk.", 507)
        folder.mkdir()  # whoever makes it has used the link
    except FileExistsError as exc:
        raise UploadRefused("This link was used already. Call embed_audio for a new one.", 409) from exc


async def _write(request: Request, path: Path, most_bytes: int) -> int:
    size = 0
    async with await anyio.open_file(path, "xb") as file:
        async for block in request.stream():
            size += len(block)
            _check_size(size, most_bytes)
            await file.write(block)
    if not size:
        raise UploadRefused("The file is empty; the link can be used again.", 400)
    return size


def _check_size(size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise UploadRefused(f"The file is larger than the {most_bytes // 2**20} MB that are taken.", 413)
