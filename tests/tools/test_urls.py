"""Which addresses may be a source."""

import pytest

from soundbite_tools.errors import SourceProblem
from soundbite_tools.library import UrlRules
from soundbite_tools.sources.sources import allowed_url

PUBLIC = UrlRules()


@pytest.mark.parametrize(
    "url", ["https://example.com/a.mp3", "https://example.com:8443/a?b=c#d", "https://93.184.216.34/a.wav"]
)
def test_a_public_https_address_is_taken_as_it_is(url: str) -> None:
    assert allowed_url(url, PUBLIC) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.mp3",
        "https://localhost/a.mp3",
        "https://LOCALHOST./a.mp3",
        "https://app.localhost/a.mp3",
        "https://printer.local/a.mp3",
        "https://metadata.google.internal/a.mp3",
        "https://127.0.0.1/a.mp3",
        "https://10.1.2.3/a.mp3",
        "https://192.168.0.1/a.mp3",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/a.mp3",
        "https://0.0.0.0/a.mp3",
        "https://[::1]/a.mp3",
        "https://[::ffff:127.0.0.1]/a.mp3",
        "https://[fe80::1]/a.mp3",
        "https://[fd00::1]/a.mp3",
        "https://0x7f.1/a.mp3",
        "https://0x7f000001/a.mp3",
        "https://2130706433/a.mp3",
        "https://127.1/a.mp3",
        "https://0177.0.0.1/a.mp3",
    ],
)
def test_an_address_that_is_not_public_https_is_refused(url: str) -> None:
    with pytest.raises(SourceProblem) as refused:
        allowed_url(url, PUBLIC)
    assert refused.value.code == "url_refused"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/a.mp3",
        "file:///etc/passwd",
        "https://",
        "https:///a.mp3",
        "https://user:secret@example.com/a.mp3",
        "https://example.com\t.evil.org/a.mp3",
        "https://example.com/a\nb.mp3",
        "https://example.com/\x00",
        "https://[::1/a.mp3",
        "https://example.com:99999/a.mp3",
        "https://example.com/" + "a" * 3000,
    ],
)
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(SourceProblem) as refused:
        allowed_url(url, PUBLIC)
    assert refused.value.code == "url_invalid"
    assert "secret" not in str(refused.value)


def test_listed_hosts_are_taken_over_http_and_from_private_addresses() -> None:
    rules = UrlRules(mode="off", hosts=frozenset({"127.0.0.1:8080", "nas.local"}))
    assert allowed_url("http://127.0.0.1:8080/a.wav", rules)
    assert allowed_url("http://NAS.local:9000/a.wav", rules)
    with pytest.raises(SourceProblem):
        allowed_url("http://127.0.0.1:8081/a.wav", rules)


def test_off_takes_no_public_address_and_says_which_setting_would() -> None:
    with pytest.raises(SourceProblem, match="SOUNDBITE_ALLOW_URLS"):
        allowed_url("https://example.com/a.mp3", UrlRules(mode="off"))
