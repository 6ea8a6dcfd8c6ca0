"""name_speaker: a speaker of a recording gets the name of a person."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from soundbite_tools.errors import QuestionProblem, UnknownId, raises_problems
from soundbite_tools.results import SpeakerNamed
from soundbite_tools.speakers import keep_voices, likely_people, name_in
from soundbite_tools.text import (
    LONGEST_SPEAKER,
    clock_length,
    folded,
    person_name,
    plain_text,
    quoted,
    rounded_sec,
    speaker_in_words,
    speaker_label,
    speakers_of,
)

if TYPE_CHECKING:
    from soundbite_store import Asset, Speaker
    from soundbite_tools.library import Library
    from soundbite_tools.transcript_requests import NameRequest

_MOST_TOLD = 15
_LONGEST_LABEL = 100
_NUMBERED = re.compile(r"(?:speaker\s*)?\d+")


@raises_problems
async def name_speaker(library: Library, request: NameRequest) -> SpeakerNamed:
    """Give a speaker of a recording a name, another one, or none; two speakers of one name are read as one.

    Raises:
        ToolProblem: there is no such recording or speaker, or the name is none.
    """
    ledger, platform = await library.ledger(), library.config.platform
    asset = await ledger.get_asset(request.asset_id)
    if asset is None:
        raise UnknownId(
            f"There is no recording {plain_text(request.asset_id, 100)!r}.",
            "Call list_audio for the ids.",
            code="unknown_asset",
        )
    name = _checked(request.name)
    speakers = await ledger.speakers_of(platform, [asset.asset_id])
    likely = {one.speaker.speaker: one.name for one in await likely_people(library, [asset.asset_id])}
    meant = _meant(speakers, likely, request.speaker)
    also = [one for one in speakers if name and one not in meant and folded(_name_of(one)) == folded(name)]
    name = _name_of(also[0]) if also else name  # read as one, so spelled as one
    if not meant or not await ledger.name_speaker(asset.asset_id, platform, [one.speaker for one in meant], name):
        raise _nobody(asset, speakers, request.speaker)
    if sharing := await library.sharing():
        await sharing.publish(asset.asset_id)
    if name:
        await _enrol(library, asset, meant)
    before = {one.name or likely.get(one.speaker) or speaker_label(one.speaker) for one in meant}
    return SpeakerNamed(
        asset_id=asset.asset_id,
        title=asset.title,
        speaker=name or ", ".join(speaker_label(one.speaker) for one in meant),
        before=", ".join(sorted(before)),
        seconds=rounded_sec(sum(one.seconds for one in (*meant, *also))),
        notes=[_merged(name, [*meant, *also])] if also else [],
    )


async def _enrol(library: Library, asset: Asset, speakers: Sequence[Speaker]) -> None:
    """Keep the voice of who has a name now, where that is wanted, also if it was erased before."""
    if (voices := await library.voices()) is None or library.config.is_read_only:
        return
    platform = library.config.platform
    turns = await (await library.ledger()).turns_of(asset.asset_id, platform)
    for one in speakers:
        await voices.allow(asset.asset_id, turns.get(one.speaker, []))
    kept = {one.speaker: one for one in await voices.of_assets(platform, [asset.asset_id])}
    missing = {one.speaker for one in speakers if one.speaker not in kept or not kept[one.speaker].is_of(one)}
    if missing:
        await keep_voices(library, asset, only=missing)


def _checked(name: str) -> str:
    plain = plain_text(name, LONGEST_SPEAKER)
    if name.strip() and not any(char.isalnum() for char in plain):
        raise QuestionProblem("The name holds no letter.", "Give a name as people write it.", code="name_invalid")
    if _NUMBERED.fullmatch(folded(plain)):
        raise QuestionProblem(
            f"{quoted(plain)} is what a speaker without a name is called.",
            "Give the name of a person, or an empty name to take one away.",
            code="name_invalid",
        )
    return plain


def _meant(speakers: Sequence[Speaker], likely: Mapping[str, str], asked: str) -> list[Speaker]:
    """The speaker of that number, or all who have that name, or else probably are that person."""
    labels = speakers_of([asked])
    by_label = [one for one in speakers if one.speaker in labels]
    name = folded(name_in(plain_text(asked, _LONGEST_LABEL)))
    by_name = [one for one in speakers if name and folded(_name_of(one)) == name]
    return by_label or by_name or [one for one in speakers if folded(likely.get(one.speaker, "")) == name != ""]


def _name_of(speaker: Speaker) -> str:
    return person_name(speaker.name, speaker.speaker)


def _merged(name: str, speakers: Sequence[Speaker]) -> str:
    labels = " and ".join(sorted(speaker_in_words(speaker_label(one.speaker)) for one in speakers))
    return f"{labels} of this recording are read as one: {quoted(name)}."


def _nobody(asset: Asset, speakers: Sequence[Speaker], asked: str) -> QuestionProblem:
    if not speakers:
        return QuestionProblem(
            f"Nobody is told apart in {quoted(asset.title)}: it has no speech, no transcript yet, or was embedded "
            "without speakers.",
            "Embed it again to have them.",
            code="unknown_speaker",
        )
    told = ", ".join(
        f"{speaker_in_words(one.name or speaker_label(one.speaker))} ({clock_length(one.seconds)})"
        for one in sorted(speakers, key=lambda one: -one.seconds)[:_MOST_TOLD]
    )
    return QuestionProblem(
        f"Nobody in {quoted(asset.title)} is called {quoted(plain_text(asked, LONGEST_SPEAKER))}. There are {told}.",
        "Give one of them.",
        code="unknown_speaker",
    )
