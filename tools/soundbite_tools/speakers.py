"""Speakers as people call them: the names they gave, in answers, transcripts and filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING

from soundbite_store import AssetSpeaker, ClipFilter, StoredClip, StoredTranscript, TimedText
from soundbite_tools.text import ERASED_LINE, folded, person_name, speaker_label
from soundbite_tools.voices.likeness import likely_people, name_in

if TYPE_CHECKING:
    from soundbite_tools.library import Library


@dataclass(frozen=True)
class SpeakerLabels:
    """How the speakers of some recordings are called, of those who have names or whose voices are known."""

    labels: Mapping[tuple[str, str], str]
    """By recording and speaker."""
    alone: Mapping[str, str]
    """By recording, where nobody else speaks in it."""

    def of_clip(self, clip: StoredClip) -> str:
        """Return who says most of a clip; empty where one speaks in the recording who has no name."""
        if clip.speaker:
            return self.labels.get((clip.asset_id, clip.speaker)) or speaker_label(clip.speaker)
        return self.alone.get(clip.asset_id, "") if clip.transcript else ""


NO_NAMES = SpeakerLabels({}, {})


class NamedTranscript(StoredTranscript):
    """A transcript in which speakers have their names; a single one who has none is left out."""

    __slots__ = ()

    @property
    def has_speakers(self) -> bool:
        """Whether it says who speaks."""
        return bool(self.speakers)


async def speaker_labels(library: Library, asset_ids: Iterable[str]) -> SpeakerLabels:
    """Return how the speakers of these recordings are called.

    Raises:
        StoreError: the ledger can't be read.
    """
    ids = list(dict.fromkeys(asset_ids))
    speakers = await (await library.ledger()).speakers_of(library.config.platform, ids)
    called = [(one, name) for one in speakers if (name := person_name(one.name, one.speaker))]
    called += [(one.speaker, one.label) for one in await likely_people(library, ids)]
    return SpeakerLabels(
        {(one.asset_id, one.speaker): label for one, label in called},
        {one.asset_id: label for one, label in called if one.is_only},
    )


async def transcript_of_recording(library: Library, asset_id: str) -> NamedTranscript | None:
    """Return what is said in a recording, as it is read: its speakers under their names; None where nothing is known.

    A sentence `[erased]` stands for what was erased.

    Raises:
        StoreError: the ledger can't be read.
    """
    ledger = await library.ledger()
    transcript = await ledger.get_transcript(asset_id, library.config.platform)
    if transcript is None:
        return None
    asset = await ledger.get_asset(asset_id)
    marks = [
        TimedText(value=ERASED_LINE, start_sec=start_sec, end_sec=end_sec)
        for start_sec, end_sec in (asset.erased if asset else ())
    ]
    has_sentences = bool(transcript.sentences or not transcript.words)
    labels = (await speaker_labels(library, [asset_id])).labels
    names = {
        speaker: labels.get((asset_id, speaker), speaker)
        for speaker in transcript.speakers
        if transcript.has_speakers or (asset_id, speaker) in labels
    }

    def named(texts: Iterable[TimedText], *, is_marked: bool) -> tuple[TimedText, ...]:
        called = [replace(text, speaker=names.get(text.speaker, "")) for text in texts]
        return tuple(sorted([*called, *marks], key=attrgetter("start_sec")) if marks and is_marked else called)

    return NamedTranscript(
        asset_id=asset_id,
        source=transcript.source,
        start_sec=transcript.start_sec,
        end_sec=transcript.end_sec,
        words=named(transcript.words, is_marked=not has_sentences),
        sentences=named(transcript.sentences, is_marked=has_sentences),
    )


async def with_speakers_by_name(
    library: Library, where: ClipFilter, present: Sequence[str] | None = None
) -> ClipFilter:
    """Return a filter whose speakers, where somebody is called so, are those people in the recordings they speak in.

    Numbers stay as they are, but for recordings of a single speaker, whose clips don't say who it is. `present` are the
    labels of all speakers, where they were read already.

    Raises:
        StoreError: the ledger can't be read.
    """
    if not where.speakers_any:
        return where
    asked = tuple(map(name_in, where.speakers_any))
    wanted = {folded(speaker_label(label)) for label in asked}
    ledger, source = await library.ledger(), library.config.platform
    if present is None:
        present = await ledger.labels_of_speakers(source)
    meant = [label for label in present if wanted & {folded(label), folded(speaker_label(label))}]
    likely = {one.speaker: one.name for one in await likely_people(library)}
    labels = {one: one.name or speaker_label(one.speaker) for one in await ledger.speakers_called(source, meant)}
    labels |= likely
    known = {folded(label) for label in present if not label.isdigit()}
    others = tuple(label for label in asked if folded(label) not in known)
    pairs = tuple(
        AssetSpeaker(one.asset_id, None if one.is_only else one.speaker)
        for one, label in labels.items()
        if (one.speaker in others and one.is_only) or (one.speaker not in others and folded(label) in wanted)
        if where.asset_ids is None or one.asset_id in where.asset_ids
    )
    return replace(where, speakers_any=None if pairs and not others else others, speakers_in=pairs or None)
