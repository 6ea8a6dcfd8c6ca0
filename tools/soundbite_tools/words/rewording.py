"""Clips that follow their transcript: the words, vectors and figures that they have once it was changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from soundbite_api import MOST_CLIPS, SpokenText
from soundbite_store import Clip, ClipFilter, RowChange, changed_rows, encoded_vector, one_a_span
from soundbite_tools.text import ERASED, plain_text
from soundbite_tools.words.timed_words import LONGEST_TRANSCRIPT, TimedWords, letters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soundbite_store import Space, StoredClip, StoredTranscript
    from soundbite_tools.library import CurrentSpace, Library

    Vectors = dict[str, NDArray[np.float32]]

Span = tuple[float, float]
"""From one second to another."""
REACH_SEC = 20.0
"""The vector of a clip of the embedded engine holds words of clips this near."""
# And never of so many clips.
_REACH_CLIPS = 16


@dataclass
class ClipChanges:
    """What is to be done to rows of all spaces, the rows that come and go by it, and what is to be told of it."""

    rows: list[RowChange] = field(default_factory=list)
    come: list[tuple[Space, Clip]] = field(default_factory=list)
    gone: list[tuple[Space, Clip]] = field(default_factory=list)
    reworded: set[str] = field(default_factory=set)
    """The ids of the clips that have other words."""
    notes: list[str] = field(default_factory=list)


Amend = Callable[["Space", Sequence[Clip], list[RowChange], bool], list[RowChange]]
"""Makes of the changes of a space's rows others; whether its vectors can be made now comes last."""


async def clip_changes(
    library: Library,
    asset_id: str,
    transcript: StoredTranscript,
    spans: Sequence[Span],
    *,
    erased: Sequence[Span],
    amend: Amend | None = None,
) -> ClipChanges:
    """Return how the clips of a recording follow a transcript that changed within these spans.

    Where something is `erased`, their texts have a mark.

    Raises:
        PlatformError: it does not embed the new words.
        StoreError: the store or the ledger can't be read.
    """
    store = await library.store()
    changes, where = ClipChanges(), ClipFilter(asset_ids=(asset_id,))
    spaces = [info.space for info in await store.spaces()]
    current = await library.spaces.current() if spaces else None
    for space in spaces:
        rows = await store.embeddings(space, where)
        is_current = current is not None and space == current.space
        if rows and not is_current and not amend:
            changes.notes.append(
                "Vectors of another engine or edition keep the earlier words; `soundbite reembed` embeds them again."
            )
        before = len(changes.rows)
        await _add(
            changes, library, space, rows, TimedWords(transcript, erased), spans, current if is_current else None
        )
        if amend:
            changes.rows[before:] = amend(space, rows, changes.rows[before:], is_current)
        after = changed_rows(rows, changes.rows[before:])
        new, old = ({row.row_id(space): row for row in many} for many in (after, rows))
        changes.come += [(space, new[number]) for number in new.keys() - old.keys()]
        changes.gone += [(space, old[number]) for number in old.keys() - new.keys()]
    return changes


async def reworded_clips(
    library: Library,
    clips: Sequence[Clip],
    space: Space,
    transcript: StoredTranscript,
    spans: Sequence[Span],
    *,
    erased: Sequence[Span],
) -> list[Clip]:
    """Return clips that a platform has just made as they follow a transcript that was changed within these spans.

    Raises:
        PlatformError: it does not embed the new words.
    """
    changes = ClipChanges()
    words = TimedWords(transcript, erased)
    await _add(changes, library, space, clips, words, spans, await library.spaces.current())
    return changed_rows(clips, changes.rows)


async def _add(
    changes: ClipChanges,
    library: Library,
    space: Space,
    rows: Sequence[Clip],
    words: TimedWords,
    spans: Sequence[Span],
    current: CurrentSpace | None,
) -> None:
    """Add the changes of the rows of one space; without `current` its vectors can't be made now."""
    for segmentation in dict.fromkeys(row.segmentation for row in rows):
        cut = [row for row in rows if row.segmentation == segmentation]
        clips = _Clips.of([row for row in cut if row.embedding_scope == "clip"], words, spans)
        vectors = await clips.vectors(library, current) if current else {}
        changes.rows += clips.changes(space, vectors, current)
        changes.reworded |= {clip.clip_id for clip in clips.clips if clip.transcript != clips.texts[clip.clip_id]}
        whole = [row for row in cut if row.embedding_scope == "asset"]
        changes.rows += _whole_changes(space, whole, clips, vectors, words, current)


@dataclass(frozen=True)
class _Clips:
    """The clips of one segmentation, in order of time, and what is said in each now."""

    rows: Sequence[Clip]
    clips: Sequence[StoredClip]
    texts: dict[str, str]
    reworded: frozenset[str]
    """The ids of those whose words may have changed."""
    near: frozenset[str]
    """The ids of those whose vectors may hold words that changed."""

    @classmethod
    def of(cls, rows: Sequence[Clip], words: TimedWords, spans: Sequence[Span]) -> _Clips:
        clips = sorted(one_a_span(rows), key=lambda clip: (clip.start_sec, clip.end_sec))
        changed = frozenset(clip.clip_id for clip in clips if distance_sec(clip, spans) == 0.0)
        texts = {clip.clip_id: clip.transcript for clip in clips}
        for clip in clips:
            if clip.clip_id in changed:
                texts[clip.clip_id] = plain_text(words.between(clip.start_sec, clip.end_sec), LONGEST_TRANSCRIPT)
        near = frozenset(clip.clip_id for clip in clips if distance_sec(clip, spans) <= REACH_SEC)
        return cls(rows, clips, texts, changed, near)

    async def vectors(self, library: Library, current: CurrentSpace) -> Vectors:
        """Return the vectors of words, by clip, of those that may have changed and say something."""
        import numpy as np

        spoken = [clip for clip in self.clips if letters(self.texts[clip.clip_id])]
        vectors: Vectors = {}
        if self.carrier == "audio":
            return vectors
        if not current.blocks:  # a platform whose clips hold no words but their own
            for clip in spoken:
                if clip.clip_id in self.reworded:
                    answer = await library.client.embed_text(self._words(clip))
                    vectors[clip.clip_id] = np.asarray(answer.vector, np.float32)
            return vectors
        wanted = [place for place, clip in enumerate(spoken) if clip.clip_id in self.near]
        for first, last in _runs(wanted, MOST_CLIPS - 2 * _REACH_CLIPS):
            begin = max(0, first - _REACH_CLIPS)
            window = spoken[begin : last + _REACH_CLIPS]
            texts = [SpokenText(start=clip.start_sec, end=clip.end_sec, value=self._words(clip)) for clip in window]
            answers = (await library.client.embed_clips(texts)).vectors
            for place in range(first, last):
                vectors[spoken[place].clip_id] = np.asarray(answers[place - begin], np.float32)
        return vectors

    def _words(self, clip: StoredClip) -> str:
        """What is said in a clip, without the marks for what is erased."""
        return " ".join(self.texts[clip.clip_id].replace(ERASED, " ").split())

    @property
    def carrier(self) -> str:
        """The option whose rows carry the words."""
        if any(row.embedding_option == "audio" and row.transcript for row in self.rows):
            return "audio"  # of a model whose vectors of sound hold speech too
        has_apart = any(row.embedding_option == "transcription" for row in self.rows)
        return "transcription" if has_apart or all(row.embedding_option == "audio" for row in self.rows) else "fused"

    def changes(self, space: Space, vectors: Vectors, current: CurrentSpace | None) -> list[RowChange]:
        """Return the changes of all rows whose words or vectors are others now."""
        rows = {(row.clip_id, row.embedding_option): row for row in self.rows}
        options = {row.embedding_option for row in self.rows} | {self.carrier}
        changes = []
        for clip in self.clips:
            if clip.clip_id not in self.reworded and clip.clip_id not in vectors:
                continue
            for option in sorted(options - {"audio"} | {self.carrier}):
                row, text = rows.get((clip.clip_id, option)), self.texts[clip.clip_id]
                vector, is_silent = vectors.get(clip.clip_id), option == "transcription" and not letters(text)
                if option == "audio":
                    vector = None  # it was made of the sound
                elif option == "fused":
                    vector = _mixed(row, vector, current, is_silent=not letters(text))
                if row is not None or (vector is not None and not is_silent):
                    words = text if option == self.carrier else ""
                    changes.append(_change(space, row or clip, option, words, vector, is_deleted=is_silent))
        return changes


def _whole_changes(
    space: Space,
    rows: Sequence[Clip],
    clips: _Clips,
    vectors: Vectors,
    words: TimedWords,
    current: CurrentSpace | None,
) -> list[RowChange]:
    """Return the changes of the rows that stand for the whole recording: the mean of its clips, by their words."""
    speech = _mean_speech(clips, vectors) if current and current.blocks and vectors else None
    changes = []
    for row in rows:
        if row.embedding_option != "audio" and (speech is not None or row.transcript):
            vector = _mixed(row, speech, current) if row.embedding_option == "fused" else speech
            text = plain_text(words.between(row.start_sec, row.end_sec), LONGEST_TRANSCRIPT) if row.transcript else ""
            changes.append(_change(space, row, row.embedding_option, text, vector))
    return changes


def _mean_speech(clips: _Clips, vectors: Vectors) -> NDArray[np.float32] | None:
    import numpy as np

    stored = {row.clip_id: row.vector for row in clips.rows if row.embedding_option == "transcription"}
    stored |= vectors
    weighed = [stored[number] * len(text.split()) for number, text in clips.texts.items() if number in stored and text]
    mean = np.sum(weighed, axis=0) if weighed else None
    return None if mean is None or not mean.any() else (mean / np.linalg.norm(mean)).astype(np.float32)


def _mixed(
    row: Clip | None, speech: NDArray[np.float32] | None, current: CurrentSpace | None, *, is_silent: bool = False
) -> NDArray[np.float32] | None:
    """The vector of sound and words together: the sound as it was, these words; None where that can't be known."""
    import numpy as np

    width = current.blocks.get("sound", 0) if current else 0
    if row is None or not width or (speech is None and not is_silent):
        return None
    sound = row.vector.copy()
    sound[width:] = 0.0
    length = np.linalg.norm(sound)
    whole = (sound / length if length else sound) + (0.0 if speech is None else speech)
    return np.asarray(whole / (np.linalg.norm(whole) or 1.0), np.float32)


def _change(
    space: Space,
    row: StoredClip,
    option: str,
    text: str,
    vector: NDArray[np.float32] | None,
    *,
    is_deleted: bool = False,
) -> RowChange:
    return RowChange(
        space_id=space.id,
        dimension=space.dimension,
        asset_id=row.asset_id,
        clip_id=row.clip_id,
        embedding_option=option,
        embedding_scope=row.embedding_scope,
        segmentation=row.segmentation,
        transcript=text,
        vector="" if vector is None else encoded_vector(vector),
        is_deleted=is_deleted,
    )


def distance_sec(clip: StoredClip, spans: Iterable[Span]) -> float:
    """Return the seconds between a clip and the nearest of these spans."""
    return min(max(0.0, clip.start_sec - end_sec, start_sec - clip.end_sec) for start_sec, end_sec in spans)


def _runs(places: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Places that follow each other, from the first to before the last, in runs of at most so many."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place and place - runs[-1][0] < most:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    return runs
