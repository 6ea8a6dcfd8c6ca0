"""soundbite serve"""

from __future__ import annotations

import click


@click.command("serve")
def command() -> None:
    """Serve the tools to an agent over stdio.

    Settings come from the environment: TWELVELABS_API_KEY uses the hosted platform, without it everything runs on
    this machine.
    """
    from soundbite_server.settings import Settings

    settings = Settings.from_environment()
    import anyio

    from soundbite_server.app import build_server
    from soundbite_server.logs import log_to_stderr

    log_to_stderr(settings.log_level)
    anyio.run(build_server(settings).run_stdio_async)
