"""soundbite serve"""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterator
from contextlib import contextmanager

import click


@click.command("serve")
@click.option("--http", "address", metavar="HOST:PORT", help="Serve streamable HTTP there instead of stdio.")
def command(address: str | None = None) -> None:
    """Serve the tools to an agent over stdio, or to several over HTTP.

    Settings come from the environment: TWELVELABS_API_KEY uses the hosted platform, without it everything runs on
    this machine. Over HTTP, SOUNDBITE_HTTP_TOKENS says who may call, and no folder and no URL is open to callers unless
    SOUNDBITE_ROOTS and SOUNDBITE_ALLOW_URLS open them.
    """
    with _no_garbage():
        import anyio

        from soundbite_server.logs import log_to_stderr
        from soundbite_server.settings import Settings

        settings = Settings.from_environment(over_http=address is not None)
        settings.check_profile()
        if address is None:
            from soundbite_server.app import build_server

            log_to_stderr(settings.log_level, settings.log_format)
            serve = build_server(settings).run_stdio_async
        else:
            import os

            from soundbite_server.http.config import HttpConfig
            from soundbite_server.http.serving import serve_http

            http = HttpConfig.from_environment(address, os.environ)
            log_to_stderr(settings.log_level, settings.log_format)
            serve = functools.partial(serve_http, settings, http)
    anyio.run(serve)


@contextmanager
def _no_garbage() -> Iterator[None]:
    # What a start makes stays to the end. Looking for garbage in it takes a tenth of the start, and of later calls.
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
