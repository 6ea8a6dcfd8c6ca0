"""A recording that is being written, stretch by stretch: the sound so far, and clips, which are searchable at once."""

from __future__ import annotations

import array
import base64
import io
import json
import math
import wave
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from soundbite_api import AudioInput, MediaSource, Segmentation
from soundbite_store import ClipFilter, Space, digest_of
from soundbite_tools.embed.spending import TaskFigures, count_kinds
from soundbite_tools.embed.transcripts import transcript_of
from soundbite_tools.embed.writing import Recording, clips_of, is_removed, joined_transcript
from soundbite_tools.errors import RecordingRemoved
from soundbite_tools.library import current_space
from soundbite_tools.sources.recordings import NO_FILE_NS
from soundbite_tools.text import time_reached
from soundbite_tools.words.timed_words import TimedWords

if TYPE_CHECKING:
    from soundbite_api import EmbeddingData
    from soundbite_store import Asset, Clip, StoredTranscript, Task, TimedText
    from soundbite_tools.embed.params import EmbedParams
    from soundbite_tools.library import Library

RATE_HZ = 16_000
_BYTES = 2
# Where to cut is looked for in steps of this size, so far back.
_STEP_SEC, _LOOK_BACK_SEC = 0.1, 1.5
# Silence after the end, so that the stretch is a window of what is sent: the words of a window come with its vectors.
_PADDING_SEC = 0.25
# What ends so near the end of what is known may go on: it is made again with what follows.
_UNSURE_SEC = 2.0
# A recogniser listens to thirty seconds at a time, whatever it is given: up to here a longer stretch costs little more.
_LONGEST_SEC = 24.0


class LiveSound:
    """Reads stretches of the file; times are seconds from its beginning."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def seconds(self) -> float:
        """How much there is by now."""
        try:
            return self._path.stat().st_size // _BYTES / RATE_HZ
        except OSError:
            return 0.0

    def pause_before(self, end_sec: float) -> float:
        """The middle of the quietest tenth of a second of the last one and a half before a time."""
        step = round(_STEP_SEC * RATE_HZ)
        begin_sec = max(0.0, end_sec - _LOOK_BACK_SEC)
        samples = array.array("h", self._read(begin_sec, end_sec))
        levels = [math.hypot(*samples[at : at + step : 4]) for at in range(0, len(samples) - step + 1, step)]
        if not levels:
            return end_sec
        # Of equally quiet ones the last.
        quietest = min(range(len(levels)), key=lambda at: (round(levels[at]), -at))
        return begin_sec + (quietest + 0.5) * _STEP_SEC

    def wav(self, start_sec: float, end_sec: float, padding_sec: float = 0.0) -> bytes:
        """A stretch as a WAV file, with so much silence behind it."""
        out = io.BytesIO()
        with wave.open(out, "wb") as file:
            file.setparams((1, _BYTES, RATE_HZ, 0, "NONE", ""))
            file.writeframes(self._read(start_sec, end_sec) + bytes(round(padding_sec * RATE_HZ) * _BYTES))
        return out.getvalue()

    def as_window(self, start_sec: float, end_sec: float) -> str:
        """A stretch in base64, and a little silence behind it that is no part of it."""
        return base64.b64encode(self.wav(start_sec, end_sec, _PADDING_SEC)).decode()

    def _read(self, start_sec: float, end_sec: float) -> bytes:
        first, last = (round(seconds * RATE_HZ) * _BYTES for seconds in (start_sec, end_sec))
        with self._path.open("rb") as file:
            file.seek(first)
            return file.read(max(0, last - first) // _BYTES * _BYTES)


class LiveParts:
    """Embeds the stretches of one recording; `settled_sec` is how far its clips are not made again."""

    def __init__(self, library: Library, task: Task, asset: Asset, params: EmbedParams, sound: LiveSound) -> None:
        self._library = library
        self._task = task
        self._asset = asset
        self._params = params
        self._sound = sound
        self._figures = TaskFigures.of(task).model_copy(update={"is_live": True})
        self.settled_sec = self._figures.until_sec
        self._open: tuple[str, ...] = ()
        self._open_words: Sequence[TimedText] = ()
        self._speakers: set[str] = set()

    @property
    def until_sec(self) -> float:
        """Up to where it can be searched."""
        return self._figures.until_sec

    async def take(self, end_sec: float) -> None:
        """Embed what is not settled yet, up to a time.

        Raises:
            RecordingRemoved: it was, meanwhile.
            PlatformError, StoreError: it can't be embedded, or written.
        """
        start_sec = self.settled_sec
        window = await anyio.to_thread.run_sync(self._sound.as_window, start_sec, end_sec)
        audio = AudioInput(
            media_source=MediaSource(base64_string=window),
            end_sec=end_sec - start_sec,
            segmentation=Segmentation(strategy="natural"),
            embedding_option=list(self._params.embedding_option),
            embedding_scope=["clip"],
            embedding_type=list(self._params.embedding_type),
        )
        answer = await self._library.client.embed_audio(audio)
        data = [_moved(item, start_sec) for item in answer.response.data]
        about = answer.response.metadata
        wire = about.window_transcript if about else None
        platform = self._library.config.platform
        transcript = transcript_of(wire, self._asset.asset_id, platform, start_sec) if wire else None
        if transcript:
            transcript = self._named(replace(transcript, start_sec=start_sec, end_sec=end_sec))
        current = current_space(answer.space, len(data[0].embedding)) if data else None
        if current is None:
            self._open, self._open_words = (), ()
            await self._note(end_sec, end_sec, 0)
            return
        clips = clips_of(
            Recording(self._asset, self._task, self._params, TimedWords(transcript)), data, current.space.dimension
        )
        settled_sec = _settled_until(clips, start_sec, end_sec)
        ledger, store = await self._library.ledger(), await self._library.store()
        if is_removed(await ledger.get_task(self._task.task_id)):
            raise RecordingRemoved()
        replaced = ClipFilter(asset_ids=(self._asset.asset_id,), clip_ids=self._open) if self._open else None
        # A commit that has begun can't be stopped: whoever stops the job to remove its recording waits for the end.
        with anyio.CancelScope(shield=True):
            await store.upsert(current.space, clips, replaced=replaced)
            if transcript and transcript.words:
                earlier = await ledger.get_transcript(self._asset.asset_id, platform)
                await ledger.put_transcript(joined_transcript(earlier, transcript))
            self._figures = self._figures.model_copy(update={"dimension": current.space.dimension})
            await ledger.update_task(self._task.task_id, space=current.space.id)
            settled = {clip.clip_id for clip in clips if clip.start_sec < settled_sec}
            self._open = tuple({clip.clip_id for clip in clips} - settled)
            self._open_words = [word for word in transcript.words if word.end_sec > settled_sec] if transcript else ()
            await self._note(end_sec, settled_sec, len(settled))

    async def _note(self, until_sec: float, settled_sec: float, settled: int) -> None:
        """Write down how far it is; clips that are made again are not counted before."""
        self.settled_sec = settled_sec
        figures = self._figures
        change = {"parts": figures.parts + 1, "until_sec": until_sec, "clips": figures.clips + settled}
        self._figures = figures.model_copy(update=change)
        ledger = await self._library.ledger()
        await ledger.update_task(self._task.task_id, counts_json=self._figures.model_dump_json())
        await ledger.describe_asset(self._asset.asset_id, duration_sec=until_sec, language=None)

    def _named(self, transcript: StoredTranscript) -> StoredTranscript:
        """The transcript with the speakers of this stretch called as in the one before, by the words of both.

        Each stretch is told apart by itself. One in which nobody goes on who spoke before, and only one person speaks,
        does not say who; all is settled when the recording is whole.
        """
        overlaps: Counter[tuple[str, str]] = Counter()
        for before in self._open_words:
            for word in transcript.words:
                if word.start_sec < before.end_sec and word.end_sec > before.start_sec and word.speaker:
                    overlaps[word.speaker, before.speaker] += 1
        names: dict[str, str] = {}
        for (speaker, name), _ in overlaps.most_common():
            if name and speaker not in names and name not in names.values():
                names[speaker] = name
        if not names and len(transcript.speakers) < 2:
            names = dict.fromkeys(transcript.speakers, "" if self._speakers else next(iter(transcript.speakers), ""))
        free = (f"speaker_{number}" for number in count(1) if f"speaker_{number}" not in self._speakers)
        for speaker in transcript.speakers:
            if speaker not in names:
                names[speaker] = speaker if speaker not in self._speakers else next(free)
                self._speakers.add(names[speaker])
        self._speakers |= {name for name in names.values() if name}

        def named(texts: tuple[TimedText, ...]) -> tuple[TimedText, ...]:
            return tuple(replace(text, speaker=names.get(text.speaker, "")) for text in texts)

        return replace(transcript, words=named(transcript.words), sentences=named(transcript.sentences))


async def keep_parts(library: Library, task: Task, asset: Asset, cause: str) -> Asset | None:
    """Have a recording whose file no longer holds it stay as far as it can be searched; None where nothing of it can.

    `cause` is a clause that says what became of the file.

    Raises:
        StoreError: the store can't be read, or the ledger not written.
    """
    ledger, store = await library.ledger(), await library.store()
    task = await ledger.get_task(task.task_id) or task
    figures = TaskFigures.of(task)
    if not figures.dimension:
        return None
    space = Space(task.space, figures.dimension)
    rows = await store.embeddings(space, ClipFilter(task_id=task.task_id))
    if not rows:
        return None
    gone = replace(asset, mtime_ns=NO_FILE_NS, duration_sec=figures.until_sec)
    digest = f"{digest_of({row.row_id(space) for row in rows}):x}"
    whole = figures.model_copy(update={"end_sec": figures.until_sec, "counts": count_kinds(rows), "digest": digest})
    until = time_reached(figures.until_sec, 0.0)
    note = f"{cause}: it can be searched until {until}, and not played."
    notes_json = json.dumps([*json.loads(task.notes_json), note])
    await ledger.put_asset(gone)
    await ledger.update_task(task.task_id, counts_json=whole.model_dump_json(), notes_json=notes_json)
    return gone


def _settled_until(clips: Sequence[Clip], start_sec: float, end_sec: float) -> float:
    """Where the first clip begins that is made again with what follows; the end where none is."""
    spans = sorted({(clip.start_sec, clip.end_sec) for clip in clips})
    unsure = [start for start, end in spans if end > end_sec - _UNSURE_SEC]
    first_sec = unsure[0] if unsure else end_sec
    if end_sec - first_sec > _LONGEST_SEC or (first_sec <= start_sec and end_sec - start_sec > _LONGEST_SEC):
        return end_sec
    return first_sec


def _moved(item: EmbeddingData, by_sec: float) -> EmbeddingData:
    if item.start_sec is None or item.end_sec is None:
        return item
    return item.model_copy(update={"start_sec": item.start_sec + by_sec, "end_sec": item.end_sec + by_sec})
