"""The library as a script has it: for coroutines, and for code that waits."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import anyio

from soundbite.clips import AsyncClip, Clip, Facts, Recording, Replacement, Speaker
from soundbite.errors import NotFound, SoundbiteError, translated
from soundbite_server.ingestion import add_one
from soundbite_server.sources import Source
from soundbite_tools import (
    TRANSCRIPT_FORMATS,
    ClipRequest,
    CorrectRequest,
    EmbedRequest,
    EraseRequest,
    ListRequest,
    NameRequest,
    RemoveRequest,
    SearchRequest,
    SourceProblem,
    SpeakersRequest,
    TeachRequest,
    UnknownId,
    WorkFailed,
    chapters_of,
    correct_transcript,
    erase_span,
    get_clip,
    list_audio,
    list_speakers,
    name_speaker,
    recording_named,
    remove_audio,
    search_clips,
    teach_words,
    transcript_file,
    transcript_of_recording,
)

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from soundbite.clips import Format
    from soundbite_tools import (
        AssetResult,
        Chapter,
        ClipResult,
        Jobs,
        NamedRecording,
        SpeakerEntry,
        TaskResult,
        TranscriptFormat,
    )

_PAGE = 50
_ALL = 100_000
_PATIENCE_S = 3600.0


class AsyncLibrary:
    """The library for coroutines; `soundbite.open()` makes one in `async with`."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def add(
        self,
        source: str | Path,
        *,
        title: str = "",
        tags: Iterable[str] = (),
        track: int | Literal["all"] | None = None,
    ) -> Recording:
        """Add a recording, a file or an https link, and return it once it can be searched.

        What is there already is not embedded again. `track` is the number of an audio track, from 1, or `all`, mixed;
        None is the one that the recording has had, or that a player would take.

        Raises:
            SourceError: it can't be read, or holds no sound.
            SoundbiteError: it can't be embedded.
        """
        with translated():
            named = _source(source)
            request = EmbedRequest(source=named.address, title=title, tags=tuple(tags), track=str(track or ""))
            task = await add_one(self._jobs, named, request)
            if task.status == "failed":
                raise _problem(task)
            return Recording(task.asset_id, task.title, task.audio_seconds, tuple(task.tags), task.source)

    async def search(self, query: str = "", *, top_k: int = 5, **filters: Any) -> list[AsyncClip]:
        """Return the clips that answer a question, best first; none from an empty library.

        `filters` are the other arguments of the tool search_clips: like, tags, asset_ids, modality, match, …

        Raises:
            NotFound: a recording or a clip that is named is not there.
            SoundbiteError: it can't be answered as asked.
        """
        with translated():
            request = SearchRequest(query=query, top_k=top_k, **filters)
            if not (await list_audio(self._jobs.library, ListRequest(page_limit=1))).total_assets:
                return []
            result = await search_clips(self._jobs.library, request)
        return [AsyncClip(**_facts(clip), library=self) for clip in result.clips]

    async def recordings(self, *, title: str = "", tags: Iterable[str] = ()) -> list[Recording]:
        """Return the recordings, newest first; those with these words in the title, with any of these tags."""
        found: list[AssetResult] = []
        with translated():
            request = ListRequest(title=title, tags=tuple(tags), page_limit=_PAGE)
            while page := (await list_audio(self._jobs.library, request)).assets:
                found += page
                request = request.model_copy(update={"page": request.page + 1})
        return [Recording(one.asset_id, one.title, one.audio_seconds, tuple(one.tags), one.source) for one in found]

    async def speakers(self, name: str = "") -> list[Speaker]:
        """Return who speaks in the recordings, people with a name first; those who are called so.

        Raises:
            SoundbiteError: the library can't be read.
        """
        people: list[SpeakerEntry] = []
        with translated():
            request = SpeakersRequest(name=name, page_limit=_PAGE)
            while page := (await list_speakers(self._jobs.library, request)).speakers:
                people += page
                request = request.model_copy(update={"page": request.page + 1})
        return [
            Speaker(one.name, one.is_named, one.seconds, tuple((at.asset_id, at.seconds) for at in one.recordings))
            for one in people
        ]

    async def name_speaker(self, recording: Recording | str, speaker: str, name: str) -> None:
        """Say who a speaker of a recording is; `speaker` is `Speaker 2` or the name to change, no name takes it away.

        Raises:
            NotFound: there is no such recording.
            SoundbiteError: there is no such speaker, or the name is none.
        """
        with translated():
            asset_id = (await self._named(recording)).asset.asset_id
            await name_speaker(self._jobs.library, NameRequest(asset_id=asset_id, speaker=speaker, name=name))

    async def remove(self, recording: Recording | str) -> None:
        """Forget a recording, named by itself, its asset_id, whole title or file; the file it came from stays.

        Raises:
            NotFound: there is none.
        """
        with translated():
            asset_id = (await self._named(recording)).asset.asset_id
            removed = await remove_audio(self._jobs, RemoveRequest(asset_id=asset_id), wait_s=_PATIENCE_S)
        if not removed.is_removed:
            raise NotFound(f"There is no recording {recording!r}.", code="unknown_asset")

    async def erase(self, recording: Recording | str, start_sec: float, end_sec: float) -> None:
        """Erase a span of a recording for good: its words, vectors and sound leave the library; the file stays.

        Raises:
            NotFound: there is no such recording.
            SoundbiteError: there is no such span, or the recording is being embedded.
        """
        with translated():
            asset_id = (await self._named(recording)).asset.asset_id
            request = EraseRequest(asset_id=asset_id, start_sec=start_sec, end_sec=end_sec)
            await erase_span(self._jobs, request, wait_s=_PATIENCE_S)

    async def correct(self, clip: Facts, old_text: str, new_text: str) -> None:
        """Put words in the place of others that a clip's text has once; the earlier ones are kept in the library.

        Raises:
            SoundbiteError: the old words are not there, or several times.
        """
        with translated():
            request = CorrectRequest(
                asset_id=clip.asset_id,
                start_sec=clip.start_sec,
                end_sec=clip.end_sec,
                old_text=old_text,
                new_text=new_text,
            )
            await correct_transcript(self._jobs.library, request)

    async def teach(
        self, *names: str | Iterable[str], remove: Iterable[str] = (), undo: bool = False, dry_run: bool = False
    ) -> list[Replacement]:
        """Teach names as they are spelled, and put them where words that may be misheard sound like them.

        A name may say what it was heard as: "Cheryl: Charles". Without names the whole glossary is applied again.
        `undo` takes back what these names, or all, replaced; with `dry_run` nothing changes.

        Raises:
            SoundbiteError: a name is none, or the glossary can't be read or written.
        """
        with translated():
            words = tuple(word for name in names for word in ((name,) if isinstance(name, str) else name))
            request = TeachRequest(words=words, remove=tuple(remove), undo=undo, dry_run=dry_run)
            done = await teach_words(self._jobs.library, request, most_shown=_ALL, longest_s=math.inf)
        return [Replacement(**one.model_dump()) for one in done.replacements]

    async def transcript(self, recording: Recording | str, text_format: TranscriptFormat = "txt") -> str:
        """Return what is said in a recording, as the text of a file: txt, md, json, vtt or srt.

        Raises:
            NotFound: there is no such recording.
            SoundbiteError: it has no transcript, or that is no format.
        """
        with translated():
            asset = (await self._named(recording)).asset
            transcript = await transcript_of_recording(self._jobs.library, asset.asset_id)
            if text_format not in TRANSCRIPT_FORMATS:
                formats = ", ".join(TRANSCRIPT_FORMATS)
                raise SoundbiteError(f"{text_format!r} is no format: {formats}.", code="argument_invalid")
            if transcript is None:
                raise SoundbiteError(f"{asset.title} has no transcript.", code="no_transcript")
            has_chapters = text_format in ("md", "json")
            chapters = await chapters_of(self._jobs.library, asset, transcript) if has_chapters else ()
            return transcript_file(asset, transcript, text_format, chapters)

    async def chapters(self, recording: Recording | str) -> list[Chapter]:
        """Return what a recording is about: chapters with start_sec, end_sec, title, sentence and clip_id.

        Raises:
            NotFound: there is no such recording.
        """
        with translated():
            asset = (await self._named(recording)).asset
            transcript = await transcript_of_recording(self._jobs.library, asset.asset_id)
            return list(await chapters_of(self._jobs.library, asset, transcript))

    async def export(self, recording: Recording | str, path: str | Path) -> None:
        """Write the transcript of a recording to a new file, in the format that its name ends with.

        Raises:
            NotFound: there is no such recording.
            SoundbiteError: it has no transcript, the ending is of no format, or the file is there or can't be written.
        """
        target = await anyio.Path(path).expanduser()
        text = await self.transcript(recording, cast("TranscriptFormat", target.suffix.lower().removeprefix(".")))
        try:
            async with await target.open("x", encoding="utf-8") as file:
                await file.write(text)
        except OSError as exc:
            raise SoundbiteError(f"{target} can't be written: {exc.strerror}.", code="file_unwritable") from exc

    async def audio(self, clip: Facts, audio_format: Format = "mp3") -> bytes:
        """Return the sound of a clip as a small file.

        Raises:
            SoundbiteError: the recording is gone or can't be read.
        """
        with translated():
            request = ClipRequest(
                asset_id=clip.asset_id, start_sec=clip.start_sec, end_sec=clip.end_sec, audio_format=audio_format
            )
            cut = await get_clip(self._jobs.library, request)
        if not cut.sound:
            raise SoundbiteError(" ".join(cut.detail.notes), code="no_sound")
        return cut.sound

    async def _named(self, recording: Recording | str) -> NamedRecording:
        words = recording if isinstance(recording, str) else recording.asset_id
        try:
            return await recording_named(await self._jobs.library.ledger(), words, is_whole=True)
        except UnknownId as exc:
            raise UnknownId(exc.message, exc.next_step, code="unknown_asset") from exc


class Library:
    """The library for code that waits; `soundbite.open()` makes one in `with`. Threads may share it."""

    def __init__(self, library: AsyncLibrary, portal: BlockingPortal) -> None:
        self._library, self._portal = library, portal

    def add(
        self,
        source: str | Path,
        *,
        title: str = "",
        tags: Iterable[str] = (),
        track: int | Literal["all"] | None = None,
    ) -> Recording:
        """Add a recording and return it once it can be searched, as `AsyncLibrary.add` does."""
        return self._portal.call(functools.partial(self._library.add, source, title=title, tags=tags, track=track))

    def search(self, query: str = "", *, top_k: int = 5, **filters: Any) -> list[Clip]:
        """Return the clips that answer a question, as `AsyncLibrary.search` does."""
        clips = self._portal.call(functools.partial(self._library.search, query, top_k=top_k, **filters))
        return [Clip(**_facts(clip), library=self) for clip in clips]

    def recordings(self, *, title: str = "", tags: Iterable[str] = ()) -> list[Recording]:
        """Return the recordings, as `AsyncLibrary.recordings` does."""
        return self._portal.call(functools.partial(self._library.recordings, title=title, tags=tags))

    def speakers(self, name: str = "") -> list[Speaker]:
        """Return who speaks in the recordings, as `AsyncLibrary.speakers` does."""
        return self._portal.call(self._library.speakers, name)

    def name_speaker(self, recording: Recording | str, speaker: str, name: str) -> None:
        """Say who a speaker of a recording is; `speaker` is `Speaker 2` or the name to change, "" takes it away."""
        self._portal.call(self._library.name_speaker, recording, speaker, name)

    def remove(self, recording: Recording | str) -> None:
        """Forget a recording, named by itself, its asset_id, whole title or file; the file it came from stays."""
        self._portal.call(self._library.remove, recording)

    def erase(self, recording: Recording | str, start_sec: float, end_sec: float) -> None:
        """Erase a recording from `start_sec` to `end_sec` for good: its words, vectors and sound; the file stays."""
        self._portal.call(self._library.erase, recording, start_sec, end_sec)

    def correct(self, clip: Facts, old_text: str, new_text: str) -> None:
        """Put `new_text` in the place of `old_text`, words that the text of `clip`, an answer of `search`, has once."""
        self._portal.call(self._library.correct, clip, old_text, new_text)

    def teach(
        self, *names: str | Iterable[str], remove: Iterable[str] = (), undo: bool = False, dry_run: bool = False
    ) -> list[Replacement]:
        """Teach `names` as they are spelled ("Leicester", or "Cheryl: Charles" with what it was heard as).

        They take the place of what sounds like them; without names the whole glossary is applied again.
        `remove` forgets names, `undo` takes back what these names, or all, replaced; with `dry_run` nothing changes.
        """
        call = functools.partial(self._library.teach, *names, remove=remove, undo=undo, dry_run=dry_run)
        return self._portal.call(call)

    def transcript(self, recording: Recording | str, text_format: TranscriptFormat = "txt") -> str:
        """Return what is said in a recording, as the text of a file: txt, md, json, vtt or srt."""
        return self._portal.call(self._library.transcript, recording, text_format)

    def chapters(self, recording: Recording | str) -> list[Chapter]:
        """Return what a recording is about: chapters with start_sec, end_sec, title, sentence and clip_id."""
        return self._portal.call(self._library.chapters, recording)

    def export(self, recording: Recording | str, path: str | Path) -> None:
        """Write the transcript of a recording to a new file, in the format that its name ends with."""
        self._portal.call(self._library.export, recording, path)

    def audio(self, clip: Facts, audio_format: Format = "mp3") -> bytes:
        """Return the sound of a clip, as `AsyncLibrary.audio` does."""
        return self._portal.call(self._library.audio, clip, audio_format)


def _facts(clip: ClipResult | Facts) -> dict[str, Any]:
    facts = {fact.name: getattr(clip, fact.name) for fact in dataclasses.fields(Facts)}
    return facts | {"tags": tuple(clip.tags), "unsure": tuple(clip.unsure)}


def _source(source: str | Path) -> Source:
    if isinstance(source, str) and "://" in source:
        return Source(source, None)
    path = Path(source).expanduser().absolute()
    return Source(str(path), path)


def _problem(task: TaskResult) -> SourceProblem | UnknownId | WorkFailed:
    is_source = not task.task_id  # refused before there was a task
    return (SourceProblem if is_source else WorkFailed)(task.error, task.next_step, code=task.error_code)
