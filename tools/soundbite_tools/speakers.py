"""Speakers of recordings: what each is called, and whose voice is like one that has a name."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING

from soundbite_store import (
    AssetSpeaker,
    ClipFilter,
    StoredClip,
    StoredTranscript,
    StoreError,
    TimedText,
    Voice,
    is_same_speaker,
    length_of,
)
from soundbite_tools.embed.params import track_of
from soundbite_tools.errors import QuestionProblem
from soundbite_tools.sources.files import sound_file
from soundbite_tools.sources.local_media import MediaProblem
from soundbite_tools.text import (
    ERASED_LINE,
    LONGEST_SPEAKER,
    folded,
    person_name,
    plain_text,
    quoted,
    speaker_label,
    speakers_of,
)

if TYPE_CHECKING:
    from soundbite_store import Asset, Speaker, Voices
    from soundbite_tools.library import Library

# Voices at least so much alike are probably one person's. Of the calls and readings that speakers are measured on, the
# halves of one person's are .94 to .99 alike, those of two people at most .88 (`bench/speakers.py --voices`).
SAME_VOICE = 0.91
log = logging.getLogger(__name__)


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
            return self.of(clip.asset_id, clip.speaker)
        return self.alone.get(clip.asset_id, "") if clip.transcript else ""

    def of(self, asset_id: str, speaker: str) -> str:
        """Return how a speaker of a recording is called; empty where nobody is given."""
        return self.labels.get((asset_id, speaker)) or (speaker_label(speaker) if speaker else "")


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


@dataclass(frozen=True)
class LikelyPerson:
    """A speaker without a name who probably is somebody with one."""

    speaker: Speaker
    voice: Voice
    name: str
    likeness: float
    """Of the voices, up to 1; no probability."""

    @property
    def label(self) -> str:
        """The name with how sure it is."""
        return f"probably {self.name} ({self.likeness:.2f})".replace("(0.", "(.")


_LABEL = re.compile(r"probably (?P<name>.+) \(1?\.\d\d\)", re.IGNORECASE)


def name_in(label: str) -> str:
    """Return the name in the label of a likely person; any other label as it is."""
    match = _LABEL.fullmatch(label.strip())
    return match["name"] if match else label


async def likely_people(library: Library, asset_ids: Iterable[str] | None = None) -> list[LikelyPerson]:
    """Return the speakers of these recordings, of all by default, who have no name and sound like somebody who has.

    Raises:
        StoreError: the ledger or the voices can't be read.
    """
    if (voices := await library.voices()) is None:
        return []
    likely = await likely_in(library, voices, library.config.platform, asset_ids)
    return [one for one in likely if not person_name("", one.speaker.speaker)]


async def likely_in(
    library: Library, voices: Voices, source: str, asset_ids: Iterable[str] | None = None
) -> list[LikelyPerson]:
    """Return the same by these voices, of the speakers that one source tells apart.

    Raises:
        StoreError: the ledger or the voices can't be read.
    """
    ledger = await library.ledger()
    named = await ledger.named_speakers(source)
    if not named:
        return []
    unnamed = [one for one in await ledger.speakers_of(source, asset_ids) if not one.name]
    where = None if asset_ids is None else {one.asset_id for one in (*named, *unnamed)}
    kept = {(one.asset_id, one.speaker): one for one in await voices.of_assets(source, where)}
    return _likely(_with_voices(unnamed, kept), _with_voices(named, kept))


async def likenesses(library: Library, like: str, asset_ids: Sequence[str]) -> dict[tuple[str, str], float]:
    """Return how like the voice of somebody all others are, by recording and speaker; without the own ones.

    Raises:
        QuestionProblem: voices are not kept, or none of whom `like` names, in these recordings or in all.
        StoreError: the ledger or the voices can't be read.
    """
    import numpy as np

    voices = await library.voices()
    if voices is None:
        raise QuestionProblem(
            "Voices are not kept here.", "SOUNDBITE_VOICES=on keeps them, if the user wants that.", code="voices_off"
        )
    ledger, source = await library.ledger(), library.config.platform
    speakers = await ledger.speakers_of(source)
    pairs = _with_voices(speakers, {(one.asset_id, one.speaker): one for one in await voices.of_assets(source)})
    labels, name = speakers_of([like]), folded(name_in(like))
    own = [
        (one, voice)
        for one, voice in pairs
        if folded(person_name(one.name, one.speaker)) == name != ""
        or (len(asset_ids) == 1 and one.asset_id == asset_ids[0] and one.speaker in labels)
    ]
    if not own:
        raise QuestionProblem(
            f"No voice of {quoted(plain_text(like, LONGEST_SPEAKER))} is kept; who speaks for less than 3 s has none.",
            "Give a name, or a speaker's number with the one asset_id.",
            code="unknown_speaker",
        )
    target = np.stack([voice.vector for _, voice in own])
    mine = {(one.asset_id, one.speaker) for one, _ in own}
    return {
        (one.asset_id, one.speaker): float((target @ voice.vector).max())
        for one, voice in pairs
        if (one.asset_id, one.speaker) not in mine
    }


def _with_voices(speakers: Sequence[Speaker], kept: dict[tuple[str, str], Voice]) -> list[tuple[Speaker, Voice]]:
    pairs = ((one, kept.get((one.asset_id, one.speaker))) for one in speakers)
    # Where the speakers were counted anew since, the voice under a number may be another's.
    return [(one, voice) for one, voice in pairs if voice and voice.is_of(one)]


def _likely(unnamed: Sequence[tuple[Speaker, Voice]], named: Sequence[tuple[Speaker, Voice]]) -> list[LikelyPerson]:
    import numpy as np

    if not unnamed or not named:
        return []
    alike = np.stack([voice.vector for _, voice in unnamed]) @ np.stack([voice.vector for _, voice in named]).T
    there = {(one.asset_id, folded(one.name)) for one, _ in named}
    likely = []
    for (speaker, voice), row in zip(unnamed, alike, strict=True):
        # Whom a person has found in the recording already is not its other speaker.
        others = [at for at, (one, _) in enumerate(named) if (speaker.asset_id, folded(one.name)) not in there]
        best = max(others, key=lambda at: row[at], default=None)
        if best is not None and row[best] >= SAME_VOICE:
            likely.append(LikelyPerson(speaker, voice, named[best][0].name, float(row[best])))
    return likely


async def keep_voices(library: Library, asset: Asset, *, only: Collection[str] | None = None) -> None:
    """Keep the voice of each speaker of a recording, or of some, unless that is not wanted or the voice was erased.

    A recording whose sound is not on this machine has none; nothing is raised for what can't be heard or kept.
    """
    try:
        voices = await library.voices()
        if voices is None or library.config.is_read_only:
            return
        ledger, platform = await library.ledger(), library.config.platform
        turns, erased = await ledger.turns_of(asset.asset_id, platform), await voices.erased_spans(asset.asset_id)
        if (source := await sound_file(library, asset)) is None:
            return
        heard: list[Voice] = []
        for speaker, spans in turns.items():
            if (only is not None and speaker not in only) or any(is_same_speaker(spans, other) for other in erased):
                continue
            vector = await library.media_reader.voice(source, spans, track_of(asset))
            if vector is not None:
                heard.append(Voice(asset.asset_id, platform, speaker, length_of(spans), spans[0][0], vector))
        await voices.put(asset.asset_id, platform, heard, only=only)
        if await ledger.get_asset(asset.asset_id) is None:  # removed while it was heard
            await voices.erase_asset(asset.asset_id)
    except (MediaProblem, StoreError) as exc:
        log.warning("The voices of %s are not kept: %s", asset.asset_id, exc)
