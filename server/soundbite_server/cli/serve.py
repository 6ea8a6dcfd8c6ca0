"""soundbite serve and engine: the tools for agents, and the embedding platform of this machine alone."""

from __future__ import annotations

import functools
import gc
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import socket

    from soundbite_engine import EngineConfig
    from soundbite_server.settings import EngineSettings

# Requests under way get this long to end; tasks go on at the next start.
_GRACE_S = 10
# Longer than clients keep an idle connection (httpx, and so the SDK: 5 s): a server that closes first may close one on
# which a request is already under way.
_KEEP_ALIVE_S = 75
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command("serve")
@click.option("--http", "address", metavar="HOST:PORT", help="Serve streamable HTTP there instead of stdio.")
def serve_command(address: str | None = None) -> None:
    """Serve the tools to an agent over stdio, or to several over HTTP.

    Settings come from the environment: TWELVELABS_API_KEY uses the hosted platform, without it everything runs on
    this machine. Over HTTP, SOUNDBITE_HTTP_TOKENS says who may call, and no folder and no URL is open to callers unless
    SOUNDBITE_ROOTS and SOUNDBITE_ALLOW_URLS open them.
    """
    import anyio

    # What a start makes stays to the end: looking for garbage in it takes a tenth of the start, and of later calls.
    gc.disable()
    try:
        serve = _server(address)
    finally:
        gc.freeze()
        gc.enable()
    anyio.run(serve)


def _server(address: str | None) -> Callable[[], Awaitable[Any]]:
    from soundbite_server.logs import log_to_stderr
    from soundbite_server.settings import Settings

    if address is not None:
        from soundbite_server.http.connections import serve_http
        from soundbite_server.http.settings import HttpSettings

        http = HttpSettings.from_environment(http_address=address)
        http.check_start()
        log_to_stderr(http.log_level, http.log_format)
        return functools.partial(serve_http, http)
    settings = Settings.from_environment()
    settings.check_start()
    from soundbite_server.app import build_server

    log_to_stderr(settings.log_level, settings.log_format)
    if sys.stdin.isatty():
        click.echo("Waiting for an agent on standard input; `soundbite config` sets one up.", err=True)
    return build_server(settings).run_stdio_async


@click.command("engine")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
def engine_command(host: str, port: int) -> None:
    """Serve the embedding platform of this machine alone, for the TwelveLabs SDK or anything that speaks its contract.

    SOUNDBITE_ENGINE_KEY is the API key that callers must send; without it any key will do, and only this machine is
    served. SOUNDBITE_ENGINE_REQUESTS_PER_MINUTE and SOUNDBITE_ENGINE_MEDIA_MINUTES_PER_HOUR limit them. SOUNDBITE_HOME,
    SOUNDBITE_ALLOW_URLS, SOUNDBITE_WORKERS and SOUNDBITE_LOG_LEVEL are as for the other commands.
    """
    import anyio

    from soundbite_server.logs import log_to_stderr
    from soundbite_server.settings import EngineSettings

    settings = EngineSettings.from_environment(engine_host=host)
    settings.check_start()
    log_to_stderr(settings.log_level)
    anyio.run(functools.partial(_serve_engine, _engine_config(settings), host, port))


def _engine_config(settings: EngineSettings) -> EngineConfig:
    from soundbite_engine import EngineConfig, RateLimits, UrlPolicy

    config = EngineConfig(
        # Not the library's own engine: callers must not see the recordings a person keeps there.
        home=settings.home / "served-engine",
        profile=settings.profile,
        models=settings.models,
        speakers=settings.speakers,
        glossary=settings.glossary,
        allow_urls=UrlPolicy.parse(settings.allow_urls),
        api_key=settings.engine_key.get_secret_value() if settings.engine_key else None,
        limits=RateLimits(
            requests_per_minute=settings.engine_requests_per_minute or None,
            media_minutes_per_hour=settings.engine_media_minutes_per_hour or None,
        ),
    )
    return replace(config, workers=settings.workers) if settings.workers else config


async def _serve_engine(config: EngineConfig, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; requests end, and tasks are left to the next start."""
    import uvicorn
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from soundbite_engine import Engine
    from soundbite_server.http.connections import Connection, Server

    with _listening(host, port) as listening:
        async with Engine(config) as engine:
            # Without a key, a site whose name an attacker points at this machine must find nobody (DNS rebinding).
            names = ["*"] if config.api_key else [*_LOOPBACK, "[::1]"]
            server = Server(
                uvicorn.Config(
                    TrustedHostMiddleware(engine.app, allowed_hosts=names, www_redirect=False),
                    http=Connection,
                    lifespan="off",  # the engine's own context manager opens and closes it
                    log_config=None,
                    access_log=False,
                    ws="none",
                    timeout_keep_alive=_KEEP_ALIVE_S,
                    timeout_graceful_shutdown=_GRACE_S,
                    server_header=False,
                )
            )
            # uvicorn raises the signal that stopped it once more, and the default action would end this process before
            # the engine has closed.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: None)
            _announce(config, listening)
            await server.serve_on(listening)


def _listening(host: str, port: int) -> socket.socket:
    from soundbite_server.http.connections import listen
    from soundbite_server.settings import SettingsError

    try:
        return listen(host, port)
    except OSError as exc:
        raise SettingsError(f"--port: can't listen on {host}:{port}: {exc.strerror or exc}.") from exc


def _announce(config: EngineConfig, listening: socket.socket) -> None:
    address, port = listening.getsockname()[:2]
    click.echo(f"TWELVELABS_BASE_URL=http://{f'[{address}]' if ':' in address else address}:{port}/v1.3")
    key = "the value of SOUNDBITE_ENGINE_KEY" if config.api_key else "any text"
    click.echo(
        "The engine is running. For a program to use it, set TWELVELABS_BASE_URL to the address above where that "
        f"program starts, and give it {key} as its API key. Ctrl+C stops the engine.",
        err=True,
    )
