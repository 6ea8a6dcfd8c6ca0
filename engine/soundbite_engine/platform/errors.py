"""What the engine answers when it says no, in the platform's words and codes.

EngineError (soundbite_engine.errors)
├── FetchError     a URL that may not be, or could not be, downloaded
└── Refused        a request answered with a 4xx; everything else is translated to one by `refusal_of`
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from soundbite_engine.errors import EngineError, MediaError, WorkerError

NOT_FETCHED = "failed to fetch or materialize source media"
NOT_PROCESSED = "We could not process your media for embedding. Please verify the input file and try again."
INVALID = "The embedding request was invalid."
NOT_COMPLETED = "The embedding task could not complete processing."
FAILED = "The embedding task failed. Please try again later."
GONE = "The embedding result is no longer available and cannot be retrieved."
_BY_CODE = {
    "media_not_found": NOT_FETCHED,
    "media_changed": NOT_FETCHED,
    "window_past_end": INVALID,
    "worker_memory": NOT_COMPLETED,
    "worker_timeout": NOT_COMPLETED,
    "worker_crashed": NOT_COMPLETED,
    "worker_killed": NOT_COMPLETED,
    "too_many_attempts": NOT_COMPLETED,
    "duration_exceeded": "",
    "too_many_requests": FAILED,
}


class FetchError(EngineError):
    """Media behind a URL can't be had. Codes: `url_refused` (not allowed), `url_failed` (allowed, did not work)."""


class Refused(EngineError):
    """An answer of the platform other than success; `code` is one of its error codes (contract 4.2)."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.status = status
        self.details = dict(details or {})
        self.headers = dict(headers or {})


def invalid(parameter: str, reason: str) -> Refused:
    """A 400 for a parameter with a value that can't be used."""
    return Refused(400, "parameter_invalid", f"The {parameter} parameter is invalid. {reason}", {"field": parameter})


def missing(parameter: str) -> Refused:
    """A 400 for a parameter that is not there."""
    message = f"The {parameter} parameter is required but was not provided."
    return Refused(400, "parameter_not_provided", message, {"field": parameter})


def not_found(resource_id: str, collection: str) -> Refused:
    """A 404 for an id that names nothing."""
    return Refused(404, "resource_not_exist", f"Resource with id {resource_id} does not exist in {collection}.")


def too_large(message: str) -> Refused:
    """A 413."""
    return Refused(413, "payload_too_large", message)


def refusal_of(exc: Exception) -> Refused:
    """The answer that an exception stands for; what was not foreseen becomes a 500 with a request id to log."""
    if isinstance(exc, Refused):
        return exc
    if isinstance(exc, ValidationError):
        return _of_validation(exc.errors(include_url=False, include_input=False)[0])
    if isinstance(exc, HTTPException):
        return _of_http(exc)
    if isinstance(exc, MediaError | FetchError):
        return Refused(400, "parameter_invalid", exc.message, {"reason": exc.code})
    if isinstance(exc, EngineError):
        return Refused(500, "internal_server_error", exc.message, {"reason": exc.code})
    return Refused(
        500,
        "internal_server_error",
        "The engine failed unexpectedly; its log says more.",
        {"requestId": new_request_id()},
    )


def new_request_id() -> str:
    """An id that joins an answer to its line in the log."""
    return secrets.token_hex(8)


def _of_validation(error: ErrorDetails) -> Refused:
    field = ".".join(str(part) for part in error["loc"])
    kind = error["type"]
    if kind == "missing":
        return missing(field)
    if kind == "extra_forbidden":
        message = f"The {field} parameter is not known, or does not go with this model and input type."
        return Refused(400, "parameter_unknown", message, {"field": field})
    if kind == "json_invalid":
        return Refused(400, "parameter_invalid", f"The request body is not valid JSON: {error['msg']}.")
    if kind == "literal_error":
        expected = error.get("ctx", {}).get("expected", "")
        return invalid(field, f"Must be one of: {str(expected).replace(' or ', ', ')}.")
    reason = error["msg"].removeprefix("Value error, ").rstrip(".")
    return invalid(field or "request body", f"{reason}.")


def _of_http(exc: HTTPException) -> Refused:
    headers = dict(exc.headers or {})
    if exc.status_code == 404:
        return Refused(404, "resource_not_exist", "There is no such endpoint.", headers=headers)
    if exc.status_code == 405:
        return Refused(405, "api_not_allowed", "This method is not allowed here.", headers=headers)
    return Refused(exc.status_code, "parameter_invalid", str(exc.detail), headers=headers)


def task_failure(exc: EngineError) -> str:
    """The `error.message` of a task that ended with `exc`; retrying helps only after `FAILED`."""
    known = _BY_CODE.get(exc.code)
    if known is None:
        known = _by_kind(exc)
    return f"{known} ({exc.message})" if known else exc.message


def _by_kind(exc: EngineError) -> str:
    if isinstance(exc, FetchError | Refused):
        return NOT_FETCHED
    if isinstance(exc, MediaError):
        return NOT_PROCESSED
    if isinstance(exc, WorkerError):
        return FAILED
    return NOT_COMPLETED


def envelope(refused: Refused, path: str) -> dict[str, Any]:
    """Flat for assets; for embeddings, and for every 413, flat and nested at once, which every client can read."""
    flat = {"code": refused.code, "message": refused.message}
    if "/embed-v2" not in path and refused.status != 413:
        return flat
    nested: dict[str, Any] = dict(flat)
    if refused.details:
        nested["details"] = refused.details
    return {"error": nested, **flat}


def answer(refused: Refused, path: str) -> JSONResponse:
    """The response to a request for `path` that is refused."""
    return JSONResponse(envelope(refused, path), status_code=refused.status, headers=refused.headers)
