"""Time ranges: neighbouring clips that answer become one, with the words in it and the borders a listener wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING

from soundbite_store import ClipFilter, ClipStore, Space, TimedText
from soundbite_tools.results import ClipResult, PartScore, place_fields
from soundbite_tools.search.calibration import odds
from soundbite_tools.search.queries import SOUND
from soundbite_tools.search.ranking import WEAK_SCORE, Scored
from soundbite_tools.speakers import NO_NAMES, SpeakerLabels, speaker_labels
from soundbite_tools.text import (
    ERASED,
    dialogue,
    distinct,
    distinct_sounds,
    language_label,
    rounded_sec,
    shorten,
)
from soundbite_tools.words.terms import unsure_words

if TYPE_CHECKING:
    from soundbite_tools.library import Library
    from soundbite_tools.text import Room


# Clips that follow each other have no gap when segments are fixed, and the pause between two turns when natural.
NEIGHBOUR_GAP_SEC = 3.0
# A neighbour whose odds to answer are less than this share of the best clip's is context and not answer.
NEIGHBOUR_ODDS = 0.55
# Longer ranges hold more answers and more that is none.
LONGEST_SPEECH_SEC = 16.0
LONGEST_SOUND_SEC = 40.0
_SAME_SHARE = 0.5
# Heard from the very first sound on, a clip seems cut off.
_PADDING_SEC = 0.5
# A sentence that reaches further out than a segment is another one's.
_FURTHEST_SEC = 6.0
_LONGEST_SOUNDS = 120


@dataclass(frozen=True)
class TimeRange:
    """One clip, or several that follow each other; `best` is the one that answers best, `clips` are in time order."""

    best: Scored
    clips: tuple[Scored, ...]
    start_sec: float
    end_sec: float
    sounds: str = ""
    """What is heard in it besides."""
    context: str = ""
    """What is said from some time before it to some time after it, where that was asked for."""
    listen_start_sec: float = 0.0
    listen_end_sec: float = 0.0
    """What is worth playing around it; 0 where that was not asked for."""

    @classmethod
    def of(cls, scored: Scored) -> TimeRange:
        """Return the range of one clip."""
        return cls(scored, (scored,), scored.clip.start_sec, scored.clip.end_sec)

    @property
    def asset_id(self) -> str:
        """The recording."""
        return self.best.clip.asset_id

    @property
    def seconds(self) -> float:
        """Length of the range."""
        return self.end_sec - self.start_sec

    def overlaps(self, other: TimeRange) -> bool:
        """Return whether two ranges of one recording share more than half of the shorter one."""
        shared_sec = min(self.end_sec, other.end_sec) - max(self.start_sec, other.start_sec)
        return self.asset_id == other.asset_id and shared_sec > _SAME_SHARE * min(self.seconds, other.seconds)

    def touches(self, other: TimeRange) -> bool:
        """Return whether a range of the same recording begins where this ends, or ends where this begins."""
        return max(self.start_sec, other.start_sec) - min(self.end_sec, other.end_sec) <= NEIGHBOUR_GAP_SEC

    def joined(self, other: TimeRange) -> TimeRange:
        """Return this range with the clips of its neighbour."""
        return replace(
            self,
            clips=tuple(sorted((*self.clips, *other.clips), key=lambda scored: scored.clip.start_sec)),
            start_sec=min(self.start_sec, other.start_sec),
            end_sec=max(self.end_sec, other.end_sec),
        )

    def words(self, labels: SpeakerLabels = NO_NAMES) -> str:
        """Return what is said in it, with who says it where several speak."""
        clips = [scored.clip for scored in self.clips]
        return dialogue((clip.start_sec, clip.end_sec, clip.transcript, labels.of_clip(clip)) for clip in clips)

    def result(
        self,
        room: Room,
        *,
        is_detailed: bool,
        file: str = "",
        origin: str = "",
        labels: SpeakerLabels = NO_NAMES,
        unsure: Sequence[str] = (),
    ) -> ClipResult:
        """Return the range as a result that keeps to its room; `unsure` are words that may be misheard there."""
        clip = self.best.clip
        text = shorten(self.words(labels), room.text) if room.text else ""
        return ClipResult(
            **place_fields(clip, room.title, (self.start_sec, self.end_sec)),
            origin=origin,
            score=round(self.best.score, 2),
            is_weak=self.best.score < WEAK_SCORE,
            matched=self.best.matched,
            text=text,
            context=shorten(self.context, 2 * room.text) if room.text else "",
            speaker=", ".join(distinct(labels.of_clip(scored.clip) for scored in self.clips)),
            unsure=unsure_words(unsure, text),
            sounds=shorten(self.sounds, _LONGEST_SOUNDS),
            language=language_label(clip.language),
            tags=list(clip.tags[: room.tags]),
            file=file,
            listen_start_sec=rounded_sec(self.listen_start_sec) if is_detailed else 0.0,
            listen_end_sec=rounded_sec(self.listen_end_sec) if is_detailed else 0.0,
            parts=_parts(self.best) if is_detailed else [],
        )


def time_ranges(scored: Sequence[Scored], limit: int) -> list[TimeRange]:
    """Return the best ranges, best first: no two of them share more than half of the shorter one.

    `scored` is in order, best first; a range begins with the best clip not yet used and grows over neighbours that
    answer nearly as well.
    """
    ranges: list[TimeRange] = []
    used: set[str] = set()
    for seed in scored:
        if len(ranges) == limit:
            break
        alone = TimeRange.of(seed)
        if seed.clip.clip_id in used or any(alone.overlaps(other) for other in ranges):
            continue
        longer = _with_reply(_with_neighbours(alone, _near(seed, scored, used), ranges), scored, used, ranges)
        used.update(scored_clip.clip.clip_id for scored_clip in longer.clips)
        ranges.append(longer)
    return ranges


def best_of_each(ranges: Sequence[TimeRange]) -> list[TimeRange]:
    """Return the first range of each recording, in their order."""
    first: dict[str, TimeRange] = {}
    for item in ranges:
        first.setdefault(item.asset_id, item)
    return list(first.values())


def _near(seed: Scored, scored: Sequence[Scored], used: set[str]) -> list[TimeRange]:
    least = NEIGHBOUR_ODDS * odds(seed.score)
    return [
        TimeRange.of(other)
        for other in scored
        if other.clip.asset_id == seed.clip.asset_id
        and other.clip.clip_id != seed.clip.clip_id
        and other.clip.clip_id not in used
        and other.matched == seed.matched
        and odds(other.score) >= least
    ]


def _with_neighbours(seed: TimeRange, near: list[TimeRange], others: Sequence[TimeRange]) -> TimeRange:
    longest_sec = LONGEST_SOUND_SEC if seed.best.matched == SOUND else LONGEST_SPEECH_SEC
    while True:
        for neighbour in near:
            # A clip that lies over the range is the same sound cut in another way, not a neighbour.
            if seed.touches(neighbour) and not seed.overlaps(neighbour):
                longer = seed.joined(neighbour)
                if longer.seconds <= longest_sec and not any(longer.overlaps(other) for other in others):
                    seed = longer
                    near = [other for other in near if other is not neighbour]
                    break
        else:
            return seed


def _with_reply(item: TimeRange, scored: Sequence[Scored], used: set[str], others: Sequence[TimeRange]) -> TimeRange:
    """A range that ends with a question, with the reply of another speaker, however little the reply holds."""
    last = item.clips[-1].clip
    if not (last.speaker and last.transcript.rstrip().endswith("?")):
        return item
    inside = {scored_clip.clip.clip_id for scored_clip in item.clips}
    replies = [
        TimeRange.of(other)
        for other in scored
        if other.clip.asset_id == last.asset_id
        and other.clip.speaker not in ("", last.speaker)
        and other.clip.clip_id not in used | inside
        and last.start_sec < other.clip.start_sec <= last.end_sec + NEIGHBOUR_GAP_SEC
    ]
    if not replies:
        return item
    longer = item.joined(min(replies, key=lambda reply: reply.start_sec))
    is_new = longer.seconds <= LONGEST_SPEECH_SEC and not any(longer.overlaps(other) for other in others)
    return longer if is_new else item


async def complete_ranges(
    library: Library, space: Space, ranges: Sequence[TimeRange], *, with_room: bool, context_sec: float = 0.0
) -> list[TimeRange]:
    """Return the ranges with the words in them, and with `with_room` what is worth playing around each.

    With `context_sec` also all that is said from that long before a range to that long after it, and by whom.

    Natural segments begin and end where sounds do already. Segments of one length cut sentences apart, so a range of
    such is moved to the borders of the sentences that are said in it.

    Raises:
        StoreError: the store or the ledger can't be read.
    """
    ledger = await library.ledger()
    # The row that was found by its sound does not carry the words; a sibling of the same span may.
    silent = [scored.clip.clip_id for item in ranges for scored in item.clips if not scored.clip.transcript]
    transcripts = await _transcripts(await library.store(), space, silent)
    assets = await ledger.get_assets(item.asset_id for item in ranges) if with_room or context_sec else {}
    cut = [item.asset_id for item in ranges if _is_cut_anywhere(item)]
    read = cut if not context_sec else {item.asset_id for item in ranges}
    sentences = await ledger.get_sentences(read, library.config.platform) if read else {}
    texts = [with_text(item, transcripts) for item in ranges]
    moved = [_with_borders(item, sentences.get(item.asset_id, ())) for item in texts]
    if context_sec:
        erased = {asset_id: asset.erased for asset_id, asset in assets.items()}
        labels = await speaker_labels(library, read)
        moved = [
            _with_context(item, sentences.get(item.asset_id, ()), context_sec, erased.get(item.asset_id, ()), labels)
            for item in moved
        ]
    if not with_room:
        return moved
    lengths = {asset_id: asset.duration_sec for asset_id, asset in assets.items()}
    return [_with_room(item, lengths.get(item.asset_id, 0.0)) for item in moved]


def snap_to_sentences(start_sec: float, end_sec: float, sentences: Sequence[TimedText]) -> tuple[float, float]:
    """Return the range moved to the borders of the sentences that lie in it by half or more; as it is where none do."""
    inside = [text for text in sentences if _lies_in(text, start_sec, end_sec)]
    if not inside:
        return start_sec, end_sec
    first = min(text.start_sec for text in inside)
    last = max(text.end_sec for text in inside)
    return max(first, start_sec - _FURTHEST_SEC), min(last, end_sec + _FURTHEST_SEC)


def _lies_in(text: TimedText, start_sec: float, end_sec: float) -> bool:
    shared_sec = min(end_sec, text.end_sec) - max(start_sec, text.start_sec)
    return text.end_sec > text.start_sec and shared_sec >= (text.end_sec - text.start_sec) / 2


def with_text(item: TimeRange, transcripts: Mapping[str, str]) -> TimeRange:
    """Return the range with its words; `transcripts` has, by clip, those of clips that do not hold their own."""
    clips = tuple(
        scored
        if scored.clip.transcript
        else scored._replace(clip=replace(scored.clip, transcript=transcripts.get(scored.clip.clip_id, "")))
        for scored in item.clips
    )
    return replace(item, clips=clips, sounds=distinct_sounds(one.clip.sound_words for one in clips))


def _with_borders(item: TimeRange, sentences: Sequence[TimedText]) -> TimeRange:
    if not _is_cut_anywhere(item):
        return item
    start_sec, end_sec = snap_to_sentences(item.start_sec, item.end_sec, sentences)
    return replace(item, start_sec=start_sec, end_sec=end_sec)


def _with_context(
    item: TimeRange,
    sentences: Sequence[TimedText],
    context_sec: float,
    erased: Sequence[tuple[float, float]],
    labels: SpeakerLabels,
) -> TimeRange:
    start_sec, end_sec = item.start_sec - context_sec, item.end_sec + context_sec
    timed = [(one.start_sec, one.end_sec, one.value, labels.of(item.asset_id, one.speaker)) for one in sentences]
    timed += [(*span, ERASED, "") for span in erased]
    near = sorted((piece for piece in timed if piece[1] > start_sec and piece[0] < end_sec), key=itemgetter(0))
    # Without times: a pause between two sentences is not marked, since nothing is left out there.
    return replace(item, context=dialogue((0.0, 0.0, value, speaker) for _, _, value, speaker in near))


def _with_room(item: TimeRange, length_sec: float) -> TimeRange:
    end_sec = item.end_sec + _PADDING_SEC
    return replace(
        item,
        listen_start_sec=max(0.0, item.start_sec - _PADDING_SEC),
        listen_end_sec=min(end_sec, max(length_sec, item.end_sec)) if length_sec else end_sec,
    )


def _is_cut_anywhere(item: TimeRange) -> bool:
    return item.best.clip.segmentation.startswith("fixed") and "speech" in item.best.matched


async def _transcripts(store: ClipStore, space: Space, clip_ids: Sequence[str]) -> dict[str, str]:
    if not clip_ids:
        return {}
    rows = await store.clips(space, ClipFilter(clip_ids=tuple(clip_ids)), limit=6 * len(clip_ids))
    return {row.clip_id: row.transcript for row in rows if row.transcript}


def _parts(scored: Scored) -> list[PartScore]:
    parts = sorted(scored.parts.items(), key=lambda item: (-item[1].score, item[0]))
    return [PartScore(part=name, score=round(part.score, 3), rank=part.rank) for name, part in parts]
