"""Settings: one frozen model, read from the environment once, at the start."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from soundbite_engine.config import UrlPolicy
from soundbite_engine.packs.installed import PROFILES, Models
from soundbite_engine.packs.registry import CLAP_PRECISIONS, WHISPER_SIZES

if TYPE_CHECKING:
    from soundbite_store import StoreAccess

HOSTED_BASE_URL = "https://api.twelvelabs.io/v1.3"
TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"", "0", "false", "no", "off"})


class SettingsError(Exception):
    """A setting can't be used; the message names its variable and what it may be."""


class Settings(BaseModel):
    """How this process runs; every field has its environment variable (see `from_environment`)."""

    model_config = ConfigDict(frozen=True)

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("soundbite", appauthor=False)))
    """Folder of the library: vectors, ledger, the embedded engine's state, cut clips."""
    store: str = ""
    """Where the vectors are kept; empty means a folder in `home`."""
    store_endpoint: str = ""
    """Address of the S3 service that keeps the vectors, where that is not Amazon's."""
    store_region: str = ""
    lancedb_api_key: SecretStr | None = None
    lancedb_host: str = ""
    """Address of the LanceDB service, where that is not LanceDB Cloud."""
    engine: Literal["embedded", "hosted"] = "embedded"
    profile: str = "base"
    models_folder: Path | None = None
    """Folder of the profiles' model files; None means a folder in `home`."""
    clap: str = "int8"
    """Precision of the `full` profile's sound model."""
    whisper: str = "base"
    """Size of the `full` profile's recogniser, or a folder with one."""
    api_key: SecretStr | None = None
    base_url: str = HOSTED_BASE_URL
    roots: tuple[Path, ...] = Field(default_factory=lambda: default_roots())
    """Folders whose audio may be read, symbolic links resolved."""
    read_only: bool = False
    allow_urls: str = "public"
    """`off`, `public`, or a comma-separated list of `host[:port]` allowed besides public ones."""
    workers: int = Field(default=0, ge=0, le=64)
    """Worker processes of the embedded engine; 0 means one a core, at most four."""
    keep_assets: bool = True
    """Whether uploaded files stay on the hosted platform."""
    local_transcripts: bool = True
    """Whether words the hosted platform does not give are recognised on this machine."""
    budget_file_minutes: float = 0.0
    """Most audio of one file that the hosted platform may embed; 0 is no limit."""
    budget_day_minutes: float = 0.0
    """Most audio a day (UTC) that the hosted platform may embed; 0 is no limit."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

    @property
    def store_uri(self) -> str:
        """Where the vectors are kept."""
        return self.store or str(self.home / "store")

    @property
    def store_access(self) -> StoreAccess:
        """How a store that is no folder is reached."""
        from soundbite_store import StoreAccess

        key = self.lancedb_api_key
        return StoreAccess(
            endpoint=self.store_endpoint,
            region=self.store_region,
            api_key=key.get_secret_value() if key else "",
            host=self.lancedb_host,
        )

    @property
    def models(self) -> Models:
        """The profiles' model files."""
        return Models(self.models_folder or self.home / "models", self.clap, self.whisper)

    @property
    def is_embedded(self) -> bool:
        """Whether the platform runs in this process."""
        return self.engine == "embedded"

    def check_home(self) -> None:
        """Make the home folder where there is none, or refuse it.

        Raises:
            SettingsError: it can't be made or written.
        """
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            reason = "" if os.access(self.home, os.W_OK | os.X_OK) else "it can't be written"
        except OSError as exc:
            reason = exc.strerror or str(exc)
        if reason:
            raise SettingsError(f"SOUNDBITE_HOME can't be used: {self.home} ({reason}). Set it to a folder of yours.")

    def check_profile(self) -> None:
        """Refuse a profile that lacks what it needs; looks at names and sizes of files only.

        Raises:
            SettingsError: it says which command mends it.
        """
        missing = self.models.missing(self.profile) if self.is_embedded else ""
        if missing:
            raise SettingsError(f"SOUNDBITE_PROFILE={self.profile} can't be used: {missing}")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, *, over_http: bool = False) -> Self:
        """Read the settings from environment variables; over HTTP no folder and no URL is open unless it is named.

        Raises:
            SettingsError: a variable can't be used; the message names it.
        """
        env = os.environ if environ is None else environ
        key = env.get("TWELVELABS_API_KEY") or env.get("TWELVE_LABS_API_KEY") or ""
        base_url = env.get("TWELVELABS_BASE_URL", "")
        values: dict[str, object] = {
            "engine": _engine(env, has_platform=bool(key or base_url)),
            "api_key": SecretStr(key) if key else None,
            "base_url": _base_url(base_url),
            "read_only": _flag(env, "SOUNDBITE_READ_ONLY", default=False),
            "keep_assets": _flag(env, "SOUNDBITE_KEEP_ASSETS", default=True),
            "local_transcripts": _flag(env, "SOUNDBITE_LOCAL_TRANSCRIPTS", default=True),
            "budget_file_minutes": _minutes(env, "SOUNDBITE_BUDGET_FILE_MINUTES"),
            "budget_day_minutes": _minutes(env, "SOUNDBITE_BUDGET_DAY_MINUTES"),
            "workers": _whole(env, "SOUNDBITE_WORKERS", longest=64),
            "log_level": _choice(env, "SOUNDBITE_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
            "log_format": _choice(env, "SOUNDBITE_LOG_FORMAT", ("text", "json"), "text"),
            "profile": _choice(env, "SOUNDBITE_PROFILE", tuple(PROFILES), "base"),
            "clap": _choice(env, "SOUNDBITE_CLAP", CLAP_PRECISIONS, "int8"),
            "whisper": _whisper(env),
            **_store(env),
            "allow_urls": _allow_urls(env) or ("off" if over_http else "public"),
        }
        if env.get("SOUNDBITE_HOME"):
            values["home"] = _folder("SOUNDBITE_HOME", env["SOUNDBITE_HOME"])
        if env.get("SOUNDBITE_MODELS"):
            values["models_folder"] = _folder("SOUNDBITE_MODELS", env["SOUNDBITE_MODELS"])
        if "SOUNDBITE_ROOTS" in env:
            values["roots"] = _roots(env["SOUNDBITE_ROOTS"])
        elif over_http:
            values["roots"] = ()
        settings = cls.model_validate(values)
        if settings.engine == "hosted" and settings.api_key is None and settings.base_url == HOSTED_BASE_URL:
            raise SettingsError(
                "SOUNDBITE_ENGINE=hosted needs TWELVELABS_API_KEY; set it, or use SOUNDBITE_ENGINE=embedded."
            )
        return settings


def default_roots() -> tuple[Path, ...]:
    """Return the home folder (its hidden folders are refused by the tools) and the working folder, where there are."""
    folders = []
    for find in (Path.home, Path.cwd):
        # A container's user may have no home folder, and the working folder may have been deleted.
        with contextlib.suppress(RuntimeError, OSError):
            folders.append(find().resolve(strict=True))
    return tuple(dict.fromkeys(folders))


def _engine(env: Mapping[str, str], *, has_platform: bool) -> str:
    chosen = _choice(env, "SOUNDBITE_ENGINE", ("auto", "embedded", "hosted"), "auto")
    if chosen == "auto":
        return "hosted" if has_platform else "embedded"
    return chosen


def _folder(name: str, text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except (RuntimeError, OSError) as exc:
        # ~ of a user there is not, or a relative path where the working folder is gone.
        raise SettingsError(f"{name} names a folder that can't be found: {text!r}. Give a full path.") from exc


def _allow_urls(env: Mapping[str, str]) -> str:
    name, text = "SOUNDBITE_ALLOW_URLS", env.get("SOUNDBITE_ALLOW_URLS", "")
    try:
        UrlPolicy.parse(text)
    except ValueError as exc:
        raise SettingsError(
            f"{name} must be off, public, or a list of host or host:port that are allowed besides public ones; "
            f"it is {text!r}."
        ) from exc
    return ",".join(entry.strip().lower() for entry in text.split(",") if entry.strip())


def _base_url(text: str) -> str:
    if not text:
        return HOSTED_BASE_URL
    if not text.startswith(("http://", "https://")):
        raise SettingsError(f"TWELVELABS_BASE_URL must start with http:// or https://; it is {text!r}.")
    return text.rstrip("/")


def _store(env: Mapping[str, str]) -> dict[str, object]:
    uri = env.get("SOUNDBITE_STORE", "")
    key = env.get("LANCEDB_API_KEY", "")
    _check_store(uri)
    is_service = uri.startswith("db://")
    if is_service and not key:
        raise SettingsError("SOUNDBITE_STORE=db://... needs LANCEDB_API_KEY, the key of that database.")
    regions = ("LANCEDB_REGION",) if is_service else ("AWS_REGION", "AWS_DEFAULT_REGION")
    return {
        "store": uri,
        "store_endpoint": _first(env, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
        "store_region": _first(env, *regions),
        "lancedb_api_key": SecretStr(key) if key else None,
        "lancedb_host": env.get("LANCEDB_HOST", ""),
    }


def _check_store(uri: str) -> None:
    if not uri:
        return  # a folder in `home`: nothing to ask the store, which takes a while to load
    from soundbite_store import StoreError, capabilities_of

    try:
        capabilities_of(uri)
    except StoreError as exc:
        raise SettingsError(str(exc)) from exc


def _first(env: Mapping[str, str], *names: str) -> str:
    return next((env[name] for name in names if env.get(name)), "")


def _roots(text: str) -> tuple[Path, ...]:
    folders = []
    for entry in filter(None, text.split(os.pathsep)):
        folder = _folder("SOUNDBITE_ROOTS", entry)
        if not folder.is_dir():
            raise SettingsError(f"SOUNDBITE_ROOTS names {entry!r}, which is not a folder.")
        folders.append(folder.resolve())
    return tuple(dict.fromkeys(folders))


def _whisper(env: Mapping[str, str]) -> str:
    text = env.get("SOUNDBITE_WHISPER") or "base"
    if text in WHISPER_SIZES or Path(text).is_dir():
        return text
    sizes = ", ".join(WHISPER_SIZES)
    raise SettingsError(f"SOUNDBITE_WHISPER must be one of {sizes}, or a folder with a model; it is {text!r}.")


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = env.get(name)
    if text is None:
        return default
    if text.lower() in TRUE_WORDS:
        return True
    if text.lower() in FALSE_WORDS:
        return False
    raise SettingsError(f"{name} must be 1 or 0; it is {text!r}.")


def _whole(env: Mapping[str, str], name: str, *, longest: int) -> int:
    text = env.get(name) or "0"
    if not text.isdecimal() or int(text) > longest:
        raise SettingsError(f"{name} must be a whole number from 0 to {longest}; it is {text!r}.")
    return int(text)


def _minutes(env: Mapping[str, str], name: str) -> float:
    text = env.get(name) or "0"
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1.0
    if not 0.0 <= minutes < 1e6:
        raise SettingsError(f"{name} must be a number of minutes, 0 for no limit; it is {text!r}.")
    return minutes


def _choice(env: Mapping[str, str], name: str, choices: tuple[str, ...], default: str) -> str:
    text = env.get(name) or default
    for choice in choices:
        if text.lower() == choice.lower():
            return choice
    raise SettingsError(f"{name} must be one of {', '.join(choices)}; it is {text!r}.")
