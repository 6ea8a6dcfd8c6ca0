"""Speakers as people call them: the names they gave, in answers, transcripts and filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from soundbite_store import AssetSpeaker, ClipFilter, Speaker, StoredClip, StoredTranscript, TimedText
from soundbite_tools.text import folded, speaker_label

if TYPE_CHECKING:
    from soundbite_tools.library import Library


@dataclass(frozen=True)
class SpeakerLabels:
    """How the speakers of some recordings are called."""

    named: Mapping[tuple[str, str], Speaker]
    """Those with a name, by recording and speaker."""

    def of_clip(self, clip: StoredClip) -> str:
        """Return who says most of a clip; empty where one speaks in the recording who has no name."""
        if clip.speaker:
            return self.of_speaker(clip.asset_id, clip.speaker)
        alone = (one for one in self.named.values() if one.asset_id == clip.asset_id and one.is_only)
        return next((one.name for one in alone), "") if clip.transcript else ""

    def of_speaker(self, asset_id: str, speaker: str) -> str:
        """Return the name of a speaker, else `Speaker 2`."""
        known = self.named.get((asset_id, speaker))
        return known.name if known else speaker_label(speaker)


NO_NAMES = SpeakerLabels({})


class NamedTranscript(StoredTranscript):
    """A transcript in which speakers have the names that people gave them; a single one has one or is left out."""

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
    speakers = await (await library.ledger()).speakers_of(library.config.platform, asset_ids)
    return SpeakerLabels({(one.asset_id, one.speaker): one for one in speakers if one.name})


async def transcript_of_recording(library: Library, asset_id: str) -> NamedTranscript | None:
    """Return what is said in a recording, as it is read: its speakers under their names; None where nothing is known.

    Raises:
        StoreError: the ledger can't be read.
    """
    transcript = await (await library.ledger()).get_transcript(asset_id, library.config.platform)
    if transcript is None:
        return None
    labels = await speaker_labels(library, [asset_id])
    names = {
        speaker: labels.of_speaker(asset_id, speaker) if (asset_id, speaker) in labels.named else speaker
        for speaker in transcript.speakers
        if transcript.has_speakers or (asset_id, speaker) in labels.named
    }

    def named(texts: Iterable[TimedText]) -> tuple[TimedText, ...]:
        return tuple(replace(text, speaker=names.get(text.speaker, "")) for text in texts)

    return NamedTranscript(
        asset_id=asset_id,
        source=transcript.source,
        start_sec=transcript.start_sec,
        end_sec=transcript.end_sec,
        words=named(transcript.words),
        sentences=named(transcript.sentences),
    )


async def with_speakers_by_name(library: Library, where: ClipFilter) -> ClipFilter:
    """Return a filter whose speakers, where somebody is called so, are those people in the recordings they speak in.

    Raises:
        StoreError: the ledger can't be read.
    """
    if not where.speakers_any:
        return where
    wanted = {folded(label): label for label in where.speakers_any}
    named = await (await library.ledger()).named_speakers(library.config.platform)
    people = [one for one in named if folded(one.name) in wanted]
    others = tuple(label for name, label in wanted.items() if name not in {folded(one.name) for one in people})
    pairs = tuple(AssetSpeaker(one.asset_id, None if one.is_only else one.speaker) for one in people)
    return replace(where, speakers_any=others or None if pairs else where.speakers_any, speakers_in=pairs or None)
