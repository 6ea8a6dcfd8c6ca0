"""What people ask, over the text embedder of the install: the passage that answers comes first, or nothing does.

Recordings are written to the store as the engine would embed them, without the sound; questions are embedded by the
profile base.
"""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from running_library import running_library
from tool_calls import classify_clips, name_speaker, search_clips

from soundbite_api import PlatformClient
from soundbite_engine.profiles import Profile, load_profile
from soundbite_engine.sound.sound_blocks import Floats, joined
from soundbite_engine.speech.transcripts import Sentence
from soundbite_engine.text import clip_vectors
from soundbite_store import Asset, Clip, Space, StoredTranscript, TimedText, clip_id_for
from soundbite_tools.errors import QuestionProblem
from soundbite_tools.library import Library, LibraryConfig

pytestmark = pytest.mark.slow
OpenLibrary = Callable[[], AbstractAsyncContextManager[Library]]
SECONDS = 5.0

GARDEN = (
    "When the tomatoes turn red you can pick them.",
    "Water them in the morning, and not when the sun is high.",
    "The beans need a pole where they can climb.",
    "Who has the room should grow pumpkins too.",
)
DENTIST = (
    "Good morning, this is the practice of Doctor Miller.",
    "Your appointment with the dentist is on Friday at half past ten.",
    "A new crown costs four hundred and twenty euros.",
    "Please bring your insurance card, the station is two streets away.",
)
TALK = (
    "I have listened to the doctor's opinion and I do not share it.",
    "My brother's car broke down in the mountains last winter.",
    "We cancelled the neighbours' favourite programme.",
    "The women's team won the race by a second.",
)
FILLERS = (
    "The committee will publish its report on river pollution next spring.",
    "Engineers tested the new turbine in strong wind for a week.",
    "Our museum has opened a gallery with paintings of the eighteenth century.",
    "Flour, butter and sugar are mixed before the milk is added.",
    "The orchestra rehearsed the second symphony until late at night.",
    "A fox crossed the field and disappeared behind the barn.",
    "Software updates are installed while nobody uses the machines.",
    "The ferry to the island leaves from the northern pier.",
)


@pytest.fixture(scope="module")
def base() -> Profile:
    return load_profile("base")


@pytest.fixture
def open_library(tmp_path: Path, base: Profile) -> OpenLibrary:
    """Opens a library whose platform embeds texts as the engine does, and nothing else."""

    def answer(request: httpx.Request) -> httpx.Response:
        text = json.loads(request.content)["text"]["input_text"]
        blocks = ",".join(f"{name}={width}" for name, width in base.blocks.items())
        return httpx.Response(
            200,
            json={"data": [{"embedding": base.embed_text(text).tolist()}]},
            headers={"x-soundbite-space": base.space, "x-soundbite-blocks": blocks},
        )

    @asynccontextmanager
    async def opened() -> AsyncIterator[Library]:
        config = LibraryConfig(home=tmp_path / "home", roots=(tmp_path,), working_folder=tmp_path)
        transport = httpx.MockTransport(answer)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://engine/v1.3") as http,
            running_library(tmp_path, config, PlatformClient(http), None) as library,
        ):
            yield library

    return opened


def sentences(texts: Sequence[str]) -> list[Sentence]:
    return [Sentence(text, at * SECONDS, (at + 1) * SECONDS) for at, text in enumerate(texts)]


@functools.cache
def vectors_of(base: Profile, texts: tuple[str, ...]) -> Floats:
    return joined(None, clip_vectors(base.texts.model, sentences(texts)), base.blocks)


async def speak(library: Library, base: Profile, title: str, texts: Sequence[str], speakers: Sequence[str] = ()) -> str:
    """Write a recording in which these texts are said one after the other, by whom too, and return its id."""
    asset_id = "a_" + title.replace(" ", "").lower().ljust(20, "0")
    spoken = sentences(texts)
    vectors = vectors_of(base, tuple(texts))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    clips = [
        Clip(
            clip_id=clip_id_for(asset_id, sentence.start_sec, sentence.end_sec),
            asset_id=asset_id,
            content_hash=asset_id,
            task_id="t_1",
            title=title,
            source_uri="",
            embedding_option="transcription",
            embedding_scope="clip",
            start_sec=sentence.start_sec,
            end_sec=sentence.end_sec,
            transcript=sentence.value,
            sound_words="",
            tags=(),
            metadata_json="{}",
            segmentation="natural",
            created_at=now,
            vector=vector,
            speaker=speaker,
        )
        for sentence, vector, speaker in zip(spoken, vectors, speakers or [None] * len(texts), strict=True)
    ]
    await (await library.store()).upsert(Space(base.space, base.dimension), clips)
    await (await library.ledger()).put_asset(
        Asset(
            asset_id=asset_id,
            content_hash=asset_id,
            title=title,
            source_uri="",
            source_kind="file",
            size_bytes=1,
            mtime_ns=0,
            duration_sec=len(texts) * SECONDS,
            tags=(),
            metadata_json="{}",
            created_at=now,
        )
    )
    if speakers:
        said = tuple(
            TimedText(value=one.value, start_sec=one.start_sec, end_sec=one.end_sec, speaker=speaker)
            for one, speaker in zip(spoken, speakers, strict=True)
        )
        source = library.config.platform
        await (await library.ledger()).put_transcript(
            StoredTranscript(
                asset_id=asset_id, source=source, start_sec=0.0, end_sec=said[-1].end_sec, words=(), sentences=said
            )
        )
    return asset_id


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("when is the appointment", "appointment"),
        ("what does a crown cost", "four hundred"),
        ("where is the station", "station"),
        ("who is the doctor here", "Miller"),
    ],
)
async def test_the_right_clip_comes_first_and_scores_alike_in_libraries_of_any_size(
    question: str, words: str, open_library: OpenLibrary, base: Profile
) -> None:
    scores = []
    async with open_library() as library:
        dentist = await speak(library, base, "Dentist", DENTIST)
        await speak(library, base, "Garden", GARDEN[:2])
        for others in (0, 3, 30, 240):
            for number in range(others):
                title = f"Other {others} {number}"
                await speak(library, base, title, FILLERS)
            result = await search_clips(library, question, group_by="recording")
            best = result.clips[0]
            assert (best.asset_id, words in best.text) == (dentist, True), others
            assert not best.is_weak
            assert all(clip.is_weak for clip in result.clips if "tomatoes" in clip.text)
            scores.append(best.score)
    assert max(scores) - min(scores) <= 0.01


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("doctor", "the doctor's opinion"),
        ("brother", "My brother's car"),
        ("neighbor", "neighbours' favourite"),
        ("favorite programs", "favourite programme"),
        ("woman team", "women's team"),
    ],
)
@pytest.mark.parametrize("is_alone", [True, False])
async def test_a_word_is_found_in_another_form_whatever_else_is_in_the_library(
    asked: str, words: str, is_alone: bool, open_library: OpenLibrary, base: Profile
) -> None:
    async with open_library() as library:
        await speak(library, base, "Talk", TALK)
        if not is_alone:
            await speak(library, base, "Garden", GARDEN)
        result = await search_clips(library, asked)
    assert words in result.clips[0].text
    assert result.clips[0].score > 0.5
    assert not result.notes


@pytest.mark.parametrize(
    "question",
    [
        "Who won the football match last night?",
        "How do I reset my account password?",
        "laptop battery replacement",
        "When were the pyramids built?",
    ],
)
async def test_a_question_that_nothing_answers_is_told_so_with_two_clips_at_the_most(
    question: str, open_library: OpenLibrary, base: Profile
) -> None:
    async with open_library() as library:
        await speak(library, base, "Garden", GARDEN)
        await speak(library, base, "Dentist", DENTIST)
        result = await search_clips(library, question, top_k=20)
    assert len(result.clips) <= 2
    assert all(clip.is_weak for clip in result.clips)
    assert result.notes[0].startswith("Nothing in the library answers this")
    assert not result.next_cursor


@pytest.mark.parametrize("question", ["sound of a siren", "dog barking", "a chainsaw", "the noise of a helicopter"])
async def test_a_sound_by_name_gets_an_honest_sentence_in_the_profile_that_knows_none(
    question: str, open_library: OpenLibrary, base: Profile
) -> None:
    async with open_library() as library:
        await speak(library, base, "Talk", [*TALK, "The child almost hurt the small dog."])
        result = await search_clips(library, question)
        heard = await search_clips(library, question, modality="sound")
        with pytest.raises(QuestionProblem, match="not know them by name") as problem:
            await search_clips(library, "race", sounds=["siren"])
    assert any("speech, music, silence and loudness only" in note for note in result.notes)
    assert all(clip.matched == "speech" for clip in result.clips)
    assert (heard.clips, "soundbite models pull sounds" in heard.notes[0]) == ([], True)
    assert "soundbite models pull sounds" in problem.value.next_step


async def test_labels_are_topics_and_what_none_fits_is_none_of_these(open_library: OpenLibrary, base: Profile) -> None:
    unfit = [
        ["a complaint", "weather forecast"],
        ["football results", "software for accounting"],
        ["a wedding speech", "stock prices"],
        ["space travel", "a film review"],
    ]
    async with open_library() as library:
        garden = await speak(library, base, "Garden", GARDEN)
        dentist = await speak(library, base, "Dentist", DENTIST)
        result = await classify_clips(library, ["growing vegetables", "a visit at the dentist"], per="asset")
        nothing = [await classify_clips(library, labels, per="asset") for labels in unfit]
    assert {asset.asset_id: asset.label for asset in result.assets} == {
        garden: "growing vegetables",
        dentist: "a visit at the dentist",
    }
    assert [{asset.label for asset in one.assets} for one in nothing] == [{"none of these"}] * len(unfit)
    assert all(len({share.label for share in one.labels}) == len(one.labels) for one in nothing)


async def test_a_question_in_a_conversation_is_answered_by_it_or_by_what_follows_it(
    open_library: OpenLibrary, base: Profile
) -> None:
    async with open_library() as library:
        await speak(library, base, "Call", ["Okay, and the price?", "It will be 37 pounds and 80 pence.", "Perfect."])
        await speak(library, base, "Garden", GARDEN)
        nearest = (await search_clips(library, "How much does it cost?")).clips[:2]
    assert {clip.title for clip in nearest} == {"Call"}
    assert "37 pounds" in " ".join(clip.text for clip in nearest)


COUNCIL = (
    ("1", "The budget for the new bridge is far too high, we can not pay it."),
    ("2", "I think the budget is fine, the bridge pays for itself in ten years."),
    ("1", "Then the school must wait, and parents will be angry."),
    ("2", "The school is old, but its roof was mended in spring."),
)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What did Ann say about the budget?", "far too high"),
        ("What did Bob say about the budget?", "pays for itself"),
        ("Ann's opinion on the school", "parents will be angry"),
        ("what does speaker 2 think about the school", "roof was mended"),
    ],
)
async def test_what_somebody_says_is_answered_by_what_they_say_themselves(
    question: str, words: str, open_library: OpenLibrary, base: Profile
) -> None:
    async with open_library() as library:
        council = await speak(library, base, "Council", [text for _, text in COUNCIL], [who for who, _ in COUNCIL])
        await speak(library, base, "Garden", GARDEN)
        for number, name in (("1", "Ann Miller"), ("2", "Bob")):
            await name_speaker(library, council, number, name)
        result = await search_clips(library, question)
    assert words in result.clips[0].text
    assert len({clip.speaker for clip in result.clips}) == 1
    assert any("is shown, as the question names who speaks" in note for note in result.notes)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Why are they late with the money for the builder when discussing the design of the kitchen?", "builder"),
        ("Which worker waited for money while they were talking about the design of the kitchen?", "wages"),
        ("What did they think of the glass when discussing the design of the kitchen?", "window"),
        ("What did they decide when discussing the design of the kitchen?", "kitchen"),
    ],
)
async def test_the_discussion_in_which_it_was_said_is_no_answer_but_to_a_question_about_nothing_else(
    question: str, words: str, open_library: OpenLibrary, base: Profile
) -> None:
    said = (
        "Let us talk about the design of the kitchen, the drawings are here.",
        "The kitchen is modern, with a long table of oak.",
        "The window is too small for all of us.",
        "We should pay the builder on Friday, as he asked twice.",
        "He has waited for his wages since March.",
        "Then the garden comes next.",
    )
    async with open_library() as library:
        await speak(library, base, "House", said)
        result = await search_clips(library, question)
    assert words in result.clips[0].text


async def test_a_month_that_is_also_a_name_hides_no_better_answer(open_library: OpenLibrary, base: Profile) -> None:
    said = [
        ("1", "She told me that the new designer starts in two weeks, after the report of April is done."),
        ("2", "The designer begins in the morning, thank you, everyone."),
    ]
    question = "What is in the report of April about the designer?"
    async with open_library() as library:
        standup = await speak(library, base, "Standup", [text for _, text in said], [who for who, _ in said])
        before = await search_clips(library, question)
        await name_speaker(library, standup, "2", "April Jones")
        after = await search_clips(library, question)
    assert "designer" in before.clips[0].text
    assert after.notes == ['Others than "April Jones", whom the question names, answer this better.']
    assert [(clip.text, clip.score) for clip in after.clips] == [(clip.text, clip.score) for clip in before.clips]


async def test_where_somebody_says_nothing_that_answers_others_do(open_library: OpenLibrary, base: Profile) -> None:
    async with open_library() as library:
        council = await speak(library, base, "Council", [text for _, text in COUNCIL], [who for who, _ in COUNCIL])
        await speak(library, base, "Garden", GARDEN)
        await name_speaker(library, council, "1", "Ann Miller")
        result = await search_clips(library, "What did Ann say about tomatoes?")
        about = await search_clips(library, "When do I pick tomatoes?")
        unknown = await search_clips(library, "What did Bob say about tomatoes?")
    assert "tomatoes" in result.clips[0].text
    assert unknown.notes == ['Nobody here is called "Bob": all were searched.']
    assert result.notes == ['Nothing that "Ann Miller" says answers this.']
    assert not about.notes
