"""Rate-limit headers in both published forms (contract 4.4)."""

from __future__ import annotations

import pytest

from soundbite_api import RateLimit, read_rate_limits
from soundbite_api.errors import refused_for_s

NOW = 1_790_000_000.0
CURRENT = {
    "x-ratelimit-dimensions": "Duration,Request",
    "x-ratelimit-duration-limit": "36000",
    "x-ratelimit-duration-remaining": "0",
    "x-ratelimit-duration-reset": str(NOW + 90),
    "x-ratelimit-request-limit": "600",
    "x-ratelimit-request-remaining": "12",
}


def test_each_dimension_is_read() -> None:
    assert read_rate_limits(CURRENT, now_s=NOW) == (
        RateLimit("duration", 36000, 0, 90),
        RateLimit("request", 600, 12, None),
    )


def test_the_older_form_has_one_unnamed_limit() -> None:
    older = {"x-ratelimit-limit": "10", "x-ratelimit-remaining": "3", "x-ratelimit-reset": "30"}
    assert read_rate_limits(older, now_s=NOW) == (RateLimit("", 10, 3, 30),)


@pytest.mark.parametrize("value", ["", "many", "nan", "inf", "1e999", "-"])
def test_a_header_that_is_no_number_says_nothing(value: str) -> None:
    headers = {"x-ratelimit-limit": value, "x-ratelimit-remaining": value, "x-ratelimit-reset": value}
    assert read_rate_limits(headers, now_s=NOW) == ()


def test_without_retry_after_the_reset_of_the_spent_limit_is_waited_for() -> None:
    spent = {**CURRENT, "x-ratelimit-duration-reset": "45"}
    assert refused_for_s(spent) == 45
    assert refused_for_s({**spent, "retry-after": "7"}) == 7
    assert refused_for_s({}) is None
