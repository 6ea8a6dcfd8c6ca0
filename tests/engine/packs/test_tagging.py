"""Naming sounds: the classes, the block that sounds and texts share, and the real network where it is at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from soundbite_engine.errors import EngineError
from soundbite_engine.packs.installed import weights_folder
from soundbite_engine.sound import yamnet
from soundbite_engine.sound.yamnet import (
    CLASS_COUNT,
    FRAME_SAMPLES,
    HOP_SAMPLES,
    TAGGED_SOUND_DIMENSION,
    SoundClasses,
    TextTagger,
    Yamnet,
)
from soundbite_engine.text import SentenceEmbedder

NO_MEASURES = np.zeros(128, np.float32)


@pytest.fixture
def pack(models: Path, tiny_yamnet: Callable[[Path], None]) -> Path:
    tiny_yamnet(models)
    return models / "yamnet"


@pytest.fixture
def classes(pack: Path) -> SoundClasses:
    return SoundClasses.from_pack(pack)


@pytest.fixture
def tagger(classes: SoundClasses) -> TextTagger:
    return TextTagger.of(classes, SentenceEmbedder.load(weights_folder("minilm-l6-v2")))


def scores(classes: SoundClasses, **named: float) -> np.ndarray:
    found = np.zeros(CLASS_COUNT, np.float32)
    for name, score in named.items():
        found[classes.names.index(name)] = score
    return found


def test_frames_step_through_the_sound_and_end_with_it(pack: Path) -> None:
    sound = np.zeros(FRAME_SAMPLES + HOP_SAMPLES + 100, np.float32)
    sound[0], sound[HOP_SAMPLES + 1], sound[HOP_SAMPLES + 100 + 2] = 0.5, -0.25, 1.0
    found = Yamnet.from_pack(pack).scores(sound)
    assert found.shape == (3, CLASS_COUNT)
    assert [float(found[0, 0]), float(found[1, 1]), float(found[2, 2])] == [0.5, 0.25, 1.0]
    assert Yamnet.from_pack(pack).scores(sound[:10]).shape == (1, CLASS_COUNT)


def test_a_model_of_another_shape_and_a_map_of_other_classes_are_refused(pack: Path, tmp_path: Path) -> None:
    (tmp_path / "yamnet.tflite").write_bytes(b"TFL3 no model")
    with pytest.raises(EngineError, match="can't be loaded"):
        Yamnet(tmp_path / "yamnet.tflite")
    (tmp_path / "yamnet_class_map.csv").write_text("index,mid,display_name\n0,/m/1,Dog\n")
    with pytest.raises(EngineError, match="has 1 classes, not 521"):
        SoundClasses.from_pack(tmp_path)


def test_a_short_bark_counts_and_a_pause_does_not_make_a_silence(classes: SoundClasses) -> None:
    frames = np.stack([scores(classes, Bark=0.9), *[scores(classes, Silence=1.0)] * 2])
    found = yamnet.pooled(frames, classes)
    assert found[classes.names.index("Bark")] == pytest.approx(0.9)
    assert yamnet.names_of(found, classes) == ("bark",)
    silent = yamnet.pooled(np.stack([scores(classes, Silence=1.0)] * 3), classes)
    assert yamnet.names_of(silent, classes) == ("silence",)


def test_speech_is_no_name_of_a_sound(classes: SoundClasses) -> None:
    assert yamnet.names_of(scores(classes, Speech=1.0, Rain=0.5, Siren=0.1), classes) == ("rain",)


@pytest.mark.parametrize(
    ("query", "heard"),
    [
        ("dog barking", "Bark"),
        ("the rain", "Rain"),
        ("a police siren", "Siren"),
        ("honking", "Vehicle horn, car horn, honking"),
        ("a motorbike", "Motorcycle"),
    ],
)
def test_words_find_the_sound_they_name(query: str, heard: str, classes: SoundClasses, tagger: TextTagger) -> None:
    asked = tagger.sound_block(query)
    cosines = {
        name: float(yamnet.sound_block(scores(classes, **{name: 0.8}), NO_MEASURES) @ asked)
        for name in ("Bark", "Rain", "Siren", "Vehicle horn, car horn, honking", "Motorcycle")
    }
    assert max(cosines, key=cosines.__getitem__) == heard
    assert cosines[heard] > 0.3
    assert sum(cosine > 0.2 for cosine in cosines.values()) == 1


def test_a_question_about_what_was_said_means_no_sound(tagger: TextTagger) -> None:
    for question in ("who approved the budget for the bridge", "waiting for the invoice", ""):
        assert not tagger.sound_block(question).any(), question


def test_a_doubtful_word_is_less_near_to_the_sound_than_its_name(classes: SoundClasses, tagger: TextTagger) -> None:
    dog = yamnet.sound_block(scores(classes, Dog=0.9), NO_MEASURES)
    assert 0.0 < tagger.sound_block("they walked the dog") @ dog < tagger.sound_block("dog") @ dog


def test_blocks_are_unit_vectors_of_one_length(classes: SoundClasses, tagger: TextTagger) -> None:
    sound = yamnet.sound_block(scores(classes, Dog=0.9), np.ones(128, np.float32))
    for block in (sound, tagger.sound_block("dog"), tagger.sound_block("loud"), tagger.sound_block("loud dog")):
        assert block.shape == (TAGGED_SOUND_DIMENSION,)
        assert block.dtype == np.float32
        assert np.linalg.norm(block) == pytest.approx(1.0, abs=1e-5)


def test_the_real_network_names_real_sounds(eval_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra soundbite[sounds] is not installed")
    from soundbite_engine.audio.decode import decoded_blocks
    from soundbite_engine.packs.pulling import Origins, pull
    from soundbite_engine.packs.registry import PACKS

    pull(tmp_path, PACKS["yamnet"], Origins(folder=eval_folder / "models"))
    classes, network = SoundClasses.from_pack(tmp_path / "yamnet"), Yamnet.from_pack(tmp_path / "yamnet")
    recordings = {"chainsaw": "chainsaw", "dog barking": "dog", "rain": "rain"}
    rows = [line.split(",") for line in (eval_folder / "manifest.csv").read_text().splitlines()]
    for label, name in recordings.items():
        named = 0
        for path in [row[0] for row in rows if row[1] == "esc10" and row[2] == label][:3]:
            sound = np.concatenate(list(decoded_blocks(str(eval_folder / path)))).astype(np.float32) / 32768
            heard = yamnet.names_of(yamnet.pooled(network.scores(sound), classes), classes)
            named += any(name in each for each in heard)
        assert named >= 2, label
