"""Profiles: which space, which blocks, what a text query fills."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from soundbite_engine.errors import EngineError
from soundbite_engine.packs.installed import PROFILES, Models
from soundbite_engine.profiles import load_profile


def test_a_text_query_fills_the_sound_block_only_with_sound_words() -> None:
    profile = load_profile("base")
    assert (profile.space, profile.dimension, dict(profile.blocks)) == (
        "soundbite-base-3",
        512,
        {"sound": 128, "speech": 384},
    )
    plain, loud = profile.embed_text("the budget of the bridge"), profile.embed_text("loud music")
    assert not plain[:128].any()
    assert np.linalg.norm(plain) == pytest.approx(1.0, abs=1e-5)
    assert np.linalg.norm(loud[:128]) == pytest.approx(2**-0.5, abs=1e-5)


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(EngineError, match="no profile 'huge'"):
        load_profile("huge")


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_offered_can_be_had_or_says_what_it_lacks(name: str, tmp_path: Path) -> None:
    models = Models(tmp_path)
    if lack := models.missing(name):
        with pytest.raises(EngineError) as refused:
            load_profile(name, models)
        assert (refused.value.code, refused.value.message) == ("profile_missing", lack)
    else:
        profile = load_profile(name, models)
        assert (profile.name, profile.dimension) == (name, sum(profile.blocks.values()))


def test_a_larger_recogniser_serves_the_base_profile_without_a_new_space(tmp_path: Path) -> None:
    own, larger = load_profile("base"), load_profile("base", Models(tmp_path, whisper=str(tmp_path)))
    assert (own.recogniser.id, own.recogniser.language) == ("whisper-tiny.en", "en")
    assert (larger.recogniser.folder, larger.recogniser.language) == (tmp_path, "")
    assert larger.space == own.space
    with pytest.raises(EngineError, match="run `soundbite models pull"):
        load_profile("base", Models(tmp_path, whisper="small"))
