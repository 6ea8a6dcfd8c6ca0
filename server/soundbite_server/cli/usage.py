"""soundbite usage"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from soundbite_server.cli.library import console, json_option, print_json, run_async

_COLUMNS = ("Day (UTC)", "Platform", "Minutes embedded", "Minutes saved")


@click.command("usage")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3650), help="How far to look back.")
@json_option
@run_async
async def command(days: int, as_json: bool) -> None:
    """Show the minutes of audio embedded, and those saved because the sound was there already."""
    from soundbite_server.cli.render.tables import Column, print_table
    from soundbite_server.settings import Settings
    from soundbite_store import Ledger

    settings = Settings.from_environment()
    settings.check_home()
    today = datetime.now(UTC).date()
    async with await Ledger.open(settings.home / "ledger.sqlite") as ledger:
        counted = await ledger.usage_between(today - timedelta(days=days - 1), today)
    if as_json:
        print_json([asdict(each) for each in counted])
        return
    out = console()
    if counted:
        columns = [Column(name, is_number=name.startswith("Minutes")) for name in _COLUMNS]
        rows = ((each.day, each.platform, each.seconds_embedded, each.seconds_saved) for each in counted)
        print_table(columns, ((day, platform, *map(_minutes, seconds)) for day, platform, *seconds in rows))
    embedded = sum(each.seconds_embedded for each in counted)
    saved = sum(each.seconds_saved for each in counted)
    out.print(f"{_minutes(embedded)} minutes embedded in {days} days, {_minutes(saved)} saved.")
    budgets = (("a file", settings.budget_file_minutes), ("a day", settings.budget_day_minutes))
    for name, minutes in budgets:
        if minutes and not settings.is_embedded:
            out.print(f"The budget is {minutes:g} minutes {name}.")


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"
