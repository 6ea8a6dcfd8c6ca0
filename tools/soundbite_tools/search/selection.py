"""Which clips a question is put to: those of the platform's space that the filters let through."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from soundbite_store import ClipFilter, Space
from soundbite_tools.errors import EmptyLibrary, QuestionProblem, UnknownId
from soundbite_tools.requests import Filters
from soundbite_tools.search.calibration import calibration_of, knows_sound_names
from soundbite_tools.search.queries import query_vectors
from soundbite_tools.search.words import terms_of
from soundbite_tools.speakers import with_speakers_by_name
from soundbite_tools.text import count_of, folded, person_name, plain_text, quoted, speaker_in_words, speaker_label

if TYPE_CHECKING:
    from soundbite_tools.library import CurrentSpace, Library


# A sound that is named in words counts as heard from this strength on.
_LEAST_STRENGTH = 0.5
_MOST_HITS = 1000
_ASSETS_READ = 10_000
_TAGS_NAMED = 15
_TITLES_NAMED = 5
_LONGEST_ID = 100
# `soundbite-base-2`, `soundbite-full-2-fp32`: what comes behind the number tells builds of one edition apart.
_EDITION = re.compile(r"(?P<engine>[a-z-]+)-(?P<number>\d+)(?P<build>-.+)?")


async def clips_with_sounds(
    library: Library, current: CurrentSpace, where: ClipFilter, sounds: Sequence[str]
) -> tuple[str, ...]:
    """Return the ids of the clips in which any of these sounds is heard, at most 1,000 for each.

    Raises:
        QuestionProblem: none of them is heard in any clip, or can be by this profile.
        PlatformError, StoreError: they could not be asked for.
    """
    clip_ids: dict[str, None] = {}
    unknown = []
    for sound in sounds:
        by_words = await _by_words(library, current, where, sound)
        by_vector = await _by_vector(library, current, where, sound)
        if by_vector is None and not by_words:
            unknown.append(sound)
        clip_ids |= dict.fromkeys([*by_words, *(by_vector or ())])
    if not clip_ids:
        is_unknown = len(unknown) == len(sounds)
        why = " The engine's profile does not know them by name." if is_unknown else ""
        can_learn = is_unknown and not knows_sound_names(current.space.id)
        raise QuestionProblem(
            f"No clip of this selection has the sound {' or '.join(sounds)}.{why}",
            "This profile (base) tells speech, music, silence and loudness only: leave sounds out, or have 521 sounds "
            "told by name with `pip install 'soundbite[sounds]'` and `soundbite models pull sounds`."
            if can_learn
            else "Leave sounds out, or name others: plain words such as music, speech, loud, or those that results "
            "show as sounds.",
            code="unknown_sound",
        )
    return tuple(clip_ids)


async def _by_words(library: Library, current: CurrentSpace, where: ClipFilter, sound: str) -> list[str]:
    store = await library.store()
    words = set(terms_of(sound))
    hits = await store.text_search(current.space, sound, where=where, limit=_MOST_HITS)
    return [hit.clip.clip_id for hit in hits if words and words <= set(terms_of(hit.clip.sound_words))]


async def _by_vector(library: Library, current: CurrentSpace, where: ClipFilter, sound: str) -> list[str] | None:
    vector = (await query_vectors(library, sound)).sound
    if vector is None:
        return None
    store = await library.store()
    audio = replace(where, embedding_option="audio", embedding_scope="clip")
    hits = await store.vector_search(current.space, vector, where=audio, limit=_MOST_HITS)
    strength = calibration_of(current.space.id).text_to_sound
    return [hit.clip.clip_id for hit in hits if strength(hit.score) >= _LEAST_STRENGTH]


@dataclass(frozen=True)
class Selection:
    """The clips a question is put to: at least one."""

    space: Space
    where: ClipFilter
    count: int
    notes: tuple[str, ...] = ()


async def select_clips(library: Library, filters: Filters) -> Selection:
    """Return what the filters leave to search.

    Raises:
        EmptyLibrary: nothing has been embedded.
        QuestionProblem, UnknownId: the filters leave nothing.
        PlatformError, StoreError: they could not be asked.
    """
    store, current, where = await library.store(), await library.spaces.current(), await _where(library, filters)
    space = current.space
    if filters.is_of_recordings:
        where = replace(where, asset_ids=await _recordings(library, filters))
    if filters.sounds and await store.has_clips(space, where):
        where = replace(where, clip_ids=await clips_with_sounds(library, current, where, filters.sounds))
    for option in ("audio", "transcription"):
        count = await store.count(space, replace(where, embedding_option=option, embedding_scope="clip"))
        if count:
            break
    if count := count or await store.count(space, where):
        unknown = await _unknown_speakers(library, filters) if len(filters.speakers) > 1 else []
        return Selection(space, where, count, tuple(f"Nobody is called {quoted(name)}." for name in unknown))
    if not await store.count(space):
        await _say_empty(library, space)
    raise await _no_match(library, filters)


async def _recordings(library: Library, filters: Filters) -> tuple[str, ...]:
    """The recordings that pass the filters on recordings, of those that are asked for."""
    assets = await (await library.ledger()).list_assets(limit=_ASSETS_READ)
    asked, words, earliest = set(filters.asset_ids), folded(filters.title).split(), filters.earliest
    return tuple(
        asset.asset_id
        for asset in assets
        for title in (folded(asset.title),)
        if (not asked or asset.asset_id in asked)
        and all(word in title for word in words)
        and (earliest is None or (asset.mtime_ns and datetime.fromtimestamp(asset.mtime_ns / 1e9, UTC) > earliest))
    )


async def _where(library: Library, filters: Filters) -> ClipFilter:
    return await with_speakers_by_name(library, ClipFilter(**filters.conditions()))


async def _unknown_speakers(library: Library, filters: Filters) -> list[str]:
    """The labels of a filter that nobody has, in any recording."""
    speakers = filters.speakers
    return [speaker_label(one) for one in speakers if not await _has_clips(library, Filters(speakers=(one,)))]


async def _no_such_speaker(library: Library, filters: Filters) -> QuestionProblem:
    seconds: dict[str, float] = defaultdict(float)
    named = set[str]()
    for one in await (await library.ledger()).speakers_of(library.config.platform):
        label = speaker_in_words(one.name or speaker_label(one.speaker))
        seconds[label] += one.seconds
        named |= {label} if person_name(one.name, one.speaker) else set()
    there = ", ".join(sorted(seconds, key=lambda label: (label not in named, -seconds[label]))[:_TAGS_NAMED])
    return QuestionProblem(
        f"Nobody is called {' or '.join(quoted(speaker_label(label)) for label in filters.speakers)}. "
        + (f"There are {there}." if there else "No speakers are known."),
        "list_speakers says in which recordings." if there else "Search without speakers.",
        code="unknown_speaker",
    )


def maker_of(other: str, current: str) -> str:
    """Return who made the vectors of another space, in words, seen from the current one."""
    theirs, ours = _EDITION.fullmatch(other), _EDITION.fullmatch(current)
    if theirs and ours and theirs["engine"] == ours["engine"] and int(theirs["number"]) < int(ours["number"]):
        return "an earlier edition of the engine"
    return "another engine or profile"


async def _say_empty(library: Library, space: Space) -> None:
    store, ledger = await library.store(), await library.ledger()
    others = [info for info in await store.spaces() if info.clips and info.space != space]
    if others:
        elsewhere = " and ".join(
            f"{count_of(info.assets, 'recording')} embedded by {maker_of(info.space.id, space.id)} ({info.space.id})"
            for info in others
        )
        raise QuestionProblem(
            f"No recording has vectors of {space.id}, which the platform makes now; there are {elsewhere}. "
            "Vectors of different spaces can't be compared.",
            "`soundbite reembed` on the command line embeds them all again, embed_audio one of them; or go back to the "
            "engine or profile that made them.",
            code="space_empty",
        )
    if pending := [task for task in await ledger.unfinished_tasks() if task.platform == library.config.platform]:
        raise QuestionProblem(
            "The first recordings are still being embedded, so there is nothing to search yet.",
            f'Call get_task(task_id="{pending[0].task_id}", wait_seconds=20) and search when it is ready.',
            code="library_pending",
        )
    raise EmptyLibrary


async def _no_match(library: Library, filters: Filters) -> QuestionProblem | UnknownId:
    ledger = await library.ledger()
    for asset_id in filters.asset_ids:
        if await ledger.get_asset(asset_id) is None:
            return UnknownId(
                f"There is no recording {plain_text(asset_id, _LONGEST_ID)!r}.",
                "Call list_audio for the ids.",
                code="unknown_asset",
            )
    if filters.tags and not await _has_clips(library, Filters(tags=filters.tags)):
        common = Counter(tag for asset in await ledger.list_assets(limit=_ASSETS_READ) for tag in asset.tags)
        known = ", ".join(tag for tag, _ in sorted(common.items(), key=lambda item: (-item[1], item[0]))[:_TAGS_NAMED])
        return QuestionProblem(
            f"No recording has the tag {' or '.join(filters.tags)}.",
            f"Tags in the library: {known}." if known else "The library has no tags; search without them.",
            code="unknown_tag",
        )
    if filters.speakers and not await _has_clips(library, Filters(speakers=filters.speakers)):
        return await _no_such_speaker(library, filters)
    if filters.language and not await _has_clips(library, Filters(language=filters.language)):
        counts = Counter(asset.language for asset in await ledger.list_assets(limit=_ASSETS_READ) if asset.language)
        there = ", ".join(sorted(counts, key=lambda language: (-counts[language], language))[:_TAGS_NAMED])
        return QuestionProblem(
            f"Nothing is said in the language {plain_text(filters.language, _LONGEST_ID)}.",
            f"Languages in the library: {there}." if there else "No languages are known; search without language.",
            code="unknown_language",
        )
    if filters.asset_ids and not await _has_clips(library, Filters(asset_ids=filters.asset_ids)):
        return await _not_embedded_here(library, filters)
    if filters.title and not await _recordings(library, Filters(title=filters.title)):
        titles = [quoted(asset.title) for asset in await ledger.list_assets(limit=_TITLES_NAMED)]
        return QuestionProblem(
            f"No recording has {quoted(plain_text(filters.title, _LONGEST_ID))} in its title.",
            f"The newest titles: {', '.join(titles)}; list_audio shows all.",
            code="unknown_title",
        )
    is_only = len(filters.names) == 1
    return QuestionProblem(
        f"No clip of the library passes {'this filter' if is_only else 'all of these filters together'}.",
        f"{'Search without it' if is_only else 'Leave some of them out'}: {', '.join(filters.names)}.",
        code="filters_exclude_all",
    )


async def _not_embedded_here(library: Library, filters: Filters) -> QuestionProblem:
    store, where = await library.store(), ClipFilter(asset_ids=filters.asset_ids)
    if spaces := [info.space.id for info in await store.spaces() if await store.has_clips(info.space, where)]:
        return QuestionProblem(
            f"The recordings named have vectors of {', '.join(spaces)} only, which can't be compared with those that "
            "the platform makes now.",
            "Call embed_audio with their asset_id to embed them again, or search without asset_ids.",
            code="asset_in_other_space",
        )
    return QuestionProblem(
        "The recordings named have no embeddings yet.",
        "Call get_task for their tasks, or search without asset_ids.",
        code="asset_unready",
    )


async def _has_clips(library: Library, filters: Filters) -> bool:
    store, space = await library.store(), (await library.spaces.current()).space
    return await store.has_clips(space, await _where(library, filters))
