"""What the sound block knows: plain words find the right sounds, and like sounds lie near each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from soundbite_engine.sound.sound_blocks import PROPERTIES, properties_in, sound_block
from soundbite_engine.sound.sound_blocks import property_block as text_block

RATE_HZ = 16_000


@pytest.fixture
def sounds(tone: Callable, noise: Callable, silence: Callable) -> dict[str, np.ndarray]:
    ticking = silence(6.0)
    for at in range(0, ticking.size, RATE_HZ // 2):
        ticking[at : at + 160] = noise(0.01, level=0.4, seed=at)
    chord = sum(tone(6.0, hz=hz, level=0.08) for hz in (220, 277, 330, 440, 554, 660, 880))
    melody = np.concatenate(
        [chord[: RATE_HZ * 3], sum(tone(3.0, hz=hz, level=0.1) for hz in (196, 247, 294, 392, 588))]
    )
    motor = sum(tone(6.0, hz=hz, level=0.1) for hz in (180, 270, 405, 540, 810, 1350))
    knock = silence(6.0)
    knock[48_000:48_400] = noise(0.025, level=0.5, seed=1)
    return {
        "silence": silence(6.0),
        "noise": noise(6.0, level=0.1),
        "loud noise": noise(6.0, level=0.4),
        "quiet noise": noise(6.0, level=0.002),
        "beep": tone(6.0, hz=1000.0),
        "ticking": ticking,
        "music": melody,
        "motor": motor,
        "knock": knock,
        "rumble": np.convolve(noise(6.0, level=0.5), np.ones(200) / 200, mode="same").astype(np.float32) * 3,
    }


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("silence", "silence"),
        ("loud noise", "loud noise"),
        ("quiet", "quiet noise"),
        ("a beep", "beep"),
        ("rhythmic ticking", "ticking"),
        ("music", "music"),
        ("low rumble", "rumble"),
    ],
)
def test_plain_words_rank_the_right_sound_first(query: str, best: str, sounds: dict[str, np.ndarray]) -> None:
    asked = text_block(query)
    scores = {name: float(sound_block(sound, 0.0) @ asked) for name, sound in sounds.items()}
    assert max(scores, key=scores.__getitem__) == best, scores


def test_a_knock_is_found_among_sounds_without_attacks(sounds: dict[str, np.ndarray]) -> None:
    asked = text_block("a knock")
    scores = {name: float(sound_block(sound, 0.0) @ asked) for name, sound in sounds.items() if name != "ticking"}
    assert max(scores, key=scores.__getitem__) == "knock"


def test_a_motor_that_holds_its_chord_is_not_music(sounds: dict[str, np.ndarray]) -> None:
    asked = text_block("music")
    assert sound_block(sounds["music"], 0.0) @ asked > 0.2
    assert sound_block(sounds["motor"], 0.0) @ asked < 0.05


def test_a_knock_is_found_over_the_soft_noise_of_a_room(noise: Callable) -> None:
    room, asked = noise(6.0, level=0.003, seed=2), text_block("knocking")
    knocked = room.copy()
    knocked[48_000:48_800] += noise(0.05, level=0.3, seed=1)
    assert sound_block(knocked, 0.0) @ asked > sound_block(room, 0.0) @ asked + 0.15


def test_a_voice_that_begins_at_the_end_of_a_silence_is_no_knock(noise: Callable) -> None:
    cut_short = noise(3.0, level=0.0005, seed=2)
    cut_short[-800:] += noise(0.05, level=0.3, seed=1)
    assert sound_block(cut_short, 0.0) @ text_block("knocking") < 0.05


def test_speech_is_found_by_what_voice_activity_says(noise: Callable) -> None:
    sound = noise(6.0)
    asked = text_block("someone talking")
    assert sound_block(sound, 0.9) @ asked > sound_block(sound, 0.0) @ asked + 0.3


def test_blocks_are_unit_vectors_whatever_the_sound(sounds: dict[str, np.ndarray]) -> None:
    for sound in [*sounds.values(), np.zeros(10, np.float32), np.ones(700, np.float32), -np.ones(90_000, np.float32)]:
        block = sound_block(sound, 0.0)
        assert block.shape == (128,)
        assert block.dtype == np.float32
        assert np.linalg.norm(block) == pytest.approx(1.0, abs=1e-4)


def test_a_sound_is_most_like_another_take_of_itself(noise: Callable, sounds: dict[str, np.ndarray]) -> None:
    blocks = {name: sound_block(sound, 0.0) for name, sound in sounds.items()}
    another = sound_block(noise(6.0, level=0.12, seed=99), 0.0)
    scores = {name: float(block @ another) for name, block in blocks.items()}
    assert max(scores, key=scores.__getitem__) == "noise"


def test_a_text_without_sound_words_has_an_empty_sound_block() -> None:
    assert not text_block("who approved the budget for the bridge").any()
    assert not text_block("").any()


def test_a_sound_word_among_many_others_names_no_sound() -> None:
    assert not text_block("and the results for two speech models").any()
    assert not text_block("the engine of the ferry was replaced in april").any()
    assert properties_in("the sound of an engine") == ("steady",)
    assert properties_in("knocking on the door") == ("impulse",)


def test_sound_words_are_whole_words() -> None:
    assert properties_in("The engine makes a loud hum!") == ("loud", "steady")
    assert properties_in("wind instruments are cloudy") == ("music", "noise")
    assert set(properties_in("high pitched white noise")) == {"high", "noise"}
    assert set(PROPERTIES) >= set(properties_in("silence music beep"))
