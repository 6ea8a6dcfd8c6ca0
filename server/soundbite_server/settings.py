"""Settings: one frozen model for each way to run, read from the environment and the flags once, at the start.

A field is the variable of its name behind `SOUNDBITE_`, unless it says which one it is.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from soundbite_engine.config import UrlPolicy
from soundbite_engine.packs.installed import PROFILES, Models
from soundbite_engine.packs.registry import CLAP_PRECISIONS, WHISPER_SIZES

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from soundbite_store import StoreAccess

HOSTED_BASE_URL = "https://api.twelvelabs.io/v1.3"
_PREFIX = "SOUNDBITE_"
_ROOTS = "SOUNDBITE_ROOTS"
"""Set to nothing it opens no folder; other variables that are set to nothing count as not set."""
_MINUTES = "a number of minutes, 0 for no limit"
LONGEST_COUNT = 10**9 - 1


class SettingsError(Exception):
    """A setting can't be used; the message names its variable and what it may be."""


def default_roots() -> tuple[Path, ...]:
    """Return the home folder (its hidden folders are refused by the tools), and the working folder if it lies inside.

    An agent may be anywhere when it starts a server: some start it in `/`, which would open the whole disk.
    """
    home, working = _existing(Path.home), _existing(Path.cwd)
    if home is None or home.parent == home:
        return ()
    return (home, working) if working and working != home and working.is_relative_to(home) else (home,)


def _existing(find: Callable[[], Path]) -> Path | None:
    # A container's user may have no home folder, and the working folder may have been deleted.
    with contextlib.suppress(RuntimeError, OSError):
        return find().resolve(strict=True)
    return None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def one_of(*choices: str) -> BeforeValidator:
    """Take one of these words, in capitals or not."""

    def chosen(value: str) -> str:
        for choice in choices:
            if value.lower() == choice.lower():
                return choice
        raise ValueError(f"must be one of {', '.join(choices)}; it is {value!r}.")

    return BeforeValidator(chosen)


def _folder(value: str | Path) -> Path:
    try:
        return Path(value).expanduser().absolute() if isinstance(value, str) else value
    except (RuntimeError, OSError) as exc:
        # ~ of a user there is not, or a relative path where the working folder is gone.
        raise ValueError(f"names a folder that can't be found: {value!r}. Give a full path.") from exc


def _folders(value: str | tuple[Path, ...]) -> tuple[Path, ...]:
    if not isinstance(value, str):
        return value
    folders = []
    for entry in filter(None, value.split(os.pathsep)):
        folder = _folder(entry)
        if not folder.is_dir():
            raise ValueError(f"names {entry!r}, which is not a folder.")
        folders.append(folder.resolve())
    return tuple(dict.fromkeys(folders))


def _names(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(None, re.split(r"[\s,]+", value))) if isinstance(value, str) else value


def _secure_url(value: str) -> str:
    parts = urlsplit(value)
    if (parts.scheme == "https" and parts.hostname) or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return value
    raise ValueError(f"must be an https URL; it is {value!r}.")


_Folder = Annotated[Path, BeforeValidator(_folder)]
Folders = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_folders)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]
SecureUrl = Annotated[str, BeforeValidator(_secure_url)]


class Settings(BaseSettings):
    """How this process runs. Made in code it reads nothing; `from_environment` reads each field's variable."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_prefix=_PREFIX,
        populate_by_name=True,
        extra="forbid",
        hide_input_in_errors=True,
        defer_build=True,
    )

    home: _Folder = Field(default_factory=lambda: Path(platformdirs.user_data_dir("soundbite", appauthor=False)))
    """Folder of the library: vectors, ledger, the embedded engine's state, cut clips."""
    store: str = ""
    """Where the vectors are kept; empty means a folder in `home`."""
    store_endpoint: str = Field(
        "", validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    )
    """Address of the S3 service that keeps the vectors, where that is not Amazon's."""
    store_region: str = Field("", validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))
    lancedb_api_key: SecretStr | None = Field(None, validation_alias="LANCEDB_API_KEY")
    lancedb_region: str = Field("", validation_alias="LANCEDB_REGION")
    lancedb_host: str = Field("", validation_alias="LANCEDB_HOST")
    """Address of the LanceDB service, where that is not LanceDB Cloud."""
    engine: Annotated[Literal["embedded", "hosted"], one_of("auto", "embedded", "hosted")] = "embedded"
    profile: Annotated[str, one_of(*PROFILES)] = "base"
    models_folder: _Folder | None = Field(None, validation_alias="SOUNDBITE_MODELS")
    """Folder of the profiles' model files; None means a folder in `home`."""
    clap: Annotated[str, one_of(*CLAP_PRECISIONS)] = "int8"
    """Precision of the `full` profile's sound model."""
    whisper: str = ""
    """Size of the recogniser, or a folder with one; empty is the profile's own."""
    api_key: SecretStr | None = Field(None, validation_alias=AliasChoices("TWELVELABS_API_KEY", "TWELVE_LABS_API_KEY"))
    base_url: str = Field(HOSTED_BASE_URL, validation_alias="TWELVELABS_BASE_URL")
    hosted_model: Annotated[str, one_of("marengo3.0", "marengo3.5")] = Field(
        "marengo3.0", validation_alias="SOUNDBITE_MODEL"
    )
    """The model of the hosted platform."""
    roots: Folders = Field(default_factory=default_roots)
    """Folders whose audio may be read, symbolic links resolved."""
    read_only: bool = Field(False, description="1 or 0")
    allow_urls: str = "public"
    """`off`, `public`, or a comma-separated list of `host[:port]` allowed besides public ones."""
    workers: int = Field(0, ge=0, le=64, description="a whole number from 0 to 64")
    """Worker processes of the embedded engine; 0 means one a core, at most four."""
    keep_assets: bool = Field(True, description="1 or 0")
    """Whether uploaded files stay on the hosted platform."""
    speakers: bool = Field(True, description="on or off")
    """Whether transcripts say who speaks."""
    voices: bool = Field(False, description="on or off")
    """Whether voices are kept, so that people who were named are known in other recordings."""
    glossary: _Folder | None = None
    """A text file of names as they are spelled, one a line; None means one in `home`."""
    local_transcripts: bool = Field(True, description="1 or 0")
    """Whether words the hosted platform does not give are recognised on this machine."""
    budget_file_minutes: float = Field(0.0, ge=0.0, lt=1e6, description=_MINUTES)
    """Most audio of one file that the hosted platform may embed; 0 is no limit."""
    budget_day_minutes: float = Field(0.0, ge=0.0, lt=1e6, description=_MINUTES)
    """Most audio a day (UTC) that the hosted platform may embed; 0 is no limit."""
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], one_of("DEBUG", "INFO", "WARNING", "ERROR")] = (
        "INFO"
    )
    log_format: Annotated[Literal["text", "json"], one_of("text", "json")] = "text"

    @property
    def store_uri(self) -> str:
        """Where the vectors are kept."""
        return self.store or str(self.home / "store")

    @property
    def glossary_file(self) -> Path:
        """The text file of names as they are spelled."""
        return self.glossary or self.home / "glossary.txt"

    @property
    def store_access(self) -> StoreAccess:
        """How a store that is no folder is reached."""
        from soundbite_store import StoreAccess

        key = self.lancedb_api_key
        return StoreAccess(
            endpoint=self.store_endpoint,
            region=self.lancedb_region if self.store.startswith("db://") else self.store_region,
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
        if not str(self.home).isprintable():
            raise SettingsError(
                f"SOUNDBITE_HOME can't be used: there is a line break or another character that can't be printed in "
                f"its path, {str(self.home)!r}. Set it to a folder without."
            )
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

    def check_start(self) -> None:
        """Refuse to start without what the profile and the process need, or without a home that can be written.

        Raises:
            SettingsError: the message names the variable, or what of the machine is in the way.
        """
        from soundbite_server.surroundings import trouble

        if sentence := trouble():
            raise SettingsError(sentence)
        self.check_profile()
        self.check_home()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **flags: Any) -> Self:
        """Read the settings from environment variables; a flag, named as its field, goes before the variable.

        Raises:
            SettingsError: a variable or a flag can't be used; the message names it.
        """
        source = EnvSettingsSource(cls)
        given = os.environ if environ is None else environ
        source.env_vars = {name.lower(): value for name, value in given.items() if value or name == _ROOTS}
        values = {**source(), **flags}
        if values.get("engine", "auto").lower() == "auto":
            has_platform = bool(values.keys() & set(_variables(cls, "api_key") + _variables(cls, "base_url")))
            values["engine"] = "hosted" if has_platform else "embedded"
        try:
            settings = cls(**values)
        except ValidationError as exc:
            # What was given may be a secret with a typing error: it is shown only where the sentence does.
            raise _refusal(cls, exc.errors(include_url=False)[0]) from None
        settings.check_together()
        return settings

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Return the environment variables and the fields they set."""
        # A field with a title has no variable: the title is its flag.
        named = (name for name, field in cls.model_fields.items() if not field.title)
        return {variable: name for name in named for variable in _variables(cls, name)}

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Have settings that are made in code read nothing; called by pydantic-settings."""
        return (init_settings,)

    def check_together(self) -> None:
        """Refuse settings that can be used each by itself, but not together.

        Raises:
            SettingsError: the message names them.
        """
        if self.engine == "hosted" and self.api_key is None and self.base_url == HOSTED_BASE_URL:
            raise SettingsError(
                "SOUNDBITE_ENGINE=hosted needs TWELVELABS_API_KEY; set it, or use SOUNDBITE_ENGINE=embedded."
            )
        if self.is_embedded and self.hosted_model != "marengo3.0":
            raise SettingsError(
                f"SOUNDBITE_MODEL={self.hosted_model} is a model of the hosted platform, but the engine of this "
                "machine is used: set TWELVELABS_API_KEY, or leave SOUNDBITE_MODEL out."
            )
        if not self.store:
            return  # a folder in `home`: nothing to ask the store, which takes a while to load
        from soundbite_store import StoreError, capabilities_of

        try:
            capabilities_of(self.store)
        except StoreError as exc:
            raise SettingsError(str(exc)) from exc
        if self.store.startswith("db://") and not self.lancedb_api_key:
            raise SettingsError("SOUNDBITE_STORE=db://... needs LANCEDB_API_KEY, the key of that database.")

    @field_validator("base_url")
    @classmethod
    def _checked_base_url(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError(f"must start with http:// or https://; it is {value!r}.")
        return value.rstrip("/")

    @field_validator("allow_urls")
    @classmethod
    def _checked_urls(cls, value: str) -> str:
        try:
            UrlPolicy.parse(value)
        except ValueError as exc:
            raise ValueError(
                f"must be off, public, or a list of host or host:port that are allowed besides public ones; "
                f"it is {value!r}."
            ) from exc
        return ",".join(entry.strip().lower() for entry in value.split(",") if entry.strip())

    @field_validator("whisper")
    @classmethod
    def _checked_whisper(cls, value: str) -> str:
        if value in ("", *WHISPER_SIZES) or Path(value).is_dir():
            return value
        sizes = ", ".join(WHISPER_SIZES)
        raise ValueError(f"must be one of {sizes}, or a folder with a model; it is {value!r}.")


class EngineSettings(Settings):
    """How the engine runs alone, for callers that speak the platform's contract."""

    engine_host: str = Field("127.0.0.1", title="--host")
    """The address to listen on."""
    engine_key: SecretStr | None = None
    """The API key that callers must send; None takes any."""
    engine_requests_per_minute: int = Field(0, ge=0, le=LONGEST_COUNT, description="a whole number, 0 for no limit")
    engine_media_minutes_per_hour: int = Field(0, ge=0, le=LONGEST_COUNT, description="a whole number, 0 for no limit")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the engine."""
        return is_loopback(self.engine_host)

    @model_validator(mode="before")
    @classmethod
    def _open_no_urls_to_others(cls, values: dict[str, Any]) -> dict[str, Any]:
        return values if is_loopback(values.get("engine_host", "127.0.0.1")) else {"allow_urls": "off", **values}

    def check_together(self) -> None:
        """Refuse to let others in without a key.

        Raises:
            SettingsError: the message names the settings.
        """
        super().check_together()
        if self.engine_key is None and not self.is_loopback:
            raise SettingsError("--host: others can reach it; set SOUNDBITE_ENGINE_KEY, or serve on 127.0.0.1.")


def _variables(model: type[Settings], field: str) -> list[str]:
    match model.model_fields[field].validation_alias:
        case AliasChoices(choices=choices):
            return [str(choice) for choice in choices]
        case str(alias):
            return [alias]
    return [f"{_PREFIX}{field.upper()}"]


def _refusal(model: type[Settings], error: ErrorDetails) -> SettingsError:
    """Return what is wrong with a setting in one sentence that begins with its variable, or its flag."""
    given = str(error["loc"][0])
    field = next(name for name in model.model_fields if given in (name, *_variables(model, name)))
    variable = model.model_fields[field].title or (given if given != field else _variables(model, field)[0])
    if raised := error.get("ctx", {}).get("error"):
        return SettingsError(f"{variable} {raised}")
    return SettingsError(f"{variable} must be {model.model_fields[field].description}; it is {error['input']!r}.")
