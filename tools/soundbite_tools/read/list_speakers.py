"""list_speakers: who speaks in which recordings, and for how long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from soundbite_tools.errors import raises_problems
from soundbite_tools.results import Appearance, SpeakerEntry, SpeakerListing
from soundbite_tools.speakers import LikelyPerson, likely_people, likenesses
from soundbite_tools.text import (
    Room,
    first_that_fits,
    folded,
    person_name,
    plain_text,
    rounded_sec,
    shorten,
    speaker_label,
)

if TYPE_CHECKING:
    from soundbite_store import Asset, Speaker
    from soundbite_tools.library import Library
    from soundbite_tools.transcript_requests import SpeakersRequest

_ASSETS_READ = 100_000
_MOST_APPEARANCES = 20
_Key = tuple[str, str]


@raises_problems
async def list_speakers(library: Library, request: SpeakersRequest) -> SpeakerListing:
    """Return one page of the speakers: people with a name first, who speaks most before the others; then the rest.

    With `like` those with a voice, the most like it first.

    Raises:
        ToolProblem: the ledger can't be read.
    """
    ledger = await library.ledger()
    assets = {asset.asset_id: asset for asset in await ledger.list_assets(limit=_ASSETS_READ)}
    asked = request.asset_ids if request.asset_ids and not request.like else None
    speakers = [one for one in await ledger.speakers_of(library.config.platform, asked) if one.asset_id in assets]
    likely = {_key(one.speaker): one for one in await likely_people(library, asked)}
    speakers = [_called(one, likely) for one in speakers]
    groups = [group for group in _groups(speakers, list(assets)) if _is_called(group, request.name)]
    alike = {key: person.likeness for key, person in likely.items()}
    if request.like:
        alike = await likenesses(library, request.like, request.asset_ids)
        groups = [near for group in groups if (near := [one for one in group if _key(one) in alike])]
        groups.sort(key=lambda group: -max(alike[_key(one)] for one in group))
    first = (request.page - 1) * request.page_limit
    page = groups[first : first + request.page_limit]
    left = max(0, len(groups) - first - len(page))

    def answer(room: Room) -> SpeakerListing:
        return SpeakerListing(
            speakers=[_entry(group, assets, room, alike) for group in page],
            total_speakers=len(groups),
            next_step=_next_step(groups, left, request),
        )

    return first_that_fits(answer)


def _groups(speakers: Sequence[Speaker], newest_first: Sequence[str]) -> list[list[Speaker]]:
    """The speakers of one name together, the others each alone."""
    people: dict[str, list[Speaker]] = defaultdict(list)
    for one in speakers:
        if one.name:
            people[folded(one.name)].append(one)
    places = {asset_id: place for place, asset_id in enumerate(newest_first)}
    others = sorted((one for one in speakers if not one.name), key=lambda one: (places[one.asset_id], -one.seconds))
    named = sorted(people.values(), key=lambda group: (-_seconds(group), folded(group[0].name)))
    return [*named, *([one] for one in others)]


def _seconds(group: Sequence[Speaker]) -> float:
    return sum(one.seconds for one in group)


def _is_called(group: Sequence[Speaker], name: str) -> bool:
    label = group[0].name or speaker_label(group[0].speaker)
    return folded(name.strip()) in folded(label)


def _key(speaker: Speaker) -> _Key:
    return (speaker.asset_id, speaker.speaker)


def _called(speaker: Speaker, likely: dict[_Key, LikelyPerson]) -> Speaker:
    """A speaker under the name of who it is, or probably is."""
    person = likely.get(_key(speaker))
    return replace(speaker, name=person.name if person else person_name(speaker.name, speaker.speaker))


def _entry(group: Sequence[Speaker], assets: dict[str, Asset], room: Room, alike: dict[_Key, float]) -> SpeakerEntry:
    seconds: dict[str, float] = defaultdict(float)
    likeness: dict[str, float] = {}
    for one in group:
        seconds[one.asset_id] += one.seconds
        if _key(one) in alike:
            likeness[one.asset_id] = max(likeness.get(one.asset_id, 0.0), round(alike[_key(one)], 2))
    order = sorted(seconds, key=lambda asset_id: -seconds[asset_id])
    return SpeakerEntry(
        name=group[0].name or speaker_label(group[0].speaker),
        is_named=bool(group[0].name),
        seconds=rounded_sec(_seconds(group)),
        recording_count=len(seconds),
        recordings=[
            Appearance(
                asset_id=asset_id,
                title=shorten(plain_text(assets[asset_id].title, room.title), room.title),
                seconds=rounded_sec(seconds[asset_id]),
                likeness=likeness.get(asset_id, 0.0),
            )
            for asset_id in order[: min(_MOST_APPEARANCES, room.entries)]
        ],
    )


def _next_step(groups: Sequence[Sequence[Speaker]], left: int, request: SpeakersRequest) -> str:
    if left:
        return f"{left} more: call list_speakers with page={request.page + 1}."
    if groups:
        return ""
    if request.name:
        return "Nobody is called that: without name, list_speakers shows all."
    return "No speakers are known: embed recordings in which somebody speaks."
