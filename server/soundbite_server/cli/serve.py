"""soundbite serve"""

from __future__ import annotations

import functools
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import click

# The SDK would make a handler of rich's for logs that go to another, and httpx its own command line.
_UNUSED = ("rich",)
# The SDK's streams over HTTP watch it for the end of the server; over stdio there are none.
_UNUSED_OVER_STDIO = ("rich", "uvicorn")


@click.command("serve")
@click.option("--http", "address", metavar="HOST:PORT", help="Serve streamable HTTP there instead of stdio.")
def command(address: str | None = None) -> None:
    """Serve the tools to an agent over stdio, or to several over HTTP.

    Settings come from the environment: TWELVELABS_API_KEY uses the hosted platform, without it everything runs on
    this machine. Over HTTP, SOUNDBITE_HTTP_TOKENS says who may call, and no folder and no URL is open to callers unless
    SOUNDBITE_ROOTS and SOUNDBITE_ALLOW_URLS open them.
    """
    from soundbite_server.cli.quick_start import absent, models_built_late, no_garbage

    with absent(*(_UNUSED_OVER_STDIO if address is None else _UNUSED)):
        with no_garbage(), models_built_late():
            import anyio

            serve = _server(address)
        with absent("sniffio"):  # httpx looks for it with every request to the engine; older versions of anyio have it
            anyio.run(serve)


def _server(address: str | None) -> Callable[[], Awaitable[Any]]:
    from soundbite_server.logs import log_to_stderr
    from soundbite_server.settings import Settings

    settings = Settings.from_environment(over_http=address is not None)
    settings.check_profile()
    settings.check_home()
    if address is None:
        from soundbite_server.app import build_server

        log_to_stderr(settings.log_level, settings.log_format)
        if sys.stdin.isatty():
            click.echo("Waiting for an agent on standard input; `soundbite config` sets one up.", err=True)
        return build_server(settings).run_stdio_async
    import os

    from soundbite_server.http.config import HttpConfig
    from soundbite_server.http.serving import serve_http

    http = HttpConfig.from_environment(address, os.environ)
    log_to_stderr(settings.log_level, settings.log_format)
    return functools.partial(serve_http, settings, http)
