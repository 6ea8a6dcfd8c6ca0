"""The shares of a collection handed out to the workers of a Ray cluster."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from soundbite_server.bulk.collections import Recording, in_shares
from soundbite_server.bulk.share import Embedded, embed_share

if TYPE_CHECKING:
    from soundbite_server.settings import Settings

_MOST_IN_A_SHARE = 8
_ATTEMPTS_AFTER_A_LOST_WORKER = 3
# Keys that LanceDB and Arrow look for themselves; the settings carry all others.
_KEY_VARIABLES = ("AWS_", "GOOGLE_", "AZURE_")


@contextmanager
def running_cluster(address: str, workers: int) -> Iterator[None]:
    """Join the cluster at an address, or start one of this machine with so many workers."""
    ray = _ray()
    keys = {name: value for name, value in os.environ.items() if name.startswith(_KEY_VARIABLES)}
    where: dict[str, Any] = {"address": address} if address else {"num_cpus": workers, "include_dashboard": False}
    # What Ray forks it replaces by another program at once, so nothing of LanceDB runs on in a child.
    warnings.filterwarnings("ignore", message="lancedb fork support", category=RuntimeWarning)
    ray.init(**where, runtime_env={"env_vars": keys}, log_to_driver=False, logging_level="warning")
    try:
        yield
    finally:
        ray.shutdown()


def embed_collection(
    settings: Settings,
    recordings: Sequence[Recording],
    *,
    tags: tuple[str, ...],
    workers: int,
    tell: Callable[[Embedded], None],
) -> None:
    """Embed a collection with so many workers at a time; `tell` hears of each recording once it has ended."""
    ray = _ray()
    remote = ray.remote(num_cpus=1, max_retries=_ATTEMPTS_AFTER_A_LOST_WORKER)(embed_share)
    shares = in_shares(recordings, min(_MOST_IN_A_SHARE, max(1, len(recordings) // workers)))
    running: dict[Any, list[Recording]] = {}
    while shares or running:
        while shares and len(running) < workers:
            share = shares.pop(0)
            running[remote.remote(settings, share, tags)] = share
        [done], _ = ray.wait(list(running), num_returns=1)
        share = running.pop(done)
        try:
            ended = ray.get(done)
        except ray.exceptions.RayError as exc:
            ended = [Embedded(each, f"Its worker was lost: {_first_line(exc)}") for each in share]
        for each in ended:
            tell(each)


def _ray() -> Any:
    # An optional extra: type checkers run where it is not installed.
    return importlib.import_module("ray")


def _first_line(exc: BaseException) -> str:
    lines = [line for line in str(exc).strip().splitlines() if line.strip()]
    return (lines[-1] if lines else type(exc).__name__)[:300]
