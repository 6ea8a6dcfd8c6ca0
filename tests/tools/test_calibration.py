"""What a cosine means in each space."""

from __future__ import annotations

import pytest

from soundbite_tools.search.calibration import Ramp, calibration_of


def test_a_ramp_is_straight_between_its_ends() -> None:
    ramp = Ramp(0.2, 0.6)
    assert [ramp(cosine) for cosine in (-1.0, 0.2, 0.6, 1.0)] == [0.0, 0.0, 1.0, 1.0]
    assert ramp(0.3) == pytest.approx(0.25)


def test_the_space_of_the_default_profile_has_ramps_of_its_own() -> None:
    assert calibration_of("soundbite-base-3") != calibration_of("marengo3.0")


def test_profiles_share_what_is_said_and_not_what_is_heard() -> None:
    base, sounds = calibration_of("soundbite-base-3"), calibration_of("soundbite-sounds-3")
    assert (sounds.text_to_speech, sounds.speech_to_speech) == (base.text_to_speech, base.speech_to_speech)
    assert sounds.text_to_sound != base.text_to_sound


def test_another_build_of_a_model_has_the_ramps_of_its_profile() -> None:
    assert calibration_of("soundbite-sounds-3-4d8b4a53") == calibration_of("soundbite-sounds-3")
