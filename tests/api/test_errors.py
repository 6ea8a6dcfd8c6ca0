"""Both error envelopes are read, and say what to do next (contract 4.1)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from soundbite_api import NotFound, PlatformError, PlatformFault, RateLimited, RequestRefused, TooLarge, Unauthorized
from soundbite_api.errors import error_from_response

FLAT = {"code": "parameter_invalid", "message": "The model_name parameter is invalid."}


@pytest.mark.parametrize(
    "envelope",
    [FLAT, {"error": FLAT}, {"error": FLAT, "code": "other", "message": "other"}],
    ids=["flat", "nested", "both"],
)
def test_the_message_and_code_are_found_in_either_envelope(envelope: dict[str, object]) -> None:
    error = error_from_response(400, {}, json.dumps(envelope).encode())
    assert (error.code, error.message) == ("parameter_invalid", "The model_name parameter is invalid.")


@pytest.mark.parametrize(
    ("status", "kind", "is_retryable"),
    [
        (400, RequestRefused, False),
        (401, Unauthorized, False),
        (403, Unauthorized, False),
        (404, NotFound, False),
        (409, RequestRefused, False),
        (413, TooLarge, False),
        (429, RateLimited, True),
        (500, PlatformFault, True),
        (503, PlatformFault, True),
    ],
)
def test_a_status_has_its_error_class(status: int, kind: type[PlatformError], is_retryable: bool) -> None:
    error = error_from_response(status, {}, b"{}")
    assert type(error) is kind
    assert error.is_retryable is is_retryable
    assert error.status == status
    assert error.hint.endswith(".")


@pytest.mark.parametrize("body", [b"", b"<html>bad gateway</html>", b"[1]", b'"text"', b"\xff\xfe", b'{"error": 3}'])
def test_a_body_that_is_no_envelope_still_gives_an_error_with_a_message(body: bytes) -> None:
    assert error_from_response(502, {}, body).message


def test_a_long_body_is_shortened() -> None:
    assert len(error_from_response(500, {}, b"x" * 100_000).message) <= 500


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("Sun, 22 Nov 2026 10:00:30 GMT", 30.0), ("soon", None), ("nan", None)],
)
def test_retry_after_is_read_as_seconds_or_a_date(header: str, seconds: float | None) -> None:
    now = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
    error = error_from_response(429, {"retry-after": header}, b"{}", now=now)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == seconds
