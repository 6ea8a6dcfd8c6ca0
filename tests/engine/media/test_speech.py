"""The recogniser: what it hears in an utterance, and what it is not believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ctranslate2 import StorageView

from soundbite_engine.analysis.listening import listen, passages, plan
from soundbite_engine.analysis.progress import Meter
from soundbite_engine.analysis.work import Work
from soundbite_engine.audio.decode import decode_to_scratch, decoded_blocks
from soundbite_engine.audio.scratch import SPEECH_FILE
from soundbite_engine.audio.spectra import as_floats
from soundbite_engine.errors import EngineError
from soundbite_engine.profiles import base_profile
from soundbite_engine.speech.recognition import (
    _placed,
    is_foreign,
    is_invented,
    is_said_along,
    recognise,
    warnings_about,
    words_of,
)
from soundbite_engine.speech.transcripts import Recognition, Word, transcript
from soundbite_engine.speech.whisper import Phrase, Recogniser
from soundbite_engine.workers.plans import (
    PASSAGE_SEC,
    SAMPLE_RATE_HZ,
    SOUND_FILE,
    TICK_SAMPLES,
    TICK_SEC,
    DecodeReport,
)

# Where somebody speaks in the sample recordings, of two voices and rooms.
SPOKEN = {"standup.flac": (0.0, 3.0), "memos.mp3": (0.0, 2.5)}


def sound_of(path: Path, start_sec: float, end_sec: float) -> np.ndarray:
    return as_floats(np.concatenate(list(decoded_blocks(str(path), start_sec, end_sec))))


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    chosen = base_profile().recogniser
    return Recogniser.load(str(chosen.folder), chosen.language)


def heard(recogniser: Recogniser, sound: np.ndarray) -> list[Phrase]:
    [phrases] = recogniser.phrases([sound])
    return phrases


def test_the_words_of_an_utterance_do_not_depend_on_what_was_heard_before(
    samples: Path, recogniser: Recogniser
) -> None:
    first, second = (sound_of(samples / name, *window) for name, window in SPOKEN.items())
    forwards = [heard(recogniser, first), heard(recogniser, second)]
    backwards = [heard(recogniser, second), heard(recogniser, first)]
    assert all(forwards)
    assert forwards == backwards[::-1]


def test_sounds_that_go_through_side_by_side_have_the_words_and_times_of_each_alone(
    samples: Path, recogniser: Recogniser
) -> None:
    sounds = [sound_of(samples / name, *window) for name, window in SPOKEN.items()]
    sounds.insert(1, np.zeros(SAMPLE_RATE_HZ // 3, np.float32))
    alone, together = [heard(recogniser, sound) for sound in sounds], recogniser.phrases(sounds)
    assert alone[0] != alone[2]
    for one, other in zip(alone, together, strict=True):
        assert [phrase.text for phrase in one] == [phrase.text for phrase in other]
        words = [[word for phrase in found for word in phrase.words] for found in (one, other)]
        for word, again in zip(*words, strict=True):
            assert abs(word.start_sec - again.start_sec) < 0.05


def test_passages_are_encoded_one_after_the_other_with_the_same_numbers(
    recogniser: Recogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    whisper, sizes = recogniser._pipeline.model, []
    network = whisper.model

    def encode(features: Any, *args: Any, **options: Any) -> Any:
        sizes.append(features.shape[0])
        return network.encode(features, *args, **options)

    features = np.random.default_rng(0).normal(size=(2, 80, 3000)).astype(np.float32)
    side_by_side = np.array(network.encode(StorageView.from_array(features)))
    monkeypatch.setattr(whisper, "model", SimpleNamespace(encode=encode, device="cpu", device_index=[0]))
    assert np.array_equal(np.array(whisper.encode(features)), side_by_side)
    assert sizes == [1, 1]


def test_words_come_whole_with_marks_times_and_probabilities(samples: Path, recogniser: Recogniser) -> None:
    sound = sound_of(samples / "standup.flac", 0.0, 6.0)
    words = [word for phrase in heard(recogniser, sound) for word in phrase.words]
    assert [word.value for word in words][:3] == ["Good", "morning", "everyone,"]
    assert all(0.0 <= word.start_sec <= word.end_sec <= 6.0 and 0.0 < word.probability <= 1.0 for word in words)
    assert {word.language for word in words} == {"en"}


def scripted(*phrases: list[SimpleNamespace], language: str = "en") -> Recogniser:
    segments = [SimpleNamespace(words=words, seek=0) for words in phrases]
    return Recogniser(
        SimpleNamespace(transcribe=lambda *_, **__: (iter(segments), SimpleNamespace(language=language))), ""
    )


def piece(word: str, start: float, end: float, probability: float = 0.9) -> SimpleNamespace:
    return SimpleNamespace(word=word, start=start, end=end, probability=probability)


def test_parts_that_the_network_cuts_at_marks_are_one_word() -> None:
    parts = [piece(" $4", 0.0, 0.4), piece(",000", 0.4, 0.9, 0.5), piece(" for", 1.0, 1.2), piece(" John", 1.2, 1.6)]
    [phrase] = scripted([*parts, piece("'s", 1.6, 1.7)]).phrases([np.zeros(32_000, np.float32)])[0]
    assert phrase.words[0] == Word("$4,000", 0.0, 0.9, 0.5, "en")
    assert [word.value for word in phrase.words] == ["$4,000", "for", "John's"]


def test_writing_without_spaces_keeps_its_words_apart() -> None:
    parts = [piece("你", 0.0, 0.4), piece("好", 0.4, 0.9)]
    [phrase] = scripted(parts, language="zh").phrases([np.zeros(16_000, np.float32)])[0]
    assert [word.value for word in phrase.words] == ["你", "好"]


def test_a_word_heard_in_the_silence_behind_a_passage_ends_with_the_passage() -> None:
    [phrase] = heard(scripted([piece(" hello", 3.5, 4.25), piece(" bye", 28.0, 29.5)]), np.zeros(64_000, np.float32))
    assert [(word.start_sec, word.end_sec) for word in phrase.words] == [(3.5, 4.0), (4.0, 4.0)]


def test_what_the_network_writes_in_one_go_is_told_sentence_by_sentence() -> None:
    network = scripted([piece(" Hello.", 0.0, 1.0), piece(" You", 1.1, 1.3), piece(" there?", 1.3, 1.5)])
    assert [phrase.text for phrase in heard(network, np.zeros(160_000, np.float32))] == ["Hello.", "You there?"]


def test_a_folder_that_holds_no_recogniser_fails_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EngineError, match=r"the recogniser in empty can't be loaded"):
        Recogniser.load(str(tmp_path / "empty"), "en")


def said(text: str, probability: float = 0.9) -> Phrase:
    words = text.split()
    return Phrase(tuple(Word(word, at * 0.3, at * 0.3 + 0.3, probability) for at, word in enumerate(words)))


def voice(mean: float) -> np.ndarray:
    return np.full(50, mean, np.float32)


@pytest.mark.parametrize(
    ("phrase", "mean", "invented"),
    [
        (said("We need a train to Leicester."), 0.8, False),
        (said("The links at the end of this page say more.", 0.95), 0.15, False),  # faint, and certain
        (said("Anything next to us?", 0.28), 0.64, False),  # a call: wrong words of a real voice
        (said("No, no, no, no, no, no, no.", 0.95), 0.06, True),  # a dog
        (said("Thank you.", 0.8), 0.39, True),  # a sneeze
        (said("Thank you.", 0.8), 0.9, False),
        (said("We'll see you in the next video.", 0.35), 0.14, True),  # a chainsaw
        (said("ah " * 60, 0.95), 0.9, True),
        (said("."), 0.9, True),
        (said("Fandjune pazub live", 0.2), 0.9, True),
    ],
    ids=lambda value: value.text[:20] if isinstance(value, Phrase) else str(value),
)
def test_words_that_nobody_said_are_refused(phrase: Phrase, mean: float, invented: bool) -> None:
    assert is_invented(phrase, voice(mean), [phrase]) is invented


def test_a_name_alone_over_a_noise_is_no_word_of_a_recogniser_that_was_told_names() -> None:
    name, sure = said("Alisha,", 0.7), said("The plumber will come on Thursday.", 0.95)
    assert not is_invented(name, voice(0.45), [name])
    assert is_invented(name, voice(0.45), [name], is_prompted=True)
    assert not is_invented(name, voice(0.6), [name], is_prompted=True)
    assert not is_invented(name, voice(0.45), [name, sure.later(1.0)], is_prompted=True)
    assert not is_invented(sure, voice(0.45), [sure], is_prompted=True)


def test_a_faint_sentence_counts_beside_one_that_is_surely_said() -> None:
    faint, sure = said("Good morning, Adam.", 0.59), said("The plumber will come on Thursday.", 0.95)
    assert is_invented(faint, voice(0.35), [faint])
    after = sure.later(1.2)
    assert is_said_along(faint, [after])
    assert not is_said_along(faint, [])
    assert not is_said_along(faint, [sure.later(9.0)])
    assert not is_said_along(said("Thank you.", 0.59), [after])
    assert not is_said_along(said("Good morning, Adam.", 0.3), [after])


def test_going_round_in_a_circle_is_no_speech() -> None:
    again = said("we are going to show")
    assert is_invented(again, voice(0.9), [again] * 3)
    assert not is_invented(again, voice(0.9), [again, said("what it is"), again])


def test_a_lot_of_speech_of_which_no_word_is_likely_is_another_language() -> None:
    french = Recognition((), speech_sec=39.0, doubt=97 * 1.12, doubted_words=97)
    english = Recognition((), speech_sec=71.0, doubt=230 * 0.28, doubted_words=230)
    assert is_foreign(french)
    assert is_foreign(Recognition((), speech_sec=20.0))
    assert not is_foreign(english)
    assert not is_foreign(Recognition((), speech_sec=3.0, doubt=9.0, doubted_words=4))
    [warning] = warnings_about(french, "en")
    assert "another language" in warning
    assert "soundbite models pull" in warning
    assert warnings_about(french, "") == ()
    bonjour = Word("bonsure", 0.0, 0.5, 0.3, "en")
    assert [word.language for word in words_of(replace(french, words=(bonjour,)), "en")] == [""]
    assert words_of(replace(english, words=(bonjour,)), "en") == (bonjour,)


def spoken(*parts: tuple[bool, float]) -> np.ndarray:
    return np.concatenate([np.full(round(sec / TICK_SEC), 0.9 if is_speech else 0.0) for is_speech, sec in parts])


def seconds(passage: tuple[tuple[int, int], ...]) -> float:
    return sum(last - first for first, last in passage) / SAMPLE_RATE_HZ


def test_short_utterances_share_a_passage_and_silence_is_left_out() -> None:
    ticks = spoken((True, 4.0), (False, 60.0), (True, 5.0), (False, 60.0), (True, 30.0)).astype(np.float32)
    found = passages(ticks)
    assert len(found) == 2
    assert len(found[0]) >= 2
    assert all(seconds(passage) <= PASSAGE_SEC for passage in found)
    assert sum(map(seconds, found)) < 39.0 + 6 * 0.9


def test_long_speech_is_cut_in_its_pauses() -> None:
    ticks = spoken(*[(True, 4.6), (False, 0.4)] * 20).astype(np.float32)
    cuts = [last / SAMPLE_RATE_HZ for passage in passages(ticks) for _, last in passage][:-1]
    assert cuts
    assert all(cut % 5.0 >= 4.55 or cut % 5.0 <= 0.05 for cut in cuts)


def test_an_hour_is_cut_into_passages_that_are_nearly_full() -> None:
    ticks = spoken(*[(True, 4.6), (False, 0.4)] * 720).astype(np.float32)
    lengths = [seconds(passage) for passage in passages(ticks)]
    assert all(PASSAGE_SEC - 5 <= length <= PASSAGE_SEC for length in lengths[:-1])


def test_silence_has_no_passages() -> None:
    assert passages(np.zeros(1000, np.float32)) == []
    assert passages(np.zeros(0, np.float32)) == []


def test_words_of_a_passage_get_the_times_of_the_source() -> None:
    passage = ((16_000, 48_000), (160_000, 192_000))  # 1 to 3 s, and 10 to 12 s
    words = [Word("one", 0.5, 1.0), Word("two", 2.5, 3.0), Word("across", 1.9, 2.3)]
    placed = {word.value: (word.start_sec, word.end_sec) for word in _placed(words, passage, 100.0)}
    assert placed == {"one": (101.5, 102.0), "two": (110.5, 111.0), "across": (110.0, 110.3)}


@pytest.mark.slow
def test_a_quiet_voice_is_heard(samples: Path, recogniser: Recogniser, noise: Callable[..., np.ndarray]) -> None:
    sound = 0.03 * sound_of(samples / "standup.flac", 0.0, 6.0)
    assert heard(recogniser, sound)[0].text.startswith("Good morning")


@pytest.mark.parametrize(
    ("name", "until_sec", "texts"),
    [
        # It stops at the pause before the second sentence.
        ("standup.flac", 12.0, ["coming at noon", "the new elegant page"]),
        # It begins with the last sentence of a telephone call's first half minute.
        ("workshop-call.opus", 30.0, ["it hardly stops when it rains", "bring it in on Wednesday"]),
    ],
)
def test_what_the_network_leaves_out_is_recognised_by_itself(
    samples: Path, tmp_path: Path, name: str, until_sec: float, texts: list[str]
) -> None:
    report = decode_to_scratch(lambda _: None, str(samples / name), str(tmp_path / SOUND_FILE), 0.0, until_sec)
    listen(lambda _: None, str(tmp_path), 0, -(-report.sample_count // TICK_SAMPLES))
    chosen = base_profile().recogniser
    planned = plan(lambda _: None, str(tmp_path))
    found = recognise(lambda _: None, str(tmp_path), planned, 0.0, str(chosen.folder), chosen.language)
    text = " ".join(word.value for word in found.words)
    assert [part for part in texts if part not in text] == []
    assert [word.start_sec for word in found.words] == sorted(word.start_sec for word in found.words)


def test_what_was_left_out_never_comes_before_the_end_of_the_word_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SOUND_FILE).write_bytes(bytes(2 * 16_000 * 4))
    np.save(tmp_path / SPEECH_FILE, np.ones(4 * 16_000 // TICK_SAMPLES, np.float32))
    # The first sentence ends with a word of no length, inside of a tick; the network stopped there.
    written = [
        [Phrase((Word("At", 0.0, 0.8), Word("the", 0.8, 1.7), Word("shop.", 1.7, 1.7)))],
        [Phrase((Word("Please", 0.0, 0.5), Word("remember.", 0.5, 1.5)))],
    ]
    network = SimpleNamespace(phrases=lambda *_: [written.pop(0)])
    monkeypatch.setattr(Recogniser, "load", lambda *_: network)
    words = recognise(lambda _: None, str(tmp_path), [((0, 64_000),)], 0.0, "", "en").words
    assert transcript(words).text == "At the shop. Please remember."


async def test_the_newest_names_of_a_glossary_go_to_the_recogniser(tmp_path: Path) -> None:
    given: list[Any] = []

    class Pool:
        size = 1

        async def run(self, job: str, *arguments: Any, **_: Any) -> Recognition:
            given.append((job, arguments[-1]))
            return Recognition(())

    glossary = tmp_path / "glossary.txt"
    profile = base_profile().with_glossary(glossary)
    pool: Any = Pool()
    for text in (
        "",
        "# ours\nGiltspur: guilt spur\n\nLeicester\n",
        "\n".join(f"Name{number}" for number in range(999)),
    ):
        if text:
            glossary.write_text(text, encoding="utf-8")
        work = Work(pool, tmp_path, profile, Meter(True, None))
        await work.recognise([((0, 8000),)], DecodeReport(8000, 0.0, 0.5, ()))
    assert [job for job, _ in given] == ["recognise"] * 3
    assert [hotwords for _, hotwords in given[:2]] == ["", "Leicester, Giltspur"]
    assert given[2][1].startswith("Name998, Name997, ")
    assert 550 < len(given[2][1]) <= 600
