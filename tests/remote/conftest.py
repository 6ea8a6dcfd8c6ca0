"""Stores that are no folder, on loopback."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import uvicorn

from soundbite_store import StoreAccess

# Test folders are no packages, so helpers have to be found like this.
sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
sys.path.insert(0, str(Path(__file__).parent))
from lancedb_service import LanceDBService
from s3_service import ABSENT, KEYS, S3Service, is_installed, running_service


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Service]:
    if not is_installed():
        pytest.skip(ABSENT)
    with running_service(tmp_path_factory.mktemp("s3") / "service.log") as service:
        yield service


@pytest.fixture
def s3_environment(s3: S3Service, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables by which any S3 program finds the service."""
    variables = {**KEYS, "AWS_ENDPOINT_URL": s3.address}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def bucket(s3: S3Service, s3_environment: dict[str, str]) -> str:
    """The address of an empty store in a bucket of its own."""
    return s3.make_bucket(f"library-{uuid4().hex[:12]}")


@pytest.fixture
def access(s3: S3Service) -> StoreAccess:
    return StoreAccess(endpoint=s3.address, region="us-east-1")


@pytest.fixture
def lancedb_service(tmp_path: Path) -> Iterator[LanceDBService]:
    service = LanceDBService(tmp_path / "database")
    config = uvicorn.Config(service.app, port=0, lifespan="off", log_level="warning", ws="none")
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        service.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        # It listens from here on: a request that comes before the server runs waits in the queue.
        listener.listen()
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        yield service
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()
