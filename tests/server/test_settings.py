"""Settings come from the environment, once, and name the variable that can't be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from soundbite_server.settings import HOSTED_BASE_URL, Settings, SettingsError, default_roots


def test_without_a_key_everything_is_embedded() -> None:
    settings = Settings.from_environment({})
    assert settings.is_embedded
    assert settings.api_key is None


@pytest.mark.parametrize("name", ["TWELVELABS_API_KEY", "TWELVE_LABS_API_KEY"])
def test_a_key_chooses_the_hosted_platform(name: str) -> None:
    settings = Settings.from_environment({name: "tlk_1"})
    assert not settings.is_embedded
    assert settings.base_url == HOSTED_BASE_URL


def test_an_address_chooses_the_engine_behind_it() -> None:
    settings = Settings.from_environment({"TWELVELABS_BASE_URL": "http://127.0.0.1:8765/v1.3/"})
    assert (settings.engine, settings.base_url) == ("hosted", "http://127.0.0.1:8765/v1.3")


def test_the_engine_can_be_forced() -> None:
    assert Settings.from_environment({"TWELVELABS_API_KEY": "k", "SOUNDBITE_ENGINE": "embedded"}).is_embedded


def test_the_key_does_not_show() -> None:
    settings = Settings.from_environment({"TWELVELABS_API_KEY": "tlk_SECRET"})
    assert "tlk_SECRET" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_roots_are_a_path_list_with_links_resolved(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    link = tmp_path / "link"
    link.symlink_to(real)
    settings = Settings.from_environment({"SOUNDBITE_ROOTS": os.pathsep.join([str(link), str(real)])})
    assert settings.roots == (real.resolve(),)


def test_no_home_and_no_working_folder_open_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "never was"))
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert default_roots() == ()


@pytest.mark.parametrize(
    ("working", "roots"),
    [
        ("/", ("home",)),
        ("elsewhere", ("home",)),
        ("home", ("home",)),
        ("home/.work/talks", ("home", "home/.work/talks")),
    ],
)
def test_the_working_folder_is_open_only_inside_the_home_folder(
    working: str, roots: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("home/.work/talks", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / working)
    assert default_roots() == tuple((tmp_path / name).resolve() for name in roots)
    monkeypatch.setenv("HOME", "/")
    assert default_roots() == ()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings.from_environment({}).read_only = True  # type: ignore[misc] # that it is frozen is what is tested


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOUNDBITE_ENGINE", "cloud"),
        ("SOUNDBITE_ENGINE", "hosted"),
        ("SOUNDBITE_PROFILE", "huge"),
        ("SOUNDBITE_READ_ONLY", "maybe"),
        ("SOUNDBITE_WORKERS", "-1"),
        ("SOUNDBITE_WORKERS", "many"),
        ("SOUNDBITE_LOG_LEVEL", "LOUD"),
        ("SOUNDBITE_ROOTS", "/no/such/folder"),
        ("SOUNDBITE_ROOTS", "~nobody-of-this-name/music"),
        ("SOUNDBITE_HOME", "~nobody-of-this-name/library"),
        ("SOUNDBITE_ALLOW_URLS", "off,media.example"),
        ("SOUNDBITE_ALLOW_URLS", "https://media.example"),
        ("SOUNDBITE_ALLOW_URLS", "media.example:web"),
        ("TWELVELABS_BASE_URL", "localhost:8765"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_variables_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({name: value})


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SOUNDBITE_WORKERS", "99", "SOUNDBITE_WORKERS must be a whole number from 0 to 64; it is '99'."),
        ("SOUNDBITE_READ_ONLY", "maybe", "SOUNDBITE_READ_ONLY must be 1 or 0; it is 'maybe'."),
        ("SOUNDBITE_LOG_FORMAT", "xml", "SOUNDBITE_LOG_FORMAT must be one of text, json; it is 'xml'."),
    ],
)
def test_the_sentence_says_what_may_be_set(name: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({name: value})
    assert str(refused.value) == sentence


def test_a_variable_set_to_nothing_is_not_set_but_for_the_roots() -> None:
    settings = Settings.from_environment(dict.fromkeys(Settings.variables(), ""))
    assert settings == Settings(roots=())


def test_settings_made_in_code_read_no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDBITE_LOG_LEVEL", "DEBUG")
    assert Settings().log_level == "INFO"
    assert Settings.from_environment().log_level == "DEBUG"


def test_a_flag_goes_before_its_variable() -> None:
    assert Settings.from_environment({"SOUNDBITE_WORKERS": "3"}, workers=2).workers == 2


def test_a_store_nothing_can_be_kept_at_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"SOUNDBITE_STORE can't be 'ftp://host/x'"):
        Settings.from_environment({"SOUNDBITE_STORE": "ftp://host/x"})


def test_the_lancedb_service_needs_its_key_and_keeps_it_to_itself() -> None:
    with pytest.raises(SettingsError, match="LANCEDB_API_KEY"):
        Settings.from_environment({"SOUNDBITE_STORE": "db://recordings"})
    variables = {"SOUNDBITE_STORE": "db://recordings", "LANCEDB_API_KEY": "sk_SECRET", "LANCEDB_REGION": "eu"}
    settings = Settings.from_environment({**variables, "AWS_REGION": "us-west-2"})
    assert (settings.store_access.api_key, settings.store_access.region) == ("sk_SECRET", "eu")
    assert "sk_SECRET" not in f"{settings!r} {settings.model_dump_json()}"


def test_an_s3_service_is_described_by_the_usual_variables() -> None:
    variables = {
        "SOUNDBITE_STORE": "s3://bucket/x",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_REGION": "eu-west-1",
    }
    access = Settings.from_environment(variables).store_access
    assert (access.endpoint, access.region) == ("http://127.0.0.1:9", "eu-west-1")
    access = Settings.from_environment({**variables, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:10"}).store_access
    assert access.endpoint == "http://127.0.0.1:10"
