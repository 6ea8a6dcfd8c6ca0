"""Searching by example: the vectors of a clip, of a whole recording, or of a sound that is not in the library."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio
import numpy as np

from soundbite_api import LONGEST_SINGLE_SEC, MediaSource, NotFound, PlatformError
from soundbite_store import Clip, ClipFilter, StoredClip
from soundbite_tools.embed.params import EmbedParams
from soundbite_tools.embed.registry import describe
from soundbite_tools.embed.spending import check_budget
from soundbite_tools.embed.uploads import file_of, file_to_send, shipment_of
from soundbite_tools.errors import QuestionProblem, UnknownId
from soundbite_tools.library import CurrentSpace, current_space
from soundbite_tools.requests import LONGEST_WAIT_S
from soundbite_tools.search.queries import QueryVectors, Vector, scaled, split
from soundbite_tools.sources.files import forget_refused
from soundbite_tools.sources.sources import ASSET_ID, choose, resolve
from soundbite_tools.text import SAME_SEC, number, range_of

if TYPE_CHECKING:
    from soundbite_api import AudioEmbeddings
    from soundbite_store import Asset
    from soundbite_tools.library import Library
    from soundbite_tools.sources.sources import Source


_CLIP_ID = re.compile(r"c_[0-9a-f]{16}")
_MAY_BE_FILE = re.compile(r"[./\\]")
# A recording without a vector of its own is the mean of its clips; more than these change the mean little.
_MOST_CLIPS_MEANT = 1000
# A few seconds say what a sound is like; more only takes longer.
LONGEST_EXAMPLE_SEC = 30.0
log = logging.getLogger(__name__)
_KINDS = {"transcription": "heard speech", "audio": "heard sound"}


@dataclass(frozen=True)
class Example:
    """What is to be matched, and the span of its own recording that does not count as a match."""

    vectors: QueryVectors
    asset_id: str
    start_sec: float
    end_sec: float
    note: str = ""

    def is_itself(self, clip: StoredClip) -> bool:
        """Return whether a clip lies in the example, or the example in it, by half or more."""
        shared_sec = min(self.end_sec, clip.end_sec) - max(self.start_sec, clip.start_sec)
        shorter_sec = min(self.end_sec - self.start_sec, clip.end_sec - clip.start_sec)
        return clip.asset_id == self.asset_id and shared_sec > 0.0 and shared_sec >= shorter_sec / 2


async def example_of(library: Library, like: str) -> Example:
    """Return the example that a clip id, an asset id, a path or a URL names.

    Raises:
        UnknownId: the library has no such clip or recording in the space of its platform.
        SourceProblem, QuestionProblem: the sound of a path or a URL can't be used.
        PlatformError, StoreError: they could not be asked.
    """
    if rows := await _rows_of(library, like):
        return await _example_of(library, rows)
    if has_id_form(like) or not _MAY_BE_FILE.search(like):
        raise UnknownId(
            f"There is no clip and no recording {like!r} to compare with.",
            "Give a clip_id of a search result, an asset_id of list_audio, or the path of a sound file.",
            code="unknown_clip",
        )
    source = await resolve(choose(like), library.config)
    try:
        if rows := await _rows_of(library, source.asset_id):
            return await _example_of(library, rows)
        vectors, note = await vectors_of_sound(library, source)
        return Example(vectors, source.asset_id, 0.0, 0.0, note)
    finally:
        await forget_refused(library, source.path, source.asset_id)


def has_id_form(text: str) -> bool:
    """Return whether a text has the form of a clip id or an asset id."""
    span = range_of(text)
    return bool(_CLIP_ID.fullmatch(text) or ASSET_ID.fullmatch(span[0] if span else text))


async def _rows_of(library: Library, identifier: str) -> list[Clip]:
    store, current = await library.store(), await library.spaces.current()
    meant: tuple[ClipFilter, ...]
    if span := range_of(identifier):
        asset_id, start_sec, end_sec = span
        near = ClipFilter(asset_ids=(asset_id,), embedding_scope="clip")
        inside = replace(near, start_after_sec=start_sec - SAME_SEC, end_before_sec=end_sec + SAME_SEC)
        meant = (inside, replace(near, ends_after_sec=start_sec, starts_before_sec=end_sec))
    else:
        whole = ClipFilter(asset_ids=(identifier,), embedding_scope="asset")
        meant = (ClipFilter(clip_ids=(identifier,)), whole, ClipFilter(asset_ids=(identifier,)))
    for where in meant:
        if rows := await store.embeddings(current.space, where, limit=_MOST_CLIPS_MEANT):
            return rows
    return []


async def _example_of(library: Library, rows: Sequence[Clip]) -> Example:
    return Example(
        _vectors(rows, await library.spaces.current()),
        rows[0].asset_id,
        min(row.start_sec for row in rows),
        max(row.end_sec for row in rows),
    )


def _vectors(rows: Sequence[Clip], current: CurrentSpace) -> QueryVectors:
    speech, sound, fused = (_mean(rows, option) for option in ("transcription", "audio", "fused"))
    if fused is not None and speech is None and sound is None:
        return split(fused, current)
    parts = [part for part in (speech, sound) if part is not None]
    whole = fused if fused is not None else scaled(np.sum(parts, axis=0)) if parts else None
    return QueryVectors(current, speech, sound, whole)


def _mean(rows: Sequence[Clip], option: str) -> Vector | None:
    vectors = [row.vector for row in rows if row.embedding_option == option]
    return scaled(np.mean(vectors, axis=0)) if vectors else None


async def vectors_of_sound(library: Library, source: Source) -> tuple[QueryVectors, str]:
    """Return the vectors of a sound, the first 30 seconds of it, and a note where it is longer.

    The vectors are remembered by its content, so that the next page or the same question costs nothing.

    Raises:
        SourceProblem, BudgetExceeded: it can't be read, or may not be embedded.
        QuestionProblem: it holds nothing that can be compared, or listening to it took too long.
        PlatformError, StoreError: it could not be embedded.
    """
    current, asset = await library.spaces.current(), await describe(library, source)
    vectors = await _cached_vectors(library, current, source)
    if not vectors:
        answer = await _listen(library, asset)
        current = current_space(answer.space, len(answer.response.data[0].embedding) if answer.response.data else 0)
        vectors = await _cache_vectors(library, current, source, answer)
    if not vectors:
        raise QuestionProblem(
            "The example holds no sound that can be compared.", "Give another sound, or words.", code="example_empty"
        )
    whole, note = scaled(np.sum(list(vectors.values()), axis=0)), ""
    if asset.duration_sec > LONGEST_EXAMPLE_SEC:
        note = f"Only the first {number(LONGEST_EXAMPLE_SEC)} seconds of the example were listened to."
    return QueryVectors(current, vectors.get("transcription"), vectors.get("audio"), whole), note


async def _cached_vectors(library: Library, current: CurrentSpace, source: Source) -> dict[str, Vector]:
    ledger = await library.ledger()
    vectors = {
        option: await ledger.get_query_vector(current.space.id, kind, source.content_hash)
        for option, kind in _KINDS.items()
    }
    return {option: vector for option, vector in vectors.items() if vector is not None}


async def _cache_vectors(
    library: Library, current: CurrentSpace, source: Source, answer: AudioEmbeddings
) -> dict[str, Vector]:
    ledger, vectors = await library.ledger(), dict[str, Vector]()
    for item in answer.response.data:
        vector = scaled(np.asarray(item.embedding, dtype=np.float32))
        if vector is not None and item.embedding_option in _KINDS:
            vectors[item.embedding_option] = vector
            kind = _KINDS[item.embedding_option]
            await ledger.put_query_vector(current.space.id, kind, source.content_hash, vector)
    return vectors


async def _listen(library: Library, asset: Asset) -> AudioEmbeddings:
    with anyio.move_on_after(LONGEST_WAIT_S):
        async with _upload(library, asset) as upload:
            ready = await library.client.wait_for_asset(upload)
            duration_sec = asset.duration_sec or ready.duration or LONGEST_EXAMPLE_SEC
            end_sec = min(duration_sec, LONGEST_EXAMPLE_SEC)
            await check_budget(library, end_sec)
            params = _params(end_sec)
            if not library.client.embeds_at_once:
                # Such a model takes an asset as it is.
                params = params.model_copy(update={"embedding_option": ("audio",)})
                if duration_sec > LONGEST_SINGLE_SEC:
                    raise QuestionProblem(
                        f"{library.client.model_name} compares with sounds of at most {number(LONGEST_SINGLE_SEC)} "
                        f"seconds; that one has {number(round(duration_sec))}.",
                        "Add it with embed_audio, and give its asset_id in like.",
                        code="example_too_long",
                    )
            answer = await library.client.embed_audio(params.audio_input(MediaSource(asset_id=upload)))
            await (await library.ledger()).add_usage(library.config.platform, seconds_embedded=end_sec)
            return answer
    raise QuestionProblem(
        "Listening to that sound took too long.",
        "Add it with embed_audio, and give its asset_id in like.",
        code="example_slow",
    )


@asynccontextmanager
async def _upload(library: Library, asset: Asset) -> AsyncIterator[str]:
    client = library.client
    if asset.source_kind == "url":
        upload = await client.create_asset_from_url(asset.source_uri)
    elif library.config.file_urls:
        upload = await client.create_asset_from_url((await file_of(asset)).url, filename=asset.title[:255])
    else:
        shipment = shipment_of(asset, _params(LONGEST_EXAMPLE_SEC), library.config)
        async with file_to_send(library, asset, shipment) as (file, name):
            upload = await client.upload_file(file, filename=name)
    try:
        yield upload.id
    finally:
        with anyio.CancelScope(shield=True):
            await _delete(library, upload.id)


async def _delete(library: Library, upload: str) -> None:
    try:
        await library.client.delete_asset(upload, is_forced=True)
    except NotFound:
        pass
    except PlatformError as exc:
        log.warning("The example %s could not be deleted from the platform: %s", upload, exc.message)


def _params(end_sec: float) -> EmbedParams:
    return EmbedParams(end_sec=end_sec, embedding_scope=("asset",))
