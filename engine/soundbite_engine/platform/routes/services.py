"""What the routes of an engine work with, and what several of them do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from soundbite_api.embeddings import AudioInput
from soundbite_engine.config import EngineConfig
from soundbite_engine.platform.asset_records import AssetRecord
from soundbite_engine.platform.assets import Assets
from soundbite_engine.platform.embedding import Embedded, Embedder
from soundbite_engine.platform.errors import invalid
from soundbite_engine.platform.limits import Limiter
from soundbite_engine.platform.requests import decode_base64, new_id
from soundbite_engine.platform.tasks import Tasks
from soundbite_engine.platform.transcription import Transcriptions
from soundbite_engine.platform.uploads import Uploads
from soundbite_engine.profiles import Profile

HOSTED_MODEL = "marengo3.0"
INCLUDE_HEADER = "x-soundbite-include"
_JSON_AROUND_BASE64 = 1024 * 1024


@dataclass(frozen=True)
class Services:
    """The parts of one running engine."""

    config: EngineConfig
    assets: Assets
    uploads: Uploads
    transcriptions: Transcriptions
    embedder: Embedder
    tasks: Tasks
    limiter: Limiter


def base_url(request: Request) -> str:
    """The address up to and with the version prefix, if the request has one; no slash at its end."""
    prefix = "/v1.3" if request.url.path.startswith("/v1.3/") else ""
    return f"{request.url.scheme}://{request.url.netloc}{prefix}"


def embeddings_response(
    embedded: Embedded, head: Mapping[str, Any], headers: Mapping[str, str], extensions: Collection[str] = ()
) -> Response:
    """An answer with vectors, written piece by piece; `headers` say of which space they are."""
    return StreamingResponse(embedded.to_wire(head, extensions), media_type="application/json", headers=headers)


def space_headers(profile: Profile, space: str = "") -> dict[str, str]:
    """Which space the vectors of an answer belong to, and the blocks they are made of.

    `space` is that of vectors made earlier; the blocks of another profile's space are not known here.
    """
    if space and space != profile.space:
        return {"X-Soundbite-Space": space}
    blocks = ",".join(f"{name}={width}" for name, width in profile.blocks.items())
    return {"X-Soundbite-Space": profile.space, "X-Soundbite-Blocks": blocks}


def check_model(name: str, profile: Profile) -> None:
    """Refuse a model other than the one that is here, by its hosted or its own name.

    Raises:
        Refused: 400.
    """
    known = (HOSTED_MODEL, profile.space)
    if name not in known:
        raise invalid("model_name", f"Must be one of: {', '.join(known)}.")


def included(request: Request) -> frozenset[str]:
    """The extensions a request asks for: peaks, progress, sounds, transcript, warnings."""
    return frozenset(part.strip().lower() for part in request.headers.get(INCLUDE_HEADER, "").split(","))


def largest_body(services: Services) -> int:
    """Bytes of an embedding request: the base64 of the largest inline file, and the rest."""
    return services.config.largest_base64_bytes * 4 // 3 + _JSON_AROUND_BASE64


async def take_source(services: Services, audio: AudioInput) -> AssetRecord:
    """The asset of a media source; a URL or base64 data becomes one for as long as it is needed.

    Raises:
        Refused, FetchError: there is none, or it can't be had.
    """
    source = audio.media_source
    if source.asset_id is not None:
        return await services.assets.get(source.asset_id)
    if source.url is not None:
        return await services.assets.create_from_url(source.url, is_inline=True)
    assert source.base64_string is not None
    arriving = services.assets.folder.incoming(f"{new_id()}.inline")
    media = await decode_base64(source.base64_string, arriving, services.config.largest_base64_bytes)
    return await services.assets.create_from_upload(media, is_inline=True)
