"""soundbite config"""

from __future__ import annotations

import os
import sys

import click

from soundbite_server.cli.failures import FAILED_EXIT_CODE

# As in soundbite_server.cli.clients, which is loaded only when the command runs; a test compares them.
CLIENTS = ("claude-desktop", "claude-code", "vscode", "cursor", "codex")


@click.command("config")
@click.option("--client", type=click.Choice(CLIENTS), required=True, help="The program that will start Soundbite.")
@click.option("--install", "is_install", is_flag=True, help="Write it there, keeping a backup of what was.")
def command(client: str, is_install: bool) -> None:
    """Print what to write into an agent's configuration, or write it.

    The settings of this shell (home, roots, profile, store, …) go into it; a key never does, only its place.
    """
    from soundbite_server.cli.clients import HOSTS, ClientConfigProblem, entry_for, install, snippet

    host, entry = HOSTS[client], entry_for(os.environ)
    if not is_install:
        click.echo(snippet(host, entry), nl=False)
        click.echo(f"This belongs in {host.path()} ({host.name}); --install writes it there.", err=True)
        return
    try:
        path, backup = install(host, entry)
    except ClientConfigProblem as exc:
        click.echo(snippet(host, entry), nl=False)
        click.echo(f"soundbite: {exc}", err=True)
        sys.exit(FAILED_EXIT_CODE)
    kept = f"; what was there before is in {backup}" if backup else ""
    click.echo(f"Written to {path}{kept}. Restart {host.name} to use it.")
