"""soundbite serve"""

from __future__ import annotations

import functools

import click


@click.command("serve")
@click.option("--http", "address", metavar="HOST:PORT", help="Serve streamable HTTP there instead of stdio.")
def command(address: str | None = None) -> None:
    """Serve the tools to an agent over stdio, or to several over HTTP.

    Settings come from the environment: TWELVELABS_API_KEY uses the hosted platform, without it everything runs on
    this machine. Over HTTP, SOUNDBITE_HTTP_TOKENS says who may call, and no folder and no URL is open to callers unless
    SOUNDBITE_ROOTS and SOUNDBITE_ALLOW_URLS open them.
    """
    from soundbite_server.settings import Settings

    settings = Settings.from_environment(over_http=address is not None)
    settings.check_profile()
    import anyio

    from soundbite_server.logs import log_to_stderr

    if address is not None:
        import os

        from soundbite_server.http.config import HttpConfig
        from soundbite_server.http.serving import serve_http

        http = HttpConfig.from_environment(address, os.environ)
        log_to_stderr(settings.log_level, settings.log_format)
        anyio.run(functools.partial(serve_http, settings, http))
        return

    from soundbite_server.app import build_server

    log_to_stderr(settings.log_level, settings.log_format)
    anyio.run(build_server(settings).run_stdio_async)
