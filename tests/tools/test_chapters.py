"""Chapters: borders where the topic changes, and a map that is read in one look."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scripted_platform import ScriptedPlatform
from tool_calls import embed_audio, read_transcript

from soundbite_tools.read.contents import Stretch, borders, telling_words
from soundbite_tools.read.formats import as_markdown
from soundbite_tools.text import tokens

OpenLibrary = Callable[..., Any]


def talk(*topics: int, clips: int = 30, seconds: float = 6.0, spread: float = 0.9) -> list[Stretch]:
    """Clips of some topics one after the other, each a direction with much of its own beside it."""
    dice = np.random.default_rng(4)
    stretches, at = [], 0.0
    for topic in topics:
        centre = np.random.default_rng(topic).normal(size=64)
        for _ in range(clips):
            vector = centre + spread * dice.normal(size=64)
            stretches.append(Stretch(vector / np.linalg.norm(vector), at, at + seconds))
            at += seconds
    return stretches


def test_borders_are_where_the_topic_changes_and_nowhere_else() -> None:
    assert borders(talk(1, 2, 3)) == [0, 30, 60]
    assert borders(talk(1)) == [0]
    assert borders(talk(1, 2, 1, clips=12)) == [0, 12, 24]


def test_four_hours_have_few_chapters_and_none_that_is_short() -> None:
    stretches = talk(*range(200), clips=12)
    firsts = borders(stretches)
    ends = [*firsts[1:], len(stretches)]
    assert 12 < len(firsts) <= 4 + 5 * 4
    assert all(
        stretches[end - 1].end_sec - stretches[first].start_sec >= 30 for first, end in zip(firsts, ends, strict=True)
    )


def test_words_that_tell_are_those_of_one_chapter() -> None:
    budget = ["The budget for advertising.", "That budget is small."]
    first, second = telling_words([budget, ["A customer wants a refund.", "The customer wrote."]])
    assert (next(iter(first)), next(iter(second))) == ("budget", "custom")
    # A word that no English has may be misheard.
    (misheard,) = telling_words([["The steward kept the comatels.", "A steward was paid."]])
    assert next(iter(misheard)) == "steward"


async def test_the_map_of_an_hour_is_about_five_hundred_tokens(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    subjects = ["budget advertising campaign", "customer refund parcel", "river flood bridge", "garden tomato harvest"]
    platform.duration, platform.segment_sec = 3600.0, 6.0
    platform.says = tuple(
        f"now about the {subjects[number // 50 % 4]} and what follows from it {number}" for number in range(600)
    )
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        chapters = await read_transcript(library, task.asset_id, chapters=True)
    assert 8 <= len(chapters.lines) <= 10
    assert all(line.clip_id for line in chapters.lines)
    assert chapters.lines[0].text.startswith("Advertising, budget, campaign: ")
    assert max(tokens(chapters.to_text()), tokens(json.dumps(chapters.model_dump(mode="json")))) < 800
    starts = [line.start_sec for line in chapters.lines]
    assert starts[0] == 0
    assert all(start % 300 == 0 for start in starts)


async def test_a_chapter_that_repeats_no_words_is_called_by_a_sentence_of_it(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.says = (
        "At noon the lift stops for an hour.",
        "The elegant lady lost her umbrella on the platform.",
        "A disk fell from the shelf.",
    )
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        chapters = await read_transcript(library, task.asset_id, chapters=True)
    assert [line.text for line in chapters.lines] == ["The elegant lady lost her umbrella on the platform."]


async def test_a_long_reading_has_paragraphs_under_the_titles_of_its_chapters(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    from soundbite_tools.read.contents import Chapter

    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        ledger = await library.ledger()
        asset, words = await ledger.get_asset(task.asset_id), await ledger.get_transcript(task.asset_id, "scripted")
        words = words or (await ledger.transcripts_of(task.asset_id))[0]
    assert asset is not None
    parts = [Chapter(0.0, 6.0, "River", "", "c_1"), Chapter(6.0, 12.0, "Cake", "", "c_2")]
    text = as_markdown(asset, words, parts)
    paragraphs = text.split("---\n")[-1].strip().split("\n\n")
    assert paragraphs == [
        "## 00:00 River",
        "**00:00** the river is rising",
        "## 00:06 Cake",
        "**00:06** the cake is done",
    ]
