"""Files that an agent sends to embed, each by a signed link, and the room on the disk that they may take."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from soundbite_server.http.callers import LinkRefused, principal
from soundbite_server.http.services import Routes, UploadRefused
from soundbite_tools import UPLOAD_SCHEME, ToolProblem, received_folder, received_name

if TYPE_CHECKING:
    from soundbite_server.http.services import HttpServices
    from soundbite_server.lifespan import Services


_UPLOADS_PATH = "/uploads/"
_UPLOAD_LINK_S = 900.0
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


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
