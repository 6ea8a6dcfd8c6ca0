"""The command line: one module a command, loaded only when it is called."""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys

import click
from click.shell_completion import CompletionItem, add_completion_class

from soundbite_server.cli.failures import EXIT_CODES, report_failures

# Listed by hand so that --help loads none of them: name, module, what it says of itself.
_TABLE = (
    ("serve", "serve", "Serve the tools to an agent over stdio, or to several over HTTP."),
    ("engine", "serve", "Serve the embedding platform of this machine to the TwelveLabs SDK."),
    ("add", "add", "Add recordings: files, folders, patterns, addresses."),
    ("bulk", "bulk", "Add a whole collection on a Ray cluster, into a store that its machines share."),
    ("search", "search", "Find the seconds of sound that answer a question."),
    ("list", "records", "Show the recordings in the library."),
    ("show", "records", "Show one recording along its time."),
    ("tasks", "records", "Show the embedding tasks."),
    ("tag", "records", "Give a recording tags, or take some away."),
    ("listen", "streaming", "Record what is heard now, and search it as it comes."),
    ("notify", "streaming", "Say when something new answers a question."),
    ("rename", "records", "Give a recording another title."),
    ("chapters", "transcripts.export", "Show what a recording is about, chapter by chapter."),
    ("correct", "transcripts.correct", "Put right words that were recognised wrongly."),
    ("teach", "transcripts.correct", "Teach names as they are spelled, and put them where they were misheard."),
    ("erase", "transcripts.correct", "Erase a part of a recording for good."),
    ("rm", "records", "Remove recordings from the library."),
    ("speakers", "speakers", "Show who speaks in which recordings."),
    ("name-speaker", "speakers", "Say who a speaker of a recording is."),
    ("plot", "plot", "Draw a recording, its answers, or the library."),
    ("usage", "records", "Show the minutes of audio embedded and saved."),
    ("doctor", "doctor", "Check the settings, the engine and the library."),
    ("models", "models", "Get and remove the model files of the profiles sounds and full."),
    ("config", "setup", "Print or write the configuration of an agent host."),
    ("reembed", "reembed", "Embed again what another engine embedded."),
    ("relink", "reembed", "Find the files of recordings that moved."),
    ("export", "transcripts.export", "Write the library to a Parquet file."),
    ("import", "records", "Read a library that was exported."),
    ("completion", "setup", "Print what makes a shell complete commands."),
)
# Under these headings they stand in --help; what is new and in no group comes last.
_GROUPS = {
    "Ask": "search notify show chapters plot list speakers",
    "Recordings": "add listen name-speaker tag rename correct teach erase rm tasks reembed",
    "Agents and servers": "config serve engine",
    "The library": "usage doctor relink models export import bulk completion",
}
COMMANDS = {name: summary for name, _, summary in _TABLE}
_MODULES = {name: module for name, module, _ in _TABLE}

USAGE = """\
Soundbite gives LLM agents ears. An agent starts it as an MCP server over stdio, like this:

  {"mcpServers": {"soundbite": {"command": "soundbite"}}}

From here you can try it yourself:

  soundbite add recording.mp3      add a recording
  soundbite search "what was said" find the seconds that answer
  soundbite --help                 all commands"""


class CommandGroup(click.Group):
    """Commands that are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, loading its module."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"soundbite_server.cli.{_MODULES[cmd_name]}")
        command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that was named; of one that is not known, name the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as exc:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            if not near:
                raise
            raise click.UsageError(f"{exc.message} Did you mean {near[0]!r}?", ctx) from exc

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what may follow, naming the commands without loading them."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(name, help=summary) for name, summary in COMMANDS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading them."""
        rest = dict(COMMANDS)
        for heading, names in _GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, rest.pop(name)) for name in names.split() if name in rest])
        if rest:
            with formatter.section("More"):
                formatter.write_dl(list(rest.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the exit codes mean."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in EXIT_CODES.items()])


@click.group(cls=CommandGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="soundbite", prog_name="soundbite")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Ears for LLM agents: embed recordings, ask in words, get the seconds that answer.

    Without a command it serves an agent over stdio, or says how when a person calls it.
    """
    if ctx.invoked_subcommand is None:
        if sys.stdin.isatty():
            click.echo(USAGE)
        else:
            command = ctx.command.get_command(ctx, "serve")  # type: ignore[attr-defined] # our own group
            ctx.invoke(command)


def main() -> None:
    """Run the command line and exit with its status."""
    # Before numpy is loaded. The matrices here are small: the threads of a BLAS wait for each other most of the time,
    # and where other work keeps the processors busy they make one take twenty times as long.
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    # Loading makes some hundred thousand objects that stay. With Python's own threshold a tenth of a short command goes
    # into looking through them, and a server does so again every few questions.
    gc.set_threshold(20_000)
    _take_any_surroundings()
    if "_SOUNDBITE_COMPLETE" in os.environ:
        from soundbite_server.cli.options import QuotedBash

        add_completion_class(QuotedBash)
    with report_failures():
        sys.exit(cli(prog_name="soundbite", standalone_mode=False) or 0)


def _take_any_surroundings() -> None:
    """Run in a working folder that was deleted, and write titles in scripts that the locale does not know."""
    try:
        os.getcwd()  # noqa: PTH109 - nothing but whether it fails
    except OSError:
        os.chdir("/")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file or a program gets UTF-8; a terminal what it can show.
        sys.stdout.reconfigure(encoding=None if sys.stdout.isatty() else "utf-8", errors="replace")
