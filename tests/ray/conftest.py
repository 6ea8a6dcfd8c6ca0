"""A bucket on loopback for a cluster of this machine. Runs in the environment that `make test-remote` makes for Ray."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
sys.path.insert(0, str(Path(__file__).parents[1] / "remote"))
from s3_service import ABSENT, KEYS, S3Service, is_installed, running_service


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Service]:
    pytest.importorskip("lance_ray", reason="Ray is not installed: `make test-remote` installs it")
    if not is_installed():
        pytest.skip(ABSENT)
    with running_service(tmp_path_factory.mktemp("s3") / "service.log") as service:
        yield service


@pytest.fixture
def bucket(s3: S3Service, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty store in a bucket of its own; the environment tells how to reach it."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": s3.address}.items():
        monkeypatch.setenv(name, value)
    return s3.make_bucket(f"library-{uuid4().hex[:12]}")
