"""soundbite demo"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from soundbite_server.cli.library import console, run_async


@click.command("demo")
@click.argument("samples", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@run_async
async def demo_command(samples: Path | None) -> None:
    """Embed the SAMPLES as an agent would, ask questions, and check every answer.

    Needs the repository's samples folder; nothing is kept and nothing leaves this machine.
    """
    from soundbite_server.cli.demo_run import find_samples, run_demo

    sys.exit(await run_demo(samples or find_samples(), console()))
