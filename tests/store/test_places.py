"""What a store's address decides before anything is reached."""

from __future__ import annotations

import asyncio

import pytest

from soundbite_store import ClipStore, StoreAccess, StoreBusy, StoreUnavailable, capabilities_of
from soundbite_store.locks import until_committed


@pytest.mark.parametrize("uri", ["/srv/store", "relative/store", "file:///srv/store", "C:\\store"])
def test_a_folder_is_tidied_here_and_seen_as_it_is_now(uri: str) -> None:
    capabilities = capabilities_of(uri)
    assert capabilities.optimize
    assert not capabilities.is_shared
    assert capabilities.read_consistency.total_seconds() == 0


@pytest.mark.parametrize("uri", ["s3://bucket/prefix", "gs://bucket/prefix", "az://container/prefix", "s3+ddb://b/p"])
def test_an_object_store_is_tidied_here_and_shared_with_other_machines(uri: str) -> None:
    capabilities = capabilities_of(uri)
    assert capabilities.optimize
    assert capabilities.is_shared
    assert capabilities.read_consistency.total_seconds() == 5


def test_the_lancedb_service_looks_after_its_tables_itself() -> None:
    capabilities = capabilities_of("db://recordings")
    assert not capabilities.optimize
    assert capabilities.is_shared


async def test_an_address_no_store_can_be_at_is_refused_with_what_may_be_there() -> None:
    with pytest.raises(StoreUnavailable, match=r"SOUNDBITE_STORE.*s3://bucket/prefix"):
        await ClipStore.open("ftp://host/store")


def test_another_s3_service_is_named_by_its_address() -> None:
    options = StoreAccess(endpoint="http://127.0.0.1:9000").connect_options("s3://bucket/p")["storage_options"]
    assert options["aws_endpoint"] == "http://127.0.0.1:9000"
    assert options["allow_http"] == "true"
    assert options["aws_region"] == "us-east-1"
    secure = StoreAccess(endpoint="https://minio.example", region="eu-west-1").connect_options("s3://bucket/p")
    assert "allow_http" not in secure["storage_options"]
    assert secure["storage_options"]["aws_region"] == "eu-west-1"


@pytest.mark.parametrize("uri", ["gs://bucket/p", "az://container/p"])
def test_other_object_stores_are_not_told_of_amazons_addresses(uri: str) -> None:
    options = StoreAccess(endpoint="http://127.0.0.1:9000", region="x").connect_options(uri)["storage_options"]
    assert not {name for name in options if name.startswith("aws")}
    assert "connect_timeout" in options


def test_a_folder_needs_no_options() -> None:
    assert StoreAccess(endpoint="http://127.0.0.1:9000").connect_options("/srv/store") == {}


def test_the_lancedb_service_needs_a_key_which_never_shows() -> None:
    with pytest.raises(StoreUnavailable, match="LANCEDB_API_KEY"):
        StoreAccess().connect_options("db://recordings")
    access = StoreAccess(api_key="sk_SECRET", region="eu", host="http://127.0.0.1:1")
    options = access.connect_options("db://recordings")
    assert (options["api_key"], options["region"], options["host_override"]) == ("sk_SECRET", "eu", access.host)
    assert "sk_SECRET" not in repr(access)


async def test_a_write_that_came_second_is_repeated_until_it_is_first(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = _without_waiting(monkeypatch)
    outcomes = [StoreBusy("conflict"), StoreBusy("conflict"), None]

    async def write() -> str:
        outcome = outcomes.pop(0)
        if outcome:
            raise outcome
        return "committed"

    assert await until_committed(write) == "committed"
    assert len(pauses) == 2
    assert pauses[0] < 0.16
    assert 0.09 < pauses[1] < 0.31


async def test_a_write_that_never_comes_first_ends_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = _without_waiting(monkeypatch)

    async def write() -> None:
        raise StoreBusy("conflict")

    with pytest.raises(StoreBusy):
        await until_committed(write)
    assert len(pauses) == 7


async def test_other_failures_are_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = _without_waiting(monkeypatch)

    async def write() -> None:
        raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable):
        await until_committed(write)
    assert pauses == []


def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", pause)
    return pauses
