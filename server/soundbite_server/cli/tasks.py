"""soundbite tasks"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

import click

from soundbite_server.cli.library import json_option, print_json, run_async

if TYPE_CHECKING:
    from soundbite_tools.results import TaskResult

_COLUMNS = ("Begun", "Status", "Recording", "Made", "Task")
_STYLES = {"ready": "green", "processing": "yellow", "failed": "red"}


@click.command("tasks")
@click.option("--status", type=click.Choice(list(_STYLES)), help="Only these.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
@json_option
@run_async
async def command(status: str | None, limit: int, as_json: bool) -> None:
    """Show the embedding tasks, newest first: how far they are, and why one failed.

    Looking starts nothing. An agent's server, or the same `soundbite add` again, goes on with what was interrupted.
    """
    from soundbite_server.settings import Settings
    from soundbite_store import Ledger
    from soundbite_tools.embed.task_view import task_result

    settings = Settings.from_environment()
    settings.check_home()
    wanted = cast("Literal['processing', 'ready', 'failed'] | None", status)
    async with await Ledger.open(settings.home / "ledger.sqlite") as ledger:
        found = [
            (task.created_at, task_result(task, await ledger.get_asset(task.asset_id)))
            for task in await ledger.list_tasks(limit, status=wanted)
        ]
    if as_json:
        print_json([{**_document(task), "created": created.isoformat()} for created, task in found])
        return
    _print([(created.astimezone().strftime("%Y-%m-%d %H:%M"), task) for created, task in found])


def _document(task: TaskResult) -> dict[str, Any]:
    return task.model_dump(mode="json")


def _print(found: list[tuple[str, TaskResult]]) -> None:
    from rich.text import Text

    from soundbite_server.cli.render.tables import Column, print_table

    if not found:
        click.echo("No tasks.")
        return
    columns = [Column(name, is_wrapped=name in ("Recording", "Made")) for name in _COLUMNS]
    rows = []
    for begun, task in found:
        status = f"{task.progress:.0%} {task.stage}" if task.status == "processing" else task.status
        made = f"{task.embedding_count} embeddings" if task.embedding_count else task.error
        rows.append((begun, Text(status, _STYLES[task.status]), task.title, made, Text(task.task_id, "dim")))
    print_table(columns, rows)
