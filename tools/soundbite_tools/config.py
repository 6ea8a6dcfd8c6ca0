"""What the tools may do and how much of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

EMBEDDED = "embedded"
MIB = 1024 * 1024


@dataclass(frozen=True)
class UrlRules:
    """Which addresses may be named as a source.

    `public` allows https to public hosts, `off` none; `hosts` (`host` or `host:port`, lower case) are allowed besides,
    over http as well. Whoever fetches the URL also checks the addresses behind the name.
    """

    mode: Literal["off", "public"] = "public"
    hosts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LibraryConfig:
    """How a library is run; the server makes it from its settings."""

    home: Path
    """Folder for what the tools write: inline audio they were given, and clips cut for playing."""
    roots: tuple[Path, ...] = ()
    """Folders whose audio may be read."""
    working_folder: Path | None = field(default_factory=Path.cwd)
    """Where relative paths start; None refuses them, since callers over HTTP don't share the server's folder."""
    urls: UrlRules = field(default_factory=UrlRules)
    platform: str = EMBEDDED
    """`embedded`, or the base URL of the platform; kept with each task, and part of what may be reused."""
    is_read_only: bool = False
    """Whether nothing is embedded and no task taken in: unfinished ones are left to who may write."""
    natural_segmentation: bool = True
    """Whether `segmentation=auto` means natural (the platform must know it) rather than fixed."""
    glossary: Path | None = None
    """A text file of names as they are spelled; None is one in `home`."""
    only_own_ids: bool = False
    """Whether assets and tasks of the platform that this library did not make are unknown to it."""
    file_urls: bool = False
    """Whether the platform reads local files itself, so that nothing is uploaded."""
    keep_assets: bool = True
    """Whether uploaded files stay on the platform once their vectors are here."""
    longest_sync_sec: float = 60.0
    """Up to here one call embeds; longer audio becomes a task of the platform."""
    longest_audio_sec: float = 4 * 3600.0
    largest_file_bytes: int = 4096 * MIB
    largest_upload_bytes: int = 4096 * MIB
    """Where files are uploaded, not referenced."""
    upload_containers: frozenset[str] = frozenset({"wav", "mp3", "flac"})
    """Formats the platform reads; the sound of others is turned into FLAC on the way."""
    cut_from_bytes: int = 32 * MIB
    """From this size on, a window of a file is cut out before it is uploaded, where that makes it much smaller."""
    voices: bool = False
    """Whether the voices of speakers are kept, so that a person who was named is known in other recordings."""
    local_transcripts: bool = True
    """Whether words that the platform does not give are recognised on this machine."""
    largest_inline_bytes: int = 36 * MIB
    largest_clip_bytes: int = 2 * MIB
    """Sound of one clip, as cut by get_clip."""
    most_clips_bytes: int = 512 * MIB
    """Cut sounds that are kept for playing again; beyond that the oldest are deleted at the next start."""
    budget_file_minutes: float = 0.0
    """Most audio of one file that a billed platform may embed; 0 is no limit."""
    budget_day_minutes: float = 0.0
    """Most audio a day (UTC) that a billed platform may embed; 0 is no limit."""
    jobs_at_once: int = 2
    job_attempts: int = 5
    """How often a job is tried while the platform's errors say that a retry may help."""
    job_retry_s: float = 5.0
    """Pause before the second try; each later one is twice as long."""
    longest_task_s: float = 12 * 3600.0
    """How long a task of the platform is waited for."""

    @property
    def glossary_file(self) -> Path:
        """The text file of names as they are spelled."""
        return self.glossary or self.home / "glossary.txt"

    @property
    def clips_folder(self) -> Path:
        """Sounds cut for playing, each of which can be cut again."""
        return self.home / "clips"

    @property
    def recordings_folder(self) -> Path:
        """Recordings that were made here, each of which goes with what is known of it."""
        return self.home / "recordings"

    @property
    def outgoing_folder(self) -> Path:
        """Folders with files made for an upload, deleted when it ends."""
        return self.home / "outgoing"

    def may_read(self, path: Path) -> bool:
        """Return whether a real path lies in a folder that may be read, and in none below it that is hidden."""
        for root in self.roots:
            folder = root.resolve()
            # A hidden folder that is named itself is open, also inside another one.
            if path.is_relative_to(folder) and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                return True
        return False

    @property
    def is_embedded(self) -> bool:
        """Whether the platform runs on this machine, so that nothing is billed."""
        return self.platform == EMBEDDED
