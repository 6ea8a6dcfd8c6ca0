"""What an engine is told at its start."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from soundbite_engine.packs.installed import Models

MIB = 1024 * 1024
GIB = 1024 * MIB
# A name, an IPv4 address, or an IPv6 address in brackets; a port behind it.
_HOST = re.compile(r"([^/@?#\s:\[\]]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True)
class UrlPolicy:
    """Which addresses the engine may download from.

    `is_public` allows https to hosts whose every address is public; `hosts` (`host` or `host:port`, lower case) are
    allowed besides, over http as well and whatever their addresses are.
    """

    is_public: bool = False
    hosts: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `off`, `public`, or a comma-separated list of `host[:port]`, which are allowed besides public ones.

        Raises:
            ValueError: an entry of the list is not `host` or `host:port`.
        """
        entries = [entry.strip().lower() for entry in text.split(",") if entry.strip()]
        if entries in ([], ["off"]):
            return cls()
        hosts = frozenset(entry for entry in entries if entry != "public")
        for host in hosts:
            if not _HOST.fullmatch(host) or host == "off":
                raise ValueError(f"allow_urls: {host!r} is not a host or host:port")
        return cls(is_public=True, hosts=hosts)


@dataclass(frozen=True)
class RateLimits:
    """Limits that answer 429; None is no limit. Requests count per category (assets, embeddings)."""

    requests_per_minute: int | None = None
    media_minutes_per_hour: float | None = None


@dataclass(frozen=True)
class EngineConfig:
    """Where an engine keeps its state and what it allows.

    Several engines, also of different processes, may share one `home`. `file_urls` lets an asset reference a file of
    this machine (`file:///...`) without copying it: only for engines that nobody but this process can reach.
    """

    home: Path
    profile: str = "base"
    models: Models | None = None
    """The model files of the profiles that need some."""
    workers: int = field(default_factory=lambda: max(1, min(4, os.cpu_count() or 1)))
    worker_memory_mb: int = 1024
    speakers: bool = True
    """Whether transcripts say who speaks."""
    glossary: Path | None = None
    """A text file of names that the recogniser holds for likelier, one a line."""
    file_urls: bool = False
    allow_urls: UrlPolicy = UrlPolicy()
    api_key: str | None = field(default=None, repr=False)
    limits: RateLimits = RateLimits()
    concurrent_tasks: int = 2
    largest_direct_bytes: int = 200 * MIB
    largest_url_bytes: int = 4 * GIB
    largest_multipart_bytes: int = 10 * GIB
    largest_base64_bytes: int = 36 * MIB
    chunk_bytes: int = 5 * MIB
    grace_s: float = 3.0
    """How long a request waits for quick background work (a probe, a small download) before it says `processing`."""
    sweep_s: float = 2.0
    """How often work left behind by other processes that died is looked for."""
