"""One recording as the page shows it: what it is, its segments, its words, how loud it is; and its title and tags."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from soundbite_server.http.callers import principal
from soundbite_server.http.files import register_files, sound_link, transcript_links
from soundbite_tools import LONGEST_TITLE, MOST_TAGS, TASKS_READ, ToolProblem, UnknownId

if TYPE_CHECKING:
    from soundbite_server.http.services import Handler, HttpServices, Routes
    from soundbite_server.lifespan import Services
    from soundbite_store import Asset, Correction, StoredClip, StoredTranscript
    from soundbite_tools import Contents, Library

LEVELS = 1600
"""Parts of a recording whose loudness is told: as many as a wide window can show."""
_MOST_ASSETS = 100_000
_MOST_BODY_BYTES = 64 * 1024
_LONGEST_TEXT = 500
_PRIVATE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class Segment:
    """A span of a recording, times in seconds."""

    clip_id: str
    start_sec: float
    end_sec: float
    kind: str
    """speech, music, silence or sound."""
    sounds: str


@dataclass(frozen=True)
class Line:
    """A sentence, times in seconds."""

    start_sec: float
    end_sec: float
    text: str
    speaker: str
    is_corrected: bool
    is_erased: bool


class Changes(BaseModel):
    """What the page asks to be changed; None leaves it."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(default=None, min_length=1, max_length=LONGEST_TITLE)
    tags: tuple[str, ...] | None = Field(default=None, max_length=MOST_TAGS)


def register_recordings(
    routes: Routes, http: HttpServices, running: Callable[[], Services | None], *, is_read_only: bool
) -> None:
    """Answer what the page asks about recordings, and change titles and tags unless the library is read-only."""

    def answering(answer: Callable[[Library, Request], Awaitable[dict[str, Any]]]) -> Handler:
        async def handler(request: Request) -> Response:
            from soundbite_store import StoreError

            services = running()
            assert services is not None
            try:
                http.limits.count_call(principal())
                return JSONResponse(await answer(await services.library(), request), headers=_PRIVATE)
            except ValidationError:
                return JSONResponse({"error": "The request does not fit."}, 400)
            except ToolProblem as exc:
                return JSONResponse({"error": exc.message}, _status(exc))
            except StoreError:
                return JSONResponse({"error": "The library can't be read now."}, 503)

        return handler

    async def recording(library: Library, request: Request) -> dict[str, Any]:
        return await _document(library, await _asset(library, request), http)

    routes.add_for_callers("/facets", ["GET"], answering(_facets))
    routes.add_for_callers("/recordings/{asset_id}", ["GET"], answering(recording))
    routes.add_for_callers("/recordings/{asset_id}/levels", ["GET"], answering(_levels))
    routes.add_for_callers("/recordings/{asset_id}/chapters", ["GET"], answering(_chapters))
    if not is_read_only:
        routes.add_for_callers("/recordings/{asset_id}", ["POST"], answering(_changed))
    register_files(routes, http, running)


def _status(problem: ToolProblem) -> int:
    if problem.code == "limit_reached":
        return 429
    return 404 if isinstance(problem, UnknownId) else 503


async def _asset(library: Library, request: Request) -> Asset:
    asset_id = request.path_params["asset_id"]
    asset = await (await library.ledger()).get_asset(asset_id)
    if asset is None:
        raise UnknownId("There is no such recording.", "Look at the list.", code="unknown_asset")
    return asset


async def _facets(library: Library, _: Request) -> dict[str, Any]:
    from soundbite_tools import SpeakersRequest, list_speakers

    assets = await (await library.ledger()).list_assets(limit=_MOST_ASSETS, with_failed=False)
    counts = Counter(tag for asset in assets for tag in asset.tags)
    speakers = (await list_speakers(library, SpeakersRequest(page_limit=50))).speakers
    return {
        "tags": [{"tag": tag, "count": count} for tag, count in counts.most_common()],
        "speakers": [speaker.name for speaker in speakers if speaker.is_named],
    }


async def _document(library: Library, asset: Asset, http: HttpServices) -> dict[str, Any]:
    from soundbite_store import in_force
    from soundbite_tools import contents_of, file_states, recording_status, source_label, transcript_of_recording

    ledger = await library.ledger()
    tasks = await ledger.list_tasks(limit=TASKS_READ, asset_id=asset.asset_id)
    transcript = await transcript_of_recording(library, asset.asset_id)
    contents = await contents_of(library, asset)
    file = (await file_states([asset])).get(asset.asset_id, "")
    return {
        "asset_id": asset.asset_id,
        "title": asset.title,
        "tags": list(asset.tags),
        "status": recording_status(tasks),
        "task_id": tasks[0].task_id if tasks else "",
        "audio_seconds": round(contents.duration_sec, 3),
        "language": asset.language or "",
        "source": source_label(asset),
        "added": asset.created_at.isoformat(timespec="seconds"),
        "segments": _segments(contents),
        "lines": _lines(transcript, in_force(await ledger.corrections_of(asset.asset_id))) if transcript else None,
        "sound": await sound_link(library, asset, http, file),
        "transcripts": transcript_links(asset, http) if transcript else {},
    }


def _segments(contents: Contents) -> list[dict[str, Any]]:
    segments = [
        Segment(clip.clip_id, round(clip.start_sec, 3), round(clip.end_sec, 3), _kind(clip), clip.sound_words)
        for clip in contents.clips
    ]
    # Drawn over the clips that what is erased was a part of.
    segments += [Segment("", *span, "silence", "") for span in contents.asset.erased]
    return [asdict(segment) for segment in segments]


def _kind(clip: StoredClip) -> str:
    if clip.transcript:
        return "speech"
    sounds = clip.sound_words.lower()
    return next((kind for kind in ("music", "silence") if kind in sounds), "sound")


def _lines(transcript: StoredTranscript, corrections: Iterable[Correction]) -> list[dict[str, Any]]:
    from soundbite_tools import ERASED_LINE, plain_text, speaker_label

    corrected_sec = [(correction.start_sec + correction.end_sec) / 2 for correction in corrections]
    return [
        asdict(
            Line(
                round(text.start_sec, 3),
                round(text.end_sec, 3),
                plain_text(text.value, _LONGEST_TEXT),
                speaker_label(text.speaker),
                any(text.start_sec <= second <= text.end_sec for second in corrected_sec),
                text.value == ERASED_LINE,
            )
        )
        for text in transcript.sentences or transcript.words
    ]


async def _levels(library: Library, request: Request) -> dict[str, Any]:
    from soundbite_tools import levels_of

    levels = await levels_of(library, await _asset(library, request), LEVELS)
    if levels is None:
        return {"audio_seconds": 0, "peaks": ""}
    return {"audio_seconds": levels.duration_sec, "peaks": base64.b64encode(levels.peaks).decode("ascii")}


async def _chapters(library: Library, request: Request) -> dict[str, Any]:
    from soundbite_tools import chapters_of, transcript_of_recording

    asset = await _asset(library, request)
    chapters = await chapters_of(library, asset, await transcript_of_recording(library, asset.asset_id))
    return {"chapters": [asdict(chapter) for chapter in chapters]}


async def _changed(library: Library, request: Request) -> dict[str, Any]:
    from soundbite_tools import relabel

    changes = Changes.model_validate_json(await _body(request))
    asset = await _asset(library, request)
    # A tag that begins with a dash would take another away.
    tags = () if changes.tags is None else ("-*", *(tag.lstrip("- ") for tag in changes.tags))
    asset = await relabel(library, asset.asset_id, title=changes.title or "", tags=tags)
    return {"asset_id": asset.asset_id, "title": asset.title, "tags": list(asset.tags)}


async def _body(request: Request) -> bytes:
    body = b""
    async for block in request.stream():
        body += block
        if len(body) > _MOST_BODY_BYTES:
            return b""  # fits nothing
    return body
