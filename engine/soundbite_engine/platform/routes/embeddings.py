"""Synchronous embeddings over HTTP (contract 3.1 to 3.4)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from soundbite_api.embeddings import AudioInput
from soundbite_engine.platform.embedding import window_seconds, wire_metadata
from soundbite_engine.platform.errors import invalid, missing
from soundbite_engine.platform.requests import ClipsRequest, EmbedRequest, read_model
from soundbite_engine.platform.routes.services import (
    Services,
    check_model,
    embeddings_response,
    included,
    largest_body,
    space_headers,
    take_source,
)


def embedding_routes(services: Services) -> list[Route]:
    """The routes of synchronous embedding."""
    routes = EmbeddingRoutes(services)
    return [
        Route("/embed-v2", routes.create, methods=["POST"]),
        Route("/embed-v2/clips", routes.create_of_clips, methods=["POST"]),
    ]


class EmbeddingRoutes:
    """The handlers of POST /embed-v2 and, beside the contract, of the words of clips."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def create(self, request: Request) -> Response:
        services = self._services
        body = await read_model(request, EmbedRequest, largest_body(services))
        check_model(body.model_name, services.embedder.profile)
        if body.input_type == "text":
            if body.text is None:
                raise missing("text")
            if body.audio is not None:
                raise invalid("audio", "It does not go with the input_type text.")
            embedded = await services.embedder.embed_text(body.text.input_text)
            return embeddings_response(embedded, {}, space_headers(services.embedder.profile))
        if body.audio is None:
            raise missing("audio")
        if body.text is not None:
            raise invalid("text", "It does not go with the input_type audio.")
        return await self._embed_audio(request, body.audio)

    async def create_of_clips(self, request: Request) -> Response:
        body = await read_model(request, ClipsRequest)
        profile = self._services.embedder.profile
        check_model(body.model_name, profile)
        embedded = await self._services.embedder.embed_clips(body.clips)
        return embeddings_response(embedded, {}, space_headers(profile))

    async def _embed_audio(self, request: Request, audio: AudioInput) -> Response:
        services = self._services
        asset = await take_source(services, audio)
        try:
            asset = await services.assets.ready(asset.id)
            seconds = window_seconds(asset, audio)
            services.limiter.admit_media(seconds)
            outcome = await services.embedder.embed_now(asset, audio)
            services.limiter.settle_media(seconds or 0.0, outcome.seconds)
        finally:
            if asset.is_inline:
                await services.assets.discard(asset.id)
        extensions = included(request)
        head = {"metadata": wire_metadata(outcome.metadata, extensions)}
        return embeddings_response(outcome.embedded, head, space_headers(services.embedder.profile), extensions)
