"""What the library holds of one recording: segments, words, sounds, loudness; and chapters, where its topic changes.

Each chapter has telling words and a sentence; no language model makes them.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_store import ClipFilter, Envelope, StoredClip, one_a_span
from soundbite_tools.embed.params import track_of
from soundbite_tools.embed.renewal import erased_notes, is_erased_note
from soundbite_tools.errors import raises_problems
from soundbite_tools.read.get_clip import spaces_of
from soundbite_tools.search.words import COMMON_WORDS, terms_of
from soundbite_tools.sources.files import sound_file
from soundbite_tools.sources.local_media import Levels, MediaProblem
from soundbite_tools.speakers import NO_NAMES, SpeakerLabels, speaker_labels
from soundbite_tools.text import ERASED_LINE, distinct_sounds, plain_text, shorten
from soundbite_tools.words.terms import UNKNOWN_WEIGHT, term_of, weight_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soundbite_store import Asset, Clip, Space, StoredTranscript, TimedText
    from soundbite_tools.library import Library

    Floats = NDArray[np.float64]

MOST_PEAKS = 4096
# How much what is heard counts beside what is said.
SOUND_SHARE = 0.4
# A border has to explain as much of the differences between clips as this many seconds of the recording hold: of joined
# recordings Pk is .20 with 15, .26 with 22, .43 with 40 (bench/retrieval/chapters.py).
BORDER_SEC = 16.0
# So much less where another speaker begins, or after a pause of a few seconds.
TURN_BONUS, PAUSE_BONUS, PAUSE_SEC = 0.15, 0.25, 3.0
SHORTEST_SEC, LONGEST_SEC = 30.0, 1200.0
# A map is to be read in one look: so many chapters whatever the length, and so many more an hour.
_FIRST_CHAPTERS, _CHAPTERS_AN_HOUR = 4, 5
_TITLE_WORDS, _SENTENCE_WORDS = 3, 10
_LONGEST_SENTENCE, _LEAST_WORDS, _MOST_WORDS = 110, 5, 24
_LONGEST_BEGINNING = 40
_SHORTEST_WORD = 3
# What builds sentences, and what is said in any talk, whatever it is about.
_NO_TOPICS = COMMON_WORDS.union(
    terms_of(
        """thank thanks please welcome hello sorry pardon okay yes yeah sure exactly perfect great fine correct right
        bye goodbye morning everybody everyone anything else"""
    )
)
# A word of the table of rarity weighs at most 4, and one that tells something 2 to 3.
_UNKNOWN_WEIGHT = 1.8
_MOST_ROWS = 100_000


@dataclass(frozen=True)
class Contents:
    """A recording and its clips in time order, one for each span, with its words and sounds."""

    asset: Asset
    space: Space | None
    """Whose vectors there are; None while there are none."""
    clips: tuple[StoredClip, ...]
    levels: Levels | None
    """None where the sound can't be read any more."""
    labels: SpeakerLabels = NO_NAMES
    """How its speakers are called."""
    notes: tuple[str, ...] = ()
    """What was noted when it was embedded."""

    @property
    def duration_sec(self) -> float:
        """The length of the recording, as well as it is known."""
        sound_sec = self.levels.duration_sec if self.levels else 0.0
        last_sec = max((clip.end_sec for clip in self.clips), default=0.0)
        return max(self.asset.duration_sec or sound_sec, last_sec)


@raises_problems
async def contents_of(library: Library, asset: Asset, *, level_count: int = 0) -> Contents:
    """Return what the library holds of a recording, with its loudness in `level_count` equal parts (0: without).

    Raises:
        ToolProblem: the store can't be read.
    """
    space, rows = await _rows(library, asset.asset_id)
    # Of a long recording this takes a while: not where there is nothing to show it with.
    levels = await levels_of(library, asset, level_count) if rows and level_count else None
    clips = sorted(one_a_span(rows), key=lambda clip: (clip.start_sec, clip.end_sec))
    labels = await speaker_labels(library, [asset.asset_id])
    ready = await (await library.ledger()).list_tasks(limit=1, asset_id=asset.asset_id, status="ready")
    notes = [note for note in json.loads(ready[0].notes_json) if not is_erased_note(note)] if ready else []
    return Contents(asset, space, tuple(clips), levels, labels, (*notes, *erased_notes(asset, None)))


@raises_problems
async def levels_of(library: Library, asset: Asset, count: int) -> Levels | None:
    """Return the loudness in `count` equal parts, as it was kept; of what was embedded elsewhere it is made now.

    None where it was not kept, and the recording is no file here, gone or changed.

    Raises:
        ToolProblem: the ledger can't be read.
    """
    ledger = await library.ledger()
    if envelope := await ledger.get_envelope(asset):
        return Levels(envelope.duration_sec, _spread(envelope.peaks, count))
    source = await sound_file(library, asset)
    if source is None:
        return None
    try:
        fine = await library.media_reader.levels(source, MOST_PEAKS, track_of(asset))
    except MediaProblem:
        return None
    if not library.config.is_read_only:
        await ledger.put_envelope(asset, Envelope(duration_sec=fine.duration_sec, peaks=fine.peaks))
    return Levels(fine.duration_sec, _spread(fine.peaks, count))


def _spread(peaks: bytes, count: int) -> bytes:
    """Return the highest level in each of `count` equal parts."""
    edges = [round(at * len(peaks) / count) for at in range(count + 1)]
    return bytes(max(peaks[min(first, len(peaks) - 1) : max(first + 1, last)]) for first, last in pairwise(edges))


async def _rows(library: Library, asset_id: str) -> tuple[Space | None, list[StoredClip]]:
    store = await library.store()
    where = ClipFilter(asset_ids=(asset_id,), embedding_scope="clip")
    for space in await spaces_of(library, asset_id):
        if rows := await store.clips(space, where, limit=100_000):
            return space, rows
    return None, []


@dataclass(frozen=True)
class Chapter:
    """A stretch of a recording about one thing; the clip is the one that says the sentence, or its first."""

    start_sec: float
    end_sec: float
    title: str
    sentence: str
    clip_id: str

    @property
    def text(self) -> str:
        """Title and sentence on one line: the sentence alone where the title is how it begins."""
        is_beginning = self.sentence.casefold().startswith(self.title.removesuffix("…").casefold())
        return self.sentence if self.sentence and is_beginning else ": ".join(filter(None, (self.title, self.sentence)))


@dataclass(frozen=True, eq=False)
class Stretch:
    """A clip as borders are looked for: what it is like, its seconds, and what speaks for a border before it."""

    features: Floats
    start_sec: float
    end_sec: float
    speaker: str | None = None


async def chapters_of(library: Library, asset: Asset, transcript: StoredTranscript | None) -> list[Chapter]:
    """Return the chapters of a recording in order; none where it has no clips, one where it is about one thing.

    Raises:
        StoreError: the store or the ledger can't be read.
    """
    store, ledger = await library.store(), await library.ledger()
    tasks = await ledger.list_tasks(asset_id=asset.asset_id, status="ready")
    last = {space: place for place, space in enumerate(dict.fromkeys(task.space for task in tasks))}
    spaces = [info.space for info in await store.spaces()]
    where = ClipFilter(asset_ids=(asset.asset_id,), embedding_scope="clip")
    for space in sorted(spaces, key=lambda space: last.get(space.id, len(last))):
        if rows := await store.embeddings(space, where, limit=_MOST_ROWS):
            texts = transcript.sentences or transcript.words if transcript else ()
            sentences = [text for text in texts if text.value != ERASED_LINE]
            return await anyio.to_thread.run_sync(_chapters, rows, sentences)
    return []


def _chapters(rows: Sequence[Clip], sentences: Sequence[TimedText]) -> list[Chapter]:
    # Of one recording cut in several ways the one with the most clips.
    segmentation, _ = Counter(row.segmentation for row in rows).most_common(1)[0]
    rows = [row for row in rows if row.segmentation == segmentation]
    clips = sorted(one_a_span(rows), key=lambda clip: (clip.start_sec, clip.end_sec))
    firsts = borders(stretches_of(rows, clips))
    parts = [clips[first:last] for first, last in zip(firsts, [*firsts[1:], len(clips)], strict=True)]
    ends = [*(part[0].start_sec for part in parts[1:]), clips[-1].end_sec]
    spoken = [
        [one for one in sentences if part[0].start_sec <= (one.start_sec + one.end_sec) / 2 < end_sec]
        for part, end_sec in zip(parts, ends, strict=True)
    ]
    telling = telling_words([[one.value for one in texts] for texts in spoken])
    return [
        _chapter(part, end_sec, texts, words)
        for part, end_sec, texts, words in zip(parts, ends, spoken, telling, strict=True)
    ]


def stretches_of(rows: Sequence[Clip], clips: Sequence[StoredClip]) -> list[Stretch]:
    """Return the clips of one segmentation as `borders` takes them: what is said and heard in each as one."""
    import numpy as np

    features: dict[str, Floats] = {}
    has_apart = any(row.embedding_option == "transcription" for row in rows)
    for row in rows:
        share = {"transcription": 1.0, "audio": SOUND_SHARE}.get(row.embedding_option, 0.0 if has_apart else 1.0)
        features[row.clip_id] = features.get(row.clip_id, np.zeros(len(row.vector))) + share * row.vector
    return [Stretch(features[clip.clip_id], clip.start_sec, clip.end_sec, clip.speaker) for clip in clips]


def borders(stretches: Sequence[Stretch], border_sec: float = BORDER_SEC) -> list[int]:
    """Return the places of the stretches at which chapters begin, the first of them 0.

    The cut is the one with the least spread of features inside chapters, where each border costs as much as
    `border_sec` of the recording's own spread (optimal partitioning of change points; Jackson et al. 2005).
    """
    import numpy as np

    count = len(stretches)
    seconds = np.array([max(0.1, one.end_sec - one.start_sec) for one in stretches])
    table = np.stack([one.features for one in stretches])
    table = table - (seconds @ table) / seconds.sum()
    spread = float(seconds @ (table**2).sum(axis=1)) / float(seconds.sum())
    hours = (stretches[-1].end_sec - stretches[0].start_sec) / 3600
    most = _FIRST_CHAPTERS + math.ceil(_CHAPTERS_AN_HOUR * hours)
    costs = _costs(stretches, seconds, table)
    ease = np.array([_ease(stretches[at - 1], stretches[at]) if at else 1.0 for at in range(count)])
    firsts = _cheapest(costs, border_sec * spread * ease)
    while len(firsts) > most:
        firsts.pop(_weakest(firsts, seconds, table))
    return firsts


def _weakest(firsts: Sequence[int], seconds: Floats, table: Floats) -> int:
    """The place among borders of the one between the two chapters that are most alike for their length."""
    import numpy as np

    ends = [*firsts[1:], len(table)]
    spans = [slice(first, end) for first, end in zip(firsts, ends, strict=True)]
    weights = [float(seconds[span].sum()) for span in spans]
    means = [np.average(table[span], axis=0, weights=seconds[span]) for span in spans]
    gains = [
        float(((means[at] - means[at - 1]) ** 2).sum()) / (1 / weights[at - 1] + 1 / weights[at])
        for at in range(1, len(firsts))
    ]
    return 1 + int(np.argmin(gains))


def _ease(before: Stretch, after: Stretch) -> float:
    """How much less a border costs here than inside what one speaker says in one go: 1 is nothing less."""
    pause = min(max(0.0, after.start_sec - before.end_sec), PAUSE_SEC) / PAUSE_SEC
    return 1.0 - PAUSE_BONUS * pause - TURN_BONUS * (before.speaker != after.speaker)


def _costs(stretches: Sequence[Stretch], seconds: Floats, table: Floats) -> list[tuple[int, Floats]]:
    """For each end, the first place that a chapter may begin at, and what it costs from each place on."""
    import numpy as np

    sums = np.concatenate([np.zeros((1, table.shape[1])), np.cumsum(seconds[:, None] * table, axis=0)])
    squares = np.concatenate([[0.0], np.cumsum(seconds * (table**2).sum(axis=1))])
    weights = np.concatenate([[0.0], np.cumsum(seconds)])
    starts = np.array([one.start_sec for one in stretches])
    costs = []
    for end in range(1, len(stretches) + 1):
        until_sec = stretches[end - 1].end_sec
        begin = min(end - 1, int(np.searchsorted(starts, until_sec - LONGEST_SEC)))
        inner = sums[end] - sums[begin:end]
        cost = squares[end] - squares[begin:end] - (inner**2).sum(axis=1) / (weights[end] - weights[begin:end])
        too_short = until_sec - starts[begin:end] < SHORTEST_SEC
        costs.append((begin, cost + np.where(too_short, 1e6, 0.0)))
    return costs


def _cheapest(costs: Sequence[tuple[int, Floats]], border_costs: Floats) -> list[int]:
    import numpy as np

    best = np.zeros(len(costs) + 1)
    before = np.zeros(len(costs) + 1, int)
    for end, (begin, cost) in enumerate(costs, 1):
        totals = best[begin:end] + cost + border_costs[begin:end]
        place = int(totals.argmin())
        best[end], before[end] = totals[place], begin + place
    firsts, end = [], len(costs)
    while end:
        end = int(before[end])
        firsts.append(end)
    return firsts[::-1]


def telling_words(groups: Sequence[Sequence[str]]) -> list[dict[str, float]]:
    """Return how much the terms of each group of texts tell of it beside the others, the most telling first.

    A term counts by how often it is said there, how rare it is in English, and how much of it is said there.
    """
    counts = [Counter(term_of(word) for text in texts for word in set(_content(text))) for texts in groups]
    everywhere = sum(counts, Counter[str]())
    telling = []
    for count in counts:
        worth = {
            term: math.sqrt(number) * _weight(term) * (number / everywhere[term])
            for term, number in count.items()
            if number > 1 or everywhere[term] == 1
        }
        telling.append(dict(sorted(worth.items(), key=lambda entry: (-entry[1], entry[0]))))
    return telling


def _weight(term: str) -> float:
    """How much a term tells of a chapter: one that English hardly has may be a name, and is as often misheard."""
    weight = weight_of(term)
    return _UNKNOWN_WEIGHT if weight >= UNKNOWN_WEIGHT else weight


def _content(text: str) -> list[str]:
    return [
        word
        for word in terms_of(text)
        if len(word) >= _SHORTEST_WORD and word not in _NO_TOPICS and not word.isdecimal()
    ]


def _chapter(
    part: Sequence[StoredClip], end_sec: float, texts: Sequence[TimedText], words: dict[str, float]
) -> Chapter:
    best = _telling_sentence(texts, words)
    middle_sec = (best.start_sec + best.end_sec) / 2 if best else part[0].start_sec
    clip = min(part, key=lambda one: max(0.0, one.start_sec - middle_sec, middle_sec - one.end_sec))
    sounds = distinct_sounds(one.sound_words for one in part)
    title = _title(texts, words, best)
    if not title:
        title = "Few words" if texts else f"No speech: {shorten(sounds, 40)}" if sounds else "No speech"
    sentence = plain_text(best.value, _LONGEST_SENTENCE) if best else ""
    return Chapter(part[0].start_sec, end_sec, title[:1].upper() + title[1:], sentence, clip.clip_id)


def _title(texts: Sequence[TimedText], words: dict[str, float], best: TimedText | None) -> str:
    """Telling words that several sentences say; where there are not two, how the most telling sentence begins."""
    counts = Counter(term for text in texts for term in {term_of(word) for word in _content(text.value)})
    repeated = [_spelling(term, texts) for term in words if counts[term] > 1]
    if len(repeated) > 1 or best is None:
        return ", ".join(repeated[:_TITLE_WORDS])
    return shorten(plain_text(best.value, _LONGEST_SENTENCE), _LONGEST_BEGINNING)


def _telling_sentence(texts: Sequence[TimedText], words: dict[str, float]) -> TimedText | None:
    top = dict(list(words.items())[:_SENTENCE_WORDS])

    def worth(text: TimedText) -> float:
        length = len(text.value.split())
        told = sum(top.get(term, 0.0) for term in {term_of(word) for word in terms_of(text.value)})
        is_fitting = _LEAST_WORDS <= length <= _MOST_WORDS
        return told / math.sqrt(max(length, _LEAST_WORDS)) * (1.0 if is_fitting else 0.3)

    return max(texts, key=worth, default=None)


def _spelling(term: str, texts: Sequence[TimedText]) -> str:
    """How a term is mostly written in texts: with its capital where it has one inside sentences."""
    spellings = Counter(
        word
        for text in texts
        for word in (written.strip(".,;:!?\"'()") for written in text.value.split())
        if term in {term_of(part) for part in terms_of(word)}
    )
    return spellings.most_common(1)[0][0] if spellings else term
