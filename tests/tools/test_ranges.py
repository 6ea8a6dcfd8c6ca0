"""Neighbours merge, overlaps collapse, the best comes first."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from soundbite_store import StoredClip, clip_id_for
from soundbite_tools.results import SearchResult
from soundbite_tools.search.ranges import LONGEST_SPEECH_SEC, time_ranges, with_text
from soundbite_tools.search.ranking import Scored
from soundbite_tools.speakers import SpeakerLabels
from soundbite_tools.text import ROOMS


def _scored(
    start: float,
    end: float,
    score: float,
    *,
    asset: str = "a",
    matched: str = "speech",
    words: str = "",
    speaker: str | None = None,
) -> Scored:
    clip = StoredClip(
        clip_id=clip_id_for(asset, start, end),
        asset_id=asset,
        content_hash="h",
        task_id="t",
        title=asset,
        source_uri="",
        embedding_option="transcription",
        embedding_scope="clip",
        start_sec=start,
        end_sec=end,
        transcript=words,
        sound_words="",
        tags=(),
        metadata_json="{}",
        segmentation="natural",
        created_at=datetime.now(UTC),
        speaker=speaker,
    )
    return Scored(clip, score, matched)


def _spans(scored: list[Scored], limit: int = 10) -> list[tuple[str, float, float]]:
    ordered = sorted(scored, key=lambda each: -each.score)
    return [(found.asset_id, found.start_sec, found.end_sec) for found in time_ranges(ordered, limit)]


def test_neighbours_that_answer_nearly_as_well_become_one_range() -> None:
    assert _spans([_scored(0, 5, 0.85), _scored(5.4, 10, 0.9), _scored(10, 15, 0.84)]) == [("a", 0, 15)]


def test_a_sound_may_last_longer_than_an_answer_in_words() -> None:
    heard = [_scored(10.0 * n, 10.0 * n + 10, 0.9, matched="sound") for n in range(4)]
    assert _spans(heard) == [("a", 0, 40)]
    assert len(_spans([each._replace(matched="speech") for each in heard])) == 4


def test_a_neighbour_that_answers_much_worse_stays_apart() -> None:
    assert _spans([_scored(0, 6, 0.9), _scored(6, 12, 0.5)]) == [("a", 0, 6), ("a", 6, 12)]


def test_a_range_grows_by_how_likely_its_neighbour_answers_beside_it() -> None:
    assert _spans([_scored(0, 6, 0.4), _scored(6, 12, 0.3)]) == [("a", 0, 12)]
    assert len(_spans([_scored(0, 6, 0.4), _scored(6, 12, 0.25)])) == 2


def test_clips_with_something_between_them_are_two_answers() -> None:
    assert _spans([_scored(0, 6, 0.9), _scored(10, 14, 0.9)]) == [("a", 0, 6), ("a", 10, 14)]


def test_what_is_said_and_what_is_heard_are_not_merged() -> None:
    assert len(_spans([_scored(0, 6, 0.9), _scored(6, 12, 0.9, matched="sound")])) == 2


def test_clips_of_other_recordings_are_not_neighbours() -> None:
    assert len(_spans([_scored(0, 6, 0.9), _scored(6, 12, 0.9, asset="b")])) == 2


def test_the_same_sound_cut_in_another_way_is_one_answer() -> None:
    assert _spans([_scored(0, 6, 0.9), _scored(1, 7, 0.8), _scored(0, 3, 0.7)]) == [("a", 0, 6)]


def test_a_question_is_shown_with_the_reply_of_another_speaker() -> None:
    asked = _scored(0, 2, 0.9, words="What day exactly?", speaker="1")
    reply = _scored(2.4, 4, 0.2, words="Sunday will be fine.", speaker="2")
    later = _scored(4.2, 6, 0.2, words="Nothing else.", speaker="2")
    assert _spans([asked, reply, later])[0] == ("a", 0, 4)
    told = _scored(0, 2, 0.9, words="It is on that day.", speaker="1")
    assert _spans([told, reply])[0] == ("a", 0, 2)
    same = _scored(2.4, 4, 0.2, words="I mean the dinner.", speaker="1")
    assert _spans([asked, same])[0] == ("a", 0, 2)


def test_what_is_left_out_between_two_clips_shows_in_the_text() -> None:
    clips = [
        _scored(0, 4, 0.9, words="At seven in the evening."),
        _scored(4.3, 8, 0.9, words="Two people."),
        _scored(10, 14, 0.9, words="Is it correct?"),
    ]
    [joined] = time_ranges(clips, 10)
    assert with_text(joined, {}).words() == "At seven in the evening. Two people. … Is it correct?"


def test_who_says_what_stands_before_each_turn_of_a_range_in_which_several_speak() -> None:
    asked = _scored(0, 2, 0.9, words="How much is the ticket?", speaker="1")
    told = _scored(2.4, 4, 0.85, words="Thirty pounds.", speaker="2")
    more = _scored(4.2, 6, 0.85, words="Or forty with a seat.", speaker="2")
    labels = SpeakerLabels({("a", "1"): "Ann"}, {})
    [joined] = time_ranges([asked, told, more], 1)
    result = with_text(joined, {}).result(ROOMS[0], is_detailed=False, labels=labels)
    assert result.speaker == "Ann, Speaker 2"
    assert result.text == "Ann: How much is the ticket? Speaker 2: Thirty pounds. Or forty with a seat."
    assert SearchResult(clips=[result]).to_text().count("Ann") == 1
    [alone] = time_ranges([told, more], 1)
    assert with_text(alone, {}).result(ROOMS[0], is_detailed=False, labels=labels).text == (
        "Thirty pounds. Or forty with a seat."
    )


def test_a_range_does_not_grow_without_end() -> None:
    spans = _spans([_scored(6.0 * n, 6.0 * n + 6, 0.9) for n in range(40)])
    assert all(end - start <= LONGEST_SPEECH_SEC for _, start, end in spans)


def test_no_more_ranges_than_asked_for() -> None:
    assert len(_spans([_scored(10.0 * n, 10.0 * n + 5, 0.9) for n in range(20)], limit=3)) == 3


def test_the_best_clip_of_a_range_names_it() -> None:
    (found,) = time_ranges([_scored(6, 12, 0.9), _scored(0, 6, 0.85)], 5)
    assert found.best.clip.start_sec == 6
    assert [each.clip.start_sec for each in found.clips] == [0, 6]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 20), st.floats(0.2, 1.0), st.sampled_from("ab")),
        max_size=25,
        unique_by=lambda drawn: (drawn[0], drawn[1], drawn[3]),
    )
)
def test_ranges_are_best_first_and_share_at_most_half_of_the_shorter(drawn: list[tuple[int, int, float, str]]) -> None:
    scored = [_scored(start, start + length, score, asset=asset) for start, length, score, asset in drawn]
    ranges = time_ranges(sorted(scored, key=lambda each: -each.score), 50)
    assert [found.best.score for found in ranges] == sorted((found.best.score for found in ranges), reverse=True)
    for index, one in enumerate(ranges):
        for other in ranges[index + 1 :]:
            shared = min(one.end_sec, other.end_sec) - max(one.start_sec, other.start_sec)
            shorter = min(one.end_sec - one.start_sec, other.end_sec - other.start_sec)
            assert one.asset_id != other.asset_id or shared <= shorter / 2
