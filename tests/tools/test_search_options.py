"""The options of search_clips over a scripted platform: examples, both at once, without, filters, pages, turns."""

import base64
import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from scripted_platform import ScriptedPlatform, speech_vector
from tool_calls import embed_audio, get_clip, list_audio, search_clips

from soundbite_store import ClipStore, TimedText
from soundbite_tools.errors import QuestionProblem, SourceProblem, UnknownId
from soundbite_tools.search.ranges import snap_to_sentences

OpenLibrary = Callable[..., Any]


@pytest.fixture
def two_recordings(two_recordings: Callable[..., Any]) -> Callable[..., Any]:
    """The memo speaks of the river too, so that a question finds clips of both."""
    return functools.partial(two_recordings, memo=("the river is cold", "buy milk on the way home"))


async def test_a_sound_that_is_not_in_the_library_is_an_example_and_is_not_kept(
    open_library: OpenLibrary,
    two_recordings: Callable[..., Any],
    write_wav: Callable[..., Path],
    recording: Path,
    platform: ScriptedPlatform,
) -> None:
    async with open_library() as library:
        log, _ = await two_recordings(library)
        kept = set(platform.assets)
        platform.says = ("the river is rising fast",)
        example = write_wav(recording.with_name("example.wav"), 6.0, level=9)
        result = await search_clips(library, like=example.name, modality="speech")
        assert (result.clips[0].asset_id, result.clips[0].start_sec) == (log, 0.0)
        assert set(platform.assets) == kept
        assert (await list_audio(library)).total_assets == 2
        embedded = len(platform.requests)
        await search_clips(library, like=example.name)
        assert len(platform.requests) == embedded
        short = write_wav(recording.with_name("short.wav"), 0.3, level=9)
        inline = base64.b64encode(short.read_bytes()).decode()
        again = await search_clips(library, like=f"data:audio/wav;base64,{inline}", modality="speech")
        assert again.clips == (await search_clips(library, like=short.name, modality="speech")).clips
        assert not list((library.config.home / "inline").iterdir())


async def test_the_file_of_a_recording_in_the_library_stands_for_it(
    open_library: OpenLibrary, two_recordings: Callable[..., Any], recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        log, memo = await two_recordings(library)
        embedded = len(platform.requests)
        by_file = await search_clips(library, like=recording.name)
        by_id = await search_clips(library, like=log)
    assert [clip.clip_id for clip in by_file.clips] == [clip.clip_id for clip in by_id.clips]
    assert {clip.asset_id for clip in by_file.clips} == {memo}
    assert len(platform.requests) == embedded


async def test_clips_are_chosen_by_who_says_them(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.says, platform.speakers = ("the river is rising", "the river is falling"), ("1", "2")
    async with open_library() as library:
        await embed_audio(library, recording.name)
        both = await search_clips(library, "the river", modality="speech")
        second = await search_clips(library, "the river", modality="speech", speakers=["speaker 2"])
        with pytest.raises(QuestionProblem, match="speakers"):
            await search_clips(library, "the river", speakers=["3"])
    assert "Speaker 1" in {name for clip in both.clips for name in clip.speaker.split(", ")}
    assert [(clip.speaker, clip.text) for clip in second.clips] == [("Speaker 2", "the river is falling")]


async def test_clips_are_chosen_by_the_language_spoken_in_them(
    open_library: OpenLibrary, recording: Path, write_wav: Callable[..., Path], platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        platform.language, platform.says = "en", ("the river is rising",)
        await embed_audio(library, recording.name, title="Log")
        platform.language, platform.says = "fr", ("la rivi\u00e8re monte", "et le river aussi")
        french = await embed_audio(library, write_wav(recording.with_name("journal.wav"), 12.0, level=2).name)
        platform.language, platform.says = "", ()
        await embed_audio(library, write_wav(recording.with_name("hum.wav"), 12.0, level=3).name)
        both = await search_clips(library, "river")
        assert {(clip.title, clip.language) for clip in both.clips} >= {("Log", ""), ("journal", "fr")}
        chosen = await search_clips(library, "river", language="FR")
        assert {clip.asset_id for clip in chosen.clips} == {french.asset_id}
        assert "Language: fr" in chosen.to_text()
        # The row of a clip's sound goes with what is said in it.
        by_sound = await search_clips(library, like=french.asset_id, modality="sound", language="en")
        assert {clip.title for clip in by_sound.clips} == {"Log"}
        assert {asset.title: asset.language for asset in (await list_audio(library)).assets} == {
            "Log": "",
            "journal": "fr",
            "hum": "",
        }
        clip = chosen.clips[0]
        assert (await get_clip(library, clip_id=clip.clip_id)).detail.language == "fr"
        with pytest.raises(QuestionProblem) as refused:
            await search_clips(library, "river", language="xx")
        assert (refused.value.code, refused.value.next_step) == (
            "unknown_language",
            "Languages in the library: en, fr.",
        )
        for written in ("fr-CA", "fr_FR", "fre", "fra", "French", "french (Canada)", "FR "):
            assert (await search_clips(library, "river", language=written)).clips == chosen.clips


@pytest.mark.parametrize(
    ("like", "problem"),
    [
        ("/etc/passwd", SourceProblem),
        ("nowhere.wav", SourceProblem),
        ("http://127.0.0.1/a.wav", SourceProblem),
        ("c_0123456789abcdef", UnknownId),
        ("something", UnknownId),
    ],
)
async def test_an_example_keeps_to_the_rules_for_sources(
    like: str, problem: type[Exception], open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        await two_recordings(library)
        with pytest.raises(problem):
            await search_clips(library, like=like)


async def test_a_long_example_is_listened_to_in_part_and_says_so(
    open_library: OpenLibrary,
    two_recordings: Callable[..., Any],
    write_wav: Callable[..., Path],
    recording: Path,
    platform: ScriptedPlatform,
) -> None:
    async with open_library() as library:
        await two_recordings(library)
        long = write_wav(recording.with_name("long.wav"), 40.0, level=9)
        result = await search_clips(library, like=long.name)
        assert await search_clips(library, like=long.name) == result
    assert platform.requests[-1]["end_sec"] == 30.0
    assert "first 30 seconds" in result.notes[0]


async def test_words_and_an_example_together_want_both(
    open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        log, memo = await two_recordings(library)
        milk = (await search_clips(library, "buy milk", modality="speech")).clips[0]
        alone = await search_clips(library, "river")
        both = await search_clips(library, "river", like=milk.clip_id, detail="detailed")
    assert {clip.asset_id for clip in alone.clips if "river" in clip.text} == {log, memo}
    assert milk.clip_id not in {clip.clip_id for clip in both.clips}
    assert any(part.part.startswith("like ") for clip in both.clips for part in clip.parts)


async def test_what_is_not_wanted_sinks(open_library: OpenLibrary, two_recordings: Callable[..., Any]) -> None:
    async with open_library() as library:
        log, memo = await two_recordings(library)
        plain = await search_clips(library, "the river is rising fast", modality="speech")
        without = await search_clips(
            library, "the river is rising fast", without="rising fast", modality="speech", detail="detailed"
        )
        by_id = await search_clips(
            library, "the river is rising fast", without=plain.clips[0].clip_id, modality="speech"
        )
    assert plain.clips[0].asset_id == log
    assert without.clips[0].asset_id == memo
    assert plain.clips[0].clip_id not in {clip.clip_id for clip in by_id.clips[:1]}
    assert without.without == "rising fast"


async def test_one_word_said_in_passing_does_not_take_an_answer_away(
    open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        log, _ = await two_recordings(library)
        plain = await search_clips(library, "the river is rising fast", modality="speech", detail="detailed")
        without = await search_clips(
            library, "the river is rising fast", without="fast", modality="speech", detail="detailed"
        )
    before = next(clip for clip in plain.clips if clip.asset_id == log)
    after = next(clip for clip in without.clips if clip.asset_id == log)
    assert 0.3 * before.score < after.score < 0.7 * before.score


async def test_time_length_and_date_narrow_the_search(
    open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    async with open_library() as library:
        await two_recordings(library)
        early = await search_clips(library, "river milk bridge", end_sec=6.0, top_k=50)
        late = await search_clips(library, "river milk bridge", start_sec=6.0, top_k=50)
        middle = await search_clips(library, "river milk bridge", start_sec=5.0, end_sec=7.0, top_k=50)
        for long_ago in ("2020-01-31", "0500-01-31"):
            assert (await search_clips(library, "river", added_after=long_ago)).clips_searched == 4
        assert (await search_clips(library, "river", min_seconds=7.0)).clips == []
        for nothing in ({"added_after": tomorrow}, {"start_sec": 50.0}):
            with pytest.raises(QuestionProblem, match=next(iter(nothing))):
                await search_clips(library, "river", **nothing)
    assert {clip.start_sec for clip in early.clips} == {0.0}
    assert {clip.start_sec for clip in late.clips} == {6.0}
    assert middle.clips_searched == 4


@pytest.mark.parametrize(
    "given",
    [{"added_after": "yesterday"}, {"start_sec": 5.0, "end_sec": 4.0}, {"cursor": "xyz"}],
)
async def test_filters_that_make_no_sense_are_refused(
    given: dict[str, Any], open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        await two_recordings(library)
        with pytest.raises(QuestionProblem) as problem:
            await search_clips(library, "river", **given)
    assert problem.value.next_step


async def test_sounds_keep_the_clips_in_which_they_are_heard(
    open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        await two_recordings(library)
        heard = await search_clips(library, "river bridge milk", sounds=["alarm"], top_k=50)
        assert heard.clips_searched == 2
        assert {clip.start_sec for clip in heard.clips} == {0.0}
        with pytest.raises(QuestionProblem, match="does not know them by name"):
            await search_clips(library, "river", sounds=["dog"])


async def test_pages_go_on_until_the_end_without_repeats(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.duration, platform.says = 120.0, tuple("river" if n % 2 else f"milk {n}" for n in range(20))
    async with open_library() as library:
        await embed_audio(library, recording.name)
        whole = await search_clips(library, "river", modality="speech", top_k=50)
        seen, cursor = list[str](), ""
        for _ in range(20):
            page = await search_clips(library, "river", modality="speech", top_k=3, cursor=cursor)
            seen += [clip.clip_id for clip in page.clips]
            cursor = page.next_cursor
            if not cursor:
                break
        first = await search_clips(library, "river", modality="speech", top_k=3)
        with pytest.raises(QuestionProblem, match="another search"):
            await search_clips(library, "milk", modality="speech", top_k=3, cursor=first.next_cursor)
    assert seen == [clip.clip_id for clip in whole.clips]
    assert len(seen) == len(set(seen)) >= 10


async def test_weak_answers_are_marked_and_a_question_that_nothing_answers_says_so(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.says = ("river",)
    elsewhere = words_away_from("river")
    async with open_library() as library:
        await embed_audio(library, recording.name)
        sure = await search_clips(library, "river", modality="speech")
        weak = await search_clips(library, f"river {' '.join(elsewhere)}", modality="speech")
        none = await search_clips(library, elsewhere[0], modality="speech")
    assert [clip.is_weak for clip in sure.clips] == [False]
    assert not sure.notes
    assert [clip.is_weak for clip in weak.clips] == [True]
    assert weak.notes == ["Nothing in the library answers this: this is the nearest clip, which hardly does."]
    assert none.clips == []
    assert none.notes == ["Nothing in the library answers this."]


def words_away_from(word: str) -> list[str]:
    """Words of all directions that the script knows but that of this one."""
    found = {tuple(speech_vector(other)): other for other in (f"word{number}" for number in range(100))}
    return [other for vector, other in found.items() if vector != tuple(speech_vector(word))]


async def test_a_detailed_answer_leaves_room_to_listen(
    open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        await two_recordings(library)
        result = await search_clips(library, "nobody saw the bridge move", detail="detailed")
    best = result.clips[0]
    assert best.listen_start_sec < best.start_sec
    assert best.end_sec <= best.listen_end_sec <= 12.0


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        ([(4.0, 9.0), (9.5, 16.0)], (4.0, 9.0)),
        ([(5.0, 7.0), (7.5, 11.0), (11.5, 14.0)], (5.0, 11.0)),
        ([(0.0, 30.0)], (6.0, 12.0)),
        ([(11.5, 14.0)], (6.0, 12.0)),
        ([], (6.0, 12.0)),
    ],
)
def test_a_range_of_fixed_segments_moves_to_the_borders_of_its_sentences(
    sentences: list[tuple[float, float]], expected: tuple[float, float]
) -> None:
    said = [TimedText(value="x", start_sec=start, end_sec=end) for start, end in sentences]
    assert snap_to_sentences(6.0, 12.0, said) == expected


async def test_only_clips_with_all_of_the_exact_words_match(
    open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        await two_recordings(library)
        both = await search_clips(library, "river is", match="words")
        one = await search_clips(library, "rising river", match="words")
        phrase = await search_clips(library, '"is rising" river', match="words")
        turned = await search_clips(library, '"rising is"', match="words")
        stem = await search_clips(library, "rivers", match="words")
    assert {clip.text for clip in both.clips} == {"the river is rising fast", "the river is cold"}
    assert [clip.text for clip in one.clips] == [clip.text for clip in phrase.clips] == ["the river is rising fast"]
    assert not one.notes
    assert all(clip.score > 0.7 for clip in both.clips)
    for nothing in (turned, stem):
        assert nothing.clips == []
        assert "exact" in nothing.notes[0] or "all of these words" in nothing.notes[0]


@pytest.mark.parametrize("number", ["$4,000", "4,000", "4000", '"4,000 now"', "four thousand"])
async def test_an_exact_number_matches_with_a_comma_and_without(
    number: str, open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.says = ("we spend $4,000 now", "we spend 4000 now", "we spend 4 now")
    async with open_library() as library:
        await embed_audio(library, recording.name)
        result = await search_clips(library, number, match="words")
    texts = " ".join(clip.text for clip in result.clips)
    assert all(text in texts for text in ("we spend $4,000 now", "we spend 4000 now"))
    assert "we spend 4 now" not in texts


async def test_grouped_by_recording_each_has_its_best_range(
    open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        log, memo = await two_recordings(library)
        ranges = await search_clips(library, "the river is rising", modality="speech", top_k=50)
        grouped = await search_clips(library, "the river is rising", modality="speech", group_by="recording")
    assert [clip.asset_id for clip in grouped.clips] == [log, memo]
    assert grouped.clips[0] == ranges.clips[0]


@pytest.mark.parametrize(
    ("filters", "titles"),
    [
        ({"title": "LOG river"}, {"River log"}),
        ({"title": "memo"}, {"Memo"}),
        ({"recorded_after": "2001-01-01"}, {"River log", "Memo"}),
    ],
)
async def test_recordings_are_filtered_by_title_and_date(
    filters: dict[str, Any], titles: set[str], open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        await two_recordings(library)
        found = await search_clips(library, "the river is rising", modality="speech", top_k=50, **filters)
    assert {clip.title for clip in found.clips} == titles


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"title": "opera"}, 'No recording has "opera" in its title. The newest titles: "'),
        ({"recorded_after": "2200-01-01"}, "passes this filter. Search without it: recorded_after."),
        (
            {"recorded_after": "2200-01-01", "end_sec": 5.0},
            "passes all of these filters together. Leave some of them out: ",
        ),
    ],
)
async def test_filters_on_recordings_that_nothing_passes_are_named(
    filters: dict[str, Any], told: str, open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        await two_recordings(library)
        with pytest.raises(QuestionProblem) as problem:
            await search_clips(library, "river", **filters)
    assert told in str(problem.value)


async def test_recordings_can_be_left_out(open_library: OpenLibrary, two_recordings: Callable[..., Any]) -> None:
    async with open_library() as library:
        log, memo = await two_recordings(library)
        found = await search_clips(library, "the river is rising", modality="speech", exclude_asset_ids=[log])
    assert {clip.asset_id for clip in found.clips} == {memo}


async def test_what_is_said_around_an_answer_comes_on_request(
    open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        log, _ = await two_recordings(library)
        plain = await search_clips(library, "rising fast", asset_ids=[log], top_k=1)
        wider = await search_clips(library, "rising fast", asset_ids=[log], top_k=1, context_sec=10.0)
    assert plain.clips[0].context == ""
    assert wider.clips[0].text == plain.clips[0].text == "the river is rising fast"
    assert wider.clips[0].context == "the river is rising fast nobody saw the bridge move"


async def test_sounds_and_words_are_asked_for_together(
    open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        await two_recordings(library)
        found = await search_clips(library, "the river is rising", sounds=["alarm"], modality="speech")
    assert found.clips
    assert all(clip.start_sec == 0.0 for clip in found.clips)


async def test_one_search_asks_the_store_three_questions_at_the_most(
    open_library: OpenLibrary, two_recordings: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name in ("vector_search", "text_search", "clips", "embeddings"):
        method = getattr(ClipStore, name)

        def counted(*args: Any, _method: Any = method, _name: str = name, **kwargs: Any) -> Any:
            asked.append(_name)
            return _method(*args, **kwargs)

        monkeypatch.setattr(ClipStore, name, counted)
    async with open_library() as library:
        await two_recordings(library)
        for question in ("the river is rising", "nobody saw it", "alarm", "who said that the bridge moved"):
            asked.clear()
            assert (await search_clips(library, question)).clips
            assert len(asked) <= 3, (question, asked)
