"""soundbite completion"""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the script that makes a SHELL complete commands and options.

    \b
    bash: put into ~/.bashrc      eval "$(soundbite completion bash)"
    zsh:  put into ~/.zshrc       eval "$(soundbite completion zsh)"
    fish: run once                soundbite completion fish > ~/.config/fish/completions/soundbite.fish
    """
    from click.shell_completion import get_completion_class

    from soundbite_server.cli import cli

    kind = get_completion_class(shell)
    assert kind
    click.echo(kind(cli, {}, "soundbite", "_SOUNDBITE_COMPLETE").source())
