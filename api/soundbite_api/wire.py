"""Base classes of the wire models: requests refuse unknown fields, responses keep them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Request(BaseModel):
    """A body we send and the engine reads; unknown fields are an error (the contract's additionalProperties: false)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Response(BaseModel):
    """A body the platform sends; fields we do not know are kept, so a newer platform does not break us."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, frozen=True)


class PageInfo(Response):
    """Where a page stands in a list (contract 2.3)."""

    limit_per_page: int = 10
    page: int = 1
    total_page: int = 1
    total_results: int = 0
