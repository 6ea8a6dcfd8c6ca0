"""soundbite doctor --live"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.to_thread
from rich.markup import escape

if TYPE_CHECKING:
    from soundbite_server.cli.render.findings import Printer
    from soundbite_tools.library import Library

REPORT_NAME = "live-probe.md"


async def check_live(out: Printer, library: Library) -> None:
    """Ask the platform what its contract leaves open, print it, and keep it as a file in the library's folder.

    Raises:
        PlatformError: it does not answer.
    """
    from soundbite_server.cli.live_probe import probe_platform

    report = await probe_platform(library.client)
    for finding in report.findings:
        out.print(f"[green]live[/green]  {finding.question}: {escape(finding.answer)}")
    path = library.config.home / REPORT_NAME
    await anyio.to_thread.run_sync(lambda: path.write_text(report.to_markdown(), encoding="utf-8"))
    out.print(
        f"[green]live[/green]  at most {report.seconds:g} seconds of audio were embedded; kept in {escape(str(path))}"
    )
