"""Synchronous embeddings over HTTP (contract 3.1 to 3.4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from soundbite_api.embeddings import AudioInput
from soundbite_engine.platform.asset_records import AssetRecord
from soundbite_engine.platform.bodies import decode_base64, read_model
from soundbite_engine.platform.embedding import window_seconds
from soundbite_engine.platform.errors import invalid, missing
from soundbite_engine.platform.ids import new_id
from soundbite_engine.platform.requests import EmbedRequest
from soundbite_engine.platform.results import Embedded, wire_metadata
from soundbite_engine.platform.services import Services
from soundbite_engine.profiles import Profile

HOSTED_MODEL = "marengo3.0"
INCLUDE_HEADER = "x-soundbite-include"
_JSON_AROUND_BASE64 = 1024 * 1024


def embedding_routes(services: Services) -> list[Route]:
    """The route of synchronous embedding."""
    return [Route("/embed-v2", EmbeddingRoutes(services).create, methods=["POST"])]


class EmbeddingRoutes:
    """The handler of POST /embed-v2."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def create(self, request: Request) -> Response:
        services = self._services
        asked = await read_model(request, EmbedRequest, largest_body(services))
        check_model(asked.model_name, services.embedder.profile)
        if asked.input_type == "text":
            if asked.text is None:
                raise missing("text")
            if asked.audio is not None:
                raise invalid("audio", "It does not go with the input_type text.")
            embedded = await services.embedder.embed_text(asked.text.input_text)
            return embeddings_response(embedded, {}, space_headers(services.embedder.profile))
        if asked.audio is None:
            raise missing("audio")
        if asked.text is not None:
            raise invalid("text", "It does not go with the input_type audio.")
        return await self._embed_audio(request, asked.audio)

    async def _embed_audio(self, request: Request, audio: AudioInput) -> Response:
        services = self._services
        asset = await take_source(services, audio)
        try:
            asset = await services.assets.ready(asset.id)
            seconds = window_seconds(asset, audio)
            services.limiter.admit_media(seconds)
            outcome = await services.embedder.embed_now(asset, audio)
            if seconds is None:
                services.limiter.count_media(outcome.seconds)
        finally:
            if asset.is_inline:
                await services.assets.discard(asset.id)
        asked = included(request)
        head = {"metadata": wire_metadata(outcome.metadata, asked)}
        return embeddings_response(outcome.embedded, head, space_headers(services.embedder.profile), asked)


def embeddings_response(
    embedded: Embedded, head: Mapping[str, Any], headers: Mapping[str, str], asked: Collection[str] = ()
) -> Response:
    """An answer with vectors, written piece by piece; `headers` say of which space they are."""
    return StreamingResponse(embedded.to_wire(head, asked), media_type="application/json", headers=headers)


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
    """The extensions a request asks for: progress, sounds, transcript, warnings."""
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
    arrived = await decode_base64(source.base64_string, arriving, services.config.largest_base64_bytes)
    return await services.assets.create_from_upload(arrived, is_inline=True)
