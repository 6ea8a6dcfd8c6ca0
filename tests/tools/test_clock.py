"""Times as people read them."""

import pytest

from soundbite_tools.text import clock, clock_length, clock_range, clock_ranges, rounded_sec


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


@pytest.mark.parametrize(
    ("length_sec", "shown"), [(0.0, "00:00"), (0.2, "00:01"), (78.06, "01:18"), (204.04, "03:24"), (3599.5, "1:00:00")]
)
def test_a_length_is_shown_to_the_nearest_second_and_is_one_at_least(length_sec: float, shown: str) -> None:
    assert clock_length(length_sec) == shown


def test_lines_that_follow_each_other_are_not_shown_to_overlap_nor_to_end_after_the_recording() -> None:
    spans = [(17.2, 20.4), (20.4, 28.1), (28.7, 28.9), (28.9, 70.3), (68.5, 78.06)]
    assert clock_ranges(spans, 78.06) == ["00:17-00:20", "00:20-00:28", "00:28-00:29", "00:28-01:11", "01:08-01:18"]
