"""How speakers sound: their voices, kept where that is wanted, and whose voice it probably is."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soundbite_store import StoreError, Voice, is_same_speaker, length_of
from soundbite_tools.embed.params import track_of
from soundbite_tools.errors import QuestionProblem
from soundbite_tools.sources.files import sound_file
from soundbite_tools.sources.local_media import MediaProblem
from soundbite_tools.text import LONGEST_SPEAKER, folded, person_name, plain_text, quoted, speakers_of

if TYPE_CHECKING:
    from soundbite_store import Asset, Speaker, Voice, Voices
    from soundbite_tools.library import Library

# Voices at least so much alike are probably one person's. Of the calls and readings that speakers are measured on, the
# halves of one person's are .94 to .99 alike, those of two people at most .88 (`bench/speakers.py --voices`).
SAME_VOICE = 0.91
log = logging.getLogger(__name__)


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
