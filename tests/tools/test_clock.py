"""Times as people read them."""

import pytest

from soundbite_tools.text import clock, clock_length, clock_range, rounded_sec


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "00:00"),
        (9.99, "00:09"),
        (750, "12:30"),
        (3599.9, "59:59"),
        (3600, "1:00:00"),
        (14400, "4:00:00"),
        (-1, "00:00"),
    ],
)
def test_seconds_are_shown_as_minutes_and_from_an_hour_on_with_hours(value: float, shown: str) -> None:
    assert clock(value) == shown


def test_a_range_is_rounded_outwards_so_that_it_holds_what_it_names() -> None:
    assert clock_range(750.4, 755.2) == "12:30-12:36"


def test_a_whole_second_at_the_end_is_not_rounded_up_by_float_noise() -> None:
    assert clock_range(0.0, 6.0000000001) == "00:00-00:06"


def test_seconds_in_results_have_two_decimals_and_no_minus_zero() -> None:
    assert rounded_sec(1.23456) == 1.23
    assert str(rounded_sec(-0.0)) == "0.0"


@pytest.mark.parametrize("length_sec", [0.45, 1.0, 10.69, 59.2, 3599.5])
def test_a_recording_is_never_shown_shorter_than_its_last_clip(length_sec: float) -> None:
    assert clock_range(0.0, length_sec) == f"00:00-{clock_length(length_sec)}"
