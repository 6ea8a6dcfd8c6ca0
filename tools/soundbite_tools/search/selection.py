"""What is asked and of which clips: the question and the filters, checked, and what they leave to search."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from soundbite_store import ClipFilter, Space
from soundbite_tools.errors import EmptyLibrary, QuestionProblem, UnknownId
from soundbite_tools.search.calibration import calibration_of
from soundbite_tools.search.queries import LONGEST_QUERY, query_vectors
from soundbite_tools.search.words import terms_of
from soundbite_tools.text import count_of, plain_tags, plain_text

if TYPE_CHECKING:
    from soundbite_tools.library import CurrentSpace, Library


Modality = Literal["any", "speech", "sound"]
_LONGEST_SOUND = 60
# A sound that is named in words counts as heard from this strength on.
_LEAST_STRENGTH = 0.5
_MOST_HITS = 1000
_ASSETS_READ = 10_000
_TAGS_NAMED = 15
_LONGEST_ID = 100
# `soundbite-base-2`, `soundbite-full-2-fp32`: what comes behind the number tells builds of one edition apart.
_EDITION = re.compile(r"(?P<engine>[a-z-]+)-(?P<number>\d+)(?P<build>-.+)?")


@dataclass(frozen=True)
class Question:
    """Words, an example, or both, and what the answers must not be like."""

    words: str
    like: str
    without: str
    modality: Modality

    @classmethod
    def checked(cls, query: str, like: str, without: str, modality: Modality) -> Question:
        """Return the question with single spaces.

        Raises:
            QuestionProblem: it is empty or too long.
        """
        words, unwanted = " ".join(query.split()), " ".join(without.split())
        if not words and not like.strip():
            raise QuestionProblem(
                "The question is empty.",
                'Say in query what was said or heard, for example query="what did the doctor say", '
                "or give a clip in like.",
                code="question_empty",
            )
        for text in (words, unwanted):
            if len(text) > LONGEST_QUERY:
                raise QuestionProblem(
                    f"The question is {len(text)} characters long; {LONGEST_QUERY} are taken.", "Ask in fewer words."
                )
        return cls(words, like.strip(), unwanted, modality)


@dataclass(frozen=True)
class Selection:
    """Which clips are looked at: all conditions must hold, empty ones let everything through."""

    asset_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Of the recording, any of them."""
    sounds: tuple[str, ...] = ()
    """Heard in the clip, any of them."""
    start_sec: float = 0.0
    """The clip reaches past this time of its recording."""
    end_sec: float = 0.0
    """The clip begins before this time of its recording; 0 is no limit."""
    min_seconds: float = 0.0
    added_after: datetime | None = None

    @classmethod
    def checked(
        cls,
        *,
        asset_ids: Sequence[str] = (),
        tags: Sequence[str] = (),
        sounds: Sequence[str] = (),
        start_sec: float = 0.0,
        end_sec: float = 0.0,
        min_seconds: float = 0.0,
        added_after: str = "",
    ) -> Selection:
        """Return the filters cleaned.

        Raises:
            QuestionProblem: a time that is not one, or a range that ends before it begins.
        """
        times = (start_sec, end_sec, min_seconds)
        if not all(math.isfinite(value) and value >= 0.0 for value in times) or (end_sec and end_sec <= start_sec):
            raise QuestionProblem(
                f"There is no time from {start_sec:g} to {end_sec:g} s with at least {min_seconds:g} s.",
                "Give start_sec below end_sec (0 is the end), and no negative numbers.",
                code="range_invalid",
            )
        return cls(
            asset_ids=tuple(dict.fromkeys(each.strip() for each in asset_ids if each.strip())),
            tags=plain_tags(tuple(tags)),
            sounds=tuple(dict.fromkeys(word for each in sounds if (word := plain_text(each, _LONGEST_SOUND).lower()))),
            start_sec=start_sec,
            end_sec=end_sec,
            min_seconds=min_seconds,
            added_after=_moment(added_after.strip()) if added_after.strip() else None,
        )

    @property
    def names(self) -> list[str]:
        """The names of the filters that are set."""
        return [field.name for field in fields(self) if getattr(self, field.name)]

    @property
    def where(self) -> ClipFilter:
        """The filter for the store; sounds are no column of it."""
        return ClipFilter(
            asset_ids=self.asset_ids or None,
            tags_any=self.tags or None,
            ends_after_sec=self.start_sec or None,
            starts_before_sec=self.end_sec or None,
            min_seconds=self.min_seconds or None,
            created_after=self.added_after,
        )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as exc:  # the first and the last day may lie outside of what is a date in UTC
        raise QuestionProblem(
            f"{plain_text(text, 40)!r} is not a date.",
            "Give added_after as 2026-01-31 or 2026-01-31T18:00:00Z (UTC where no zone is given).",
            code="date_invalid",
        ) from exc


async def clips_with_sounds(
    library: Library, current: CurrentSpace, where: ClipFilter, sounds: Sequence[str]
) -> tuple[str, ...]:
    """Return the ids of the clips in which any of these sounds is heard, at most 1,000 for each.

    Raises:
        QuestionProblem: none of them is heard in any clip, or can be by this profile.
        PlatformError, StoreError: they could not be asked for.
    """
    found: dict[str, None] = {}
    unknown = []
    for sound in sounds:
        named, heard = await _named(library, current, where, sound), await _heard(library, current, where, sound)
        if heard is None and not named:
            unknown.append(sound)
        found |= dict.fromkeys([*named, *(heard or ())])
    if not found:
        why = " The engine's profile does not know them by name." if len(unknown) == len(sounds) else ""
        raise QuestionProblem(
            f"No clip of this selection has the sound {' or '.join(sounds)}.{why}",
            "Leave sounds out, or name others: plain words such as music, speech, noise, loud, or those that results "
            "show as sounds.",
            code="unknown_sound",
        )
    return tuple(found)


async def _named(library: Library, current: CurrentSpace, where: ClipFilter, sound: str) -> list[str]:
    store = await library.store()
    words = set(terms_of(sound))
    hits = await store.text_search(current.space, sound, where=where, limit=_MOST_HITS)
    return [hit.clip.clip_id for hit in hits if words and words <= set(terms_of(hit.clip.sound_words))]


async def _heard(library: Library, current: CurrentSpace, where: ClipFilter, sound: str) -> list[str] | None:
    vector = (await query_vectors(library, sound)).sound
    if vector is None:
        return None
    store = await library.store()
    audio = replace(where, embedding_option="audio", embedding_scope="clip")
    hits = await store.vector_search(current.space, vector, where=audio, limit=_MOST_HITS)
    strength = calibration_of(current.space.id).text_to_sound
    return [hit.clip.clip_id for hit in hits if strength(hit.score) >= _LEAST_STRENGTH]


@dataclass(frozen=True)
class Searched:
    """The clips a question is put to: at least one."""

    space: Space
    where: ClipFilter
    count: int


async def searched_clips(library: Library, selection: Selection) -> Searched:
    """Return what the filters leave to search.

    Raises:
        EmptyLibrary: nothing has been embedded.
        QuestionProblem, UnknownId: the filters leave nothing.
        PlatformError, StoreError: they could not be asked.
    """
    store, current, where = await library.store(), await library.spaces.current(), selection.where
    space = current.space
    if selection.sounds and await store.has_clips(space, where):
        where = replace(where, clip_ids=await clips_with_sounds(library, current, where, selection.sounds))
    for option in ("audio", "transcription"):
        count = await store.count(space, replace(where, embedding_option=option, embedding_scope="clip"))
        if count:
            return Searched(space, where, count)
    if count := await store.count(space, where):
        return Searched(space, where, count)
    if not await store.count(space):
        await _say_empty(library, space)
    raise await _no_match(library, selection)


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
        held = " and ".join(
            f"{count_of(info.assets, 'recording')} embedded by {maker_of(info.space.id, space.id)} ({info.space.id})"
            for info in others
        )
        raise QuestionProblem(
            f"No recording has vectors of {space.id}, which the platform makes now; there are {held}. "
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


async def _no_match(library: Library, selection: Selection) -> QuestionProblem | UnknownId:
    ledger = await library.ledger()
    for asset_id in selection.asset_ids:
        if await ledger.get_asset(asset_id) is None:
            return UnknownId(
                f"There is no recording {plain_text(asset_id, _LONGEST_ID)!r}.",
                "Call list_audio for the ids.",
                code="unknown_asset",
            )
    if selection.tags and not await _has_clips(library, replace(Selection(), tags=selection.tags)):
        common = Counter(tag for asset in await ledger.list_assets(limit=_ASSETS_READ) for tag in asset.tags)
        known = ", ".join(tag for tag, _ in sorted(common.items(), key=lambda item: (-item[1], item[0]))[:_TAGS_NAMED])
        return QuestionProblem(
            f"No recording has the tag {' or '.join(selection.tags)}.",
            f"Tags in the library: {known}." if known else "The library has no tags; search without them.",
            code="unknown_tag",
        )
    if selection.asset_ids and not await _has_clips(library, replace(Selection(), asset_ids=selection.asset_ids)):
        return await _not_embedded_here(library, selection)
    return QuestionProblem(
        "No clip of the library passes all of these filters together.",
        "Leave some of them out: " + ", ".join(selection.names) + ".",
        code="filters_exclude_all",
    )


async def _not_embedded_here(library: Library, selection: Selection) -> QuestionProblem:
    store, where = await library.store(), replace(Selection(), asset_ids=selection.asset_ids).where
    if held := [info.space.id for info in await store.spaces() if await store.has_clips(info.space, where)]:
        return QuestionProblem(
            f"The recordings named have vectors of {', '.join(held)} only, which can't be compared with those that the "
            "platform makes now.",
            "Call embed_audio with their asset_id to embed them again, or search without asset_ids.",
            code="asset_in_other_space",
        )
    return QuestionProblem(
        "The recordings named have no embeddings yet.",
        "Call get_task for their tasks, or search without asset_ids.",
        code="asset_unready",
    )


async def _has_clips(library: Library, selection: Selection) -> bool:
    store, space = await library.store(), (await library.spaces.current()).space
    return await store.has_clips(space, selection.where)
