"""soundbite usage"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from soundbite_server.cli.library import console, json_option, print_json, run_async


@click.command("usage")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3650), help="How far to look back.")
@json_option
@run_async
async def command(days: int, as_json: bool) -> None:
    """Show the minutes of audio embedded, and those saved because the sound was there already."""
    from rich.table import Table

    from soundbite_server.settings import Settings
    from soundbite_store import Ledger

    settings = Settings.from_environment()
    today = datetime.now(UTC).date()
    async with await Ledger.open(settings.home / "ledger.sqlite") as ledger:
        counted = await ledger.usage_between(today - timedelta(days=days - 1), today)
    if as_json:
        print_json([asdict(each) for each in counted])
        return
    table = Table(box=None, pad_edge=False)
    for name in ("Day (UTC)", "Platform", "Minutes embedded", "Minutes saved"):
        table.add_column(name, justify="right" if name.startswith("Minutes") else "left")
    for each in counted:
        table.add_row(each.day, each.platform, _minutes(each.seconds_embedded), _minutes(each.seconds_saved))
    out = console()
    out.print(table)
    embedded, saved = (sum(getattr(each, name) for each in counted) for name in ("seconds_embedded", "seconds_saved"))
    out.print(f"{_minutes(embedded)} minutes embedded in {days} days, {_minutes(saved)} saved.")
    budgets = (("a file", settings.budget_file_minutes), ("a day", settings.budget_day_minutes))
    for name, minutes in budgets:
        if minutes and not settings.is_embedded:
            out.print(f"The budget is {minutes:g} minutes {name}.")


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"
