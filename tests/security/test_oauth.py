"""Tokens of an OAuth issuer, with real keys and a real server that publishes them: what is let in, and what is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from handshake import HEADERS, HELLO
from jwt.algorithms import RSAAlgorithm

from soundbite_server.http import app
from soundbite_server.http.app import build_http_app
from soundbite_server.http.settings import HttpSettings

ISSUER, RESOURCE = "https://login.example.org", "https://ears.example.org/mcp"


def new_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return new_key()


@pytest.fixture(scope="module")
def stranger() -> RSAPrivateKey:
    return new_key()


class Issuer:
    """Publishes keys on loopback; it may answer nonsense, nothing, or not be there."""

    def __init__(self, key: RSAPrivateKey) -> None:
        self.asked = 0
        self.body = b""
        self.gate = threading.Event()
        self.gate.set()
        self.publish(k1=key)
        issuer = self

        class Keys(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                issuer.gate.wait(60)
                self.send_response(200)
                self.send_header("content-length", str(len(issuer.body)))
                self.end_headers()
                self.wfile.write(issuer.body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def publish(self, **keys: RSAPrivateKey) -> None:
        published = [
            {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": "RS256"}
            for kid, key in keys.items()
        ]
        self.body = json.dumps({"keys": published}).encode()

    def go_down(self) -> None:
        self.gate.set()
        if self._thread.is_alive():
            self.server.shutdown()
            self._thread.join()
            self.server.server_close()


@pytest.fixture
def issuer(key: RSAPrivateKey) -> Iterator[Issuer]:
    made = Issuer(key)
    yield made
    made.go_down()


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {"iss": ISSUER, "aud": RESOURCE, "sub": "ann", "iat": now, "exp": now + 300, "scope": "audio other"}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(by: Any, algorithm: str = "RS256", kid: str = "k1", **changes: Any) -> str:
    return jwt.encode(claims(**changes), by, algorithm=algorithm, headers={"kid": kid})


class Door:
    """The endpoint, as who comes with a token meets it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def status(self, token: str) -> int:
        answer = await self.http.post("/mcp", json=HELLO, headers={"authorization": f"Bearer {token}"})
        return answer.status_code


@asynccontextmanager
async def opened(home: Path, issuer: Issuer) -> AsyncIterator[Door]:
    env = {
        "SOUNDBITE_OAUTH_ISSUER": ISSUER,
        "SOUNDBITE_OAUTH_JWKS_URL": issuer.url,
        "SOUNDBITE_HTTP_URL": RESOURCE,
        "SOUNDBITE_OAUTH_SCOPES": "audio",
    }
    app = build_http_app(
        HttpSettings.from_environment(env, home=home, roots=(), workers=1, http_address="127.0.0.1:8765")
    )
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765", headers=HEADERS, timeout=60) as http,
    ):
        yield Door(http)


async def test_a_token_of_the_issuer_for_this_server_is_let_in(
    tmp_path: Path, issuer: Issuer, key: RSAPrivateKey
) -> None:
    async with opened(tmp_path, issuer) as door:
        assert await door.status(signed(key)) == 200
        assert await door.status(signed(key, aud=["https://b.example", RESOURCE])) == 200
        assert await door.status(signed(key, scope="other")) == 403
        assert issuer.asked == 1
        about = (await door.http.get("/.well-known/oauth-protected-resource/mcp")).json()
    assert (about["authorization_servers"], about["resource"]) == ([ISSUER], RESOURCE)


async def refused(tmp_path: Path, issuer: Issuer, key: RSAPrivateKey, *bad: str) -> None:
    """Refused with a good one before and after: the door works, and a bad token breaks nothing."""
    async with opened(tmp_path, issuer) as door:
        assert await door.status(signed(key)) == 200
        for token in bad:
            assert await door.status(token) == 401, token[:80]
        assert await door.status(signed(key)) == 200


@pytest.mark.parametrize(
    "audience", ["https://other.example/mcp", f"{RESOURCE}/more", RESOURCE.removesuffix("/mcp"), "", [], None]
)
async def test_a_token_for_another_audience_is_refused(
    audience: Any, tmp_path: Path, issuer: Issuer, key: RSAPrivateKey
) -> None:
    await refused(tmp_path, issuer, key, signed(key, aud=audience))


@pytest.mark.parametrize("name", ["https://login.evil.example", f"{ISSUER}/", f"{ISSUER}.evil.example", "", None])
async def test_a_token_of_another_issuer_is_refused(
    name: str | None, tmp_path: Path, issuer: Issuer, key: RSAPrivateKey
) -> None:
    await refused(tmp_path, issuer, key, signed(key, iss=name))


async def test_a_token_signed_by_another_key_is_refused(
    tmp_path: Path, issuer: Issuer, key: RSAPrivateKey, stranger: RSAPrivateKey
) -> None:
    own = RSAAlgorithm.to_jwk(stranger.public_key(), as_dict=True)
    embedded = jwt.encode(claims(), stranger, algorithm="RS256", headers={"kid": "k1", "jwk": own})
    elsewhere = jwt.encode(
        claims(), stranger, algorithm="RS256", headers={"kid": "k1", "jku": "https://evil.example/k"}
    )
    bad = (signed(stranger), signed(key, kid="k2"), embedded, elsewhere, signed(key)[:-4] + "AAAA", signed(key) + "x")
    await refused(tmp_path, issuer, key, *bad)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
async def test_a_token_without_a_signature_is_refused(
    algorithm: str, tmp_path: Path, issuer: Issuer, key: RSAPrivateKey
) -> None:
    _, body, signature = signed(key).split(".")
    head = encoded(json.dumps({"alg": algorithm, "typ": "JWT", "kid": "k1"}).encode())
    await refused(tmp_path, issuer, key, f"{head}.{body}.", f"{head}.{body}.{signature}")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(
    algorithm: str, tmp_path: Path, issuer: Issuer, key: RSAPrivateKey
) -> None:
    """By hand: the library refuses to make such a token."""
    public = key.public_key()
    body = encoded(json.dumps(claims()).encode())
    head = encoded(json.dumps({"alg": algorithm, "typ": "JWT", "kid": "k1"}).encode())
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(RSAAlgorithm.to_jwk(public, as_dict=True)).encode(),
    ]
    digest = getattr(hashlib, f"sha{algorithm[2:]}")
    bad = [f"{head}.{body}.{encoded(hmac.new(one, f'{head}.{body}'.encode(), digest).digest())}" for one in secrets]
    await refused(tmp_path, issuer, key, *bad)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def test_a_token_that_has_expired_is_refused(tmp_path: Path, issuer: Issuer, key: RSAPrivateKey) -> None:
    now = int(time.time())
    bad = (signed(key, exp=now - 300), signed(key, exp=0), signed(key, exp=-1), signed(key, exp=None))
    await refused(tmp_path, issuer, key, *bad)


async def test_a_token_that_is_not_valid_yet_is_refused(tmp_path: Path, issuer: Issuer, key: RSAPrivateKey) -> None:
    now = int(time.time())
    await refused(tmp_path, issuer, key, signed(key, nbf=now + 300), signed(key, iat=now + 300))


async def test_a_token_of_nobody_and_what_is_no_token_are_refused(
    tmp_path: Path, issuer: Issuer, key: RSAPrivateKey
) -> None:
    await refused(tmp_path, issuer, key, signed(key, sub=None), "a.b.c", "..", "a" * 9000 + ".b.c", "{}.{}.{}")


async def test_a_key_that_the_issuer_changes_while_the_server_runs_is_taken_and_the_old_one_no_more(
    tmp_path: Path, issuer: Issuer, key: RSAPrivateKey, stranger: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_ASKED_EVERY_S", 0.0)
    async with opened(tmp_path, issuer) as door:
        assert await door.status(signed(key)) == 200
        issuer.publish(k2=stranger)
        assert await door.status(signed(key)) == 200, "it is known for some minutes"
        assert await door.status(signed(stranger, kid="k2")) == 200
        assert await door.status(signed(key)) == 401


async def test_names_of_keys_that_nobody_knows_do_not_make_the_server_ask_each_time(
    tmp_path: Path, issuer: Issuer, key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_ASKED_EVERY_S", 3600.0)
    async with opened(tmp_path, issuer) as door:
        for number in range(20):
            assert await door.status(signed(key, kid=f"new-{number}")) == 401
        assert await door.status(signed(key)) == 200
    assert issuer.asked == 1


@pytest.mark.parametrize("way", ["not there", "no JSON", "no keys", "a list"])
async def test_while_the_issuer_is_down_its_known_keys_are_taken(
    way: str, tmp_path: Path, issuer: Issuer, key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_KEYS_KEPT_S", 1e-6)  # so that each call asks
    monkeypatch.setattr(app, "_ASKED_EVERY_S", 0.0)
    bodies = {"no JSON": b"<html>502 Bad Gateway</html>", "no keys": b'{"keys": []}', "a list": b"[]"}
    async with opened(tmp_path, issuer) as door:
        assert await door.status(signed(key)) == 200
        if way == "not there":
            issuer.go_down()
        else:
            issuer.body = bodies[way]
        assert await door.status(signed(key)) == 200
        assert await door.status(signed(key, kid="k2")) == 401
        monkeypatch.setattr(app, "_KEYS_TRUSTED_S", 0.0)
        assert await door.status(signed(key)) == 401, "they are not good for ever"


async def test_an_issuer_that_was_never_there_lets_nobody_in_and_is_asked_once_in_a_while(
    tmp_path: Path, issuer: Issuer, key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not answer must not make each caller wait for it."""
    monkeypatch.setattr(app, "_FETCH_TIMEOUT_S", 0.3)
    monkeypatch.setattr(app, "_ASKED_EVERY_S", 3600.0)
    issuer.gate.clear()
    async with opened(tmp_path, issuer) as door:
        for _ in range(20):
            assert await door.status(signed(key)) == 401
        assert issuer.asked == 1
        assert (await door.http.get("/healthz")).status_code == 200
        issuer.gate.set()
        monkeypatch.setattr(app, "_ASKED_EVERY_S", 0.0)
        assert await door.status(signed(key)) == 200, "once it is there, its tokens are good"
