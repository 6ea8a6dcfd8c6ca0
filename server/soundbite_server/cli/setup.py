"""soundbite config and completion: how agent hosts and shells are told of this program."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import platformdirs

from soundbite_server.cli.failures import FAILED_EXIT_CODE

SERVER_NAME = "soundbite"
# What reaches a store that is no folder, and the keys to it, of which only the place is written.
_STORE_PLACES = (
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "AZURE_STORAGE_ACCOUNT_NAME",
    "LANCEDB_REGION",
    "LANCEDB_HOST",
)
_STORE_KEYS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "LANCEDB_API_KEY",
)
_FOLDERS = frozenset({"SOUNDBITE_HOME", "SOUNDBITE_STORE", "SOUNDBITE_ROOTS", "SOUNDBITE_MODELS"})
KEY_VARIABLE = "TWELVELABS_API_KEY"
KEY_PLACEHOLDER = "<your TwelveLabs API key>"
SHELLS = ("bash", "zsh", "fish")


class ClientConfigProblem(Exception):
    """A host's configuration can't be read or written; the message says what to do."""


@dataclass(frozen=True)
class Entry:
    """The one source of all snippets: what a host starts."""

    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return the entry as most hosts read it."""
        return {"command": self.command, "args": list(self.args), **({"env": dict(self.env)} if self.env else {})}


@dataclass(frozen=True)
class AgentHost:
    """A program that starts MCP servers: where it reads of them, and how."""

    name: str
    path: Callable[[], Path]
    key: str
    """Name of the table that holds the servers."""
    more: Mapping[str, str]
    """What the host wants to read besides."""
    is_toml: bool = False


def entry_for(environ: Mapping[str, str]) -> Entry:
    """Return how a host starts this installation, with the settings of this shell; a key is never copied."""
    program = shutil.which("soundbite")
    # Hosts start servers without the shell's PATH: the command is named in full.
    command, args = (program, ("serve",)) if program else (sys.executable, ("-m", "soundbite_server", "serve"))
    env = {name: _anywhere(name, environ[name]) for name in _passed_on() if environ.get(name)}
    if "://" in env.get("SOUNDBITE_STORE", ""):
        env |= {name: environ[name] for name in _STORE_PLACES if environ.get(name)}
        env |= {name: f"<your {name}>" for name in _STORE_KEYS if environ.get(name)}
    if environ.get(KEY_VARIABLE) or environ.get("TWELVE_LABS_API_KEY"):
        env[KEY_VARIABLE] = KEY_PLACEHOLDER
    return Entry(command, args, env)


def _passed_on() -> list[str]:
    """What a person may have set in this shell and would miss in a host, which starts the server without it."""
    from soundbite_server.settings import Settings

    of_server = ("log_level", "log_format", "api_key")  # a host has its own logs, and a key is never written
    variables = {variable: name for variable, name in Settings.variables().items() if name not in of_server}
    return [variable for variable in variables if variable.startswith(("SOUNDBITE_", "TWELVELABS_"))]


def _anywhere(name: str, value: str) -> str:
    # A host starts the server in a working folder of its own.
    if name not in _FOLDERS or "://" in value:
        return value
    folders = value.split(os.pathsep) if name == "SOUNDBITE_ROOTS" else [value]
    return os.pathsep.join(_absolute(folder) for folder in folders if folder)


def _absolute(folder: str) -> str:
    try:
        return str(Path(folder).expanduser().absolute())
    except RuntimeError:
        return folder  # ~ of a user there is not: the server's start says so


def snippet(host: AgentHost, entry: Entry) -> str:
    """Return what to write into the host's configuration."""
    if host.is_toml:
        return _toml(host, entry)
    return json.dumps({host.key: {SERVER_NAME: {**host.more, **entry.as_json()}}}, indent=2, ensure_ascii=False) + "\n"


def install(host: AgentHost, entry: Entry) -> tuple[Path, Path | None]:
    """Write the entry into the host's configuration; return its path and that of the backup, if one was made.

    Raises:
        ClientConfigProblem: the configuration can't be understood or written; it is left as it was.
    """
    # Where it is a link, as those who keep such files under version control make it, the file behind it is written.
    path = Path(os.path.realpath(host.path()))
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after = _with_toml(before, host, entry) if host.is_toml else _with_json(before, host, entry, path)
        if after == before:
            return path, None
        backup = None
        if before:
            backup = _free_name(path)
            shutil.copy2(path, backup)
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_name(f".{path.name}.soundbite")
        written.write_text(after, encoding="utf-8")
        if before:
            shutil.copymode(path, written)
        written.replace(path)
    except (OSError, UnicodeDecodeError) as exc:
        raise ClientConfigProblem(f"{path} can't be read or written: {exc}. Paste the snippet by hand.") from exc
    return path, backup


def _free_name(path: Path) -> Path:
    # A backup made before holds what the host's owner wrote, and is kept.
    first = path.with_name(f"{path.name}.before-soundbite")
    more = (path.with_name(f"{first.name}-{count}") for count in itertools.count(2))
    return next(name for name in itertools.chain([first], more) if not name.exists())


def _with_json(before: str, host: AgentHost, entry: Entry, path: Path) -> str:
    try:
        config = json.loads(before) if before.strip() else {}
    except ValueError as exc:
        # VS Code allows comments; writing it back would lose them.
        raise ClientConfigProblem(f"{path} is not plain JSON. Paste the snippet by hand.") from exc
    servers = config.setdefault(host.key, {}) if isinstance(config, dict) else None
    if not isinstance(servers, dict):
        raise ClientConfigProblem(f"{path} has no object of servers. Paste the snippet by hand.")
    servers[SERVER_NAME] = {**host.more, **entry.as_json()}
    return json.dumps(config, indent=2, ensure_ascii=False) + "\n"


def _with_toml(before: str, host: AgentHost, entry: Entry) -> str:
    # Our tables end where the next one begins; the rest of the file is not touched.
    ours = re.compile(rf"^\[{host.key}\.{SERVER_NAME}(?:\.[^\]]+)?\][^\n]*\n(?:(?!\[).*(?:\n|\Z))*", re.MULTILINE)
    others = ours.sub("", before).rstrip("\n")
    return (f"{others}\n\n" if others else "") + _toml(host, entry)


def _toml(host: AgentHost, entry: Entry) -> str:
    lines = [
        f"[{host.key}.{SERVER_NAME}]",
        f"command = {_quoted(entry.command)}",
        f"args = {_quoted(list(entry.args))}",
    ]
    if entry.env:
        lines += [f"\n[{host.key}.{SERVER_NAME}.env]", *(f"{name} = {_quoted(v)}" for name, v in entry.env.items())]
    return "\n".join(lines) + "\n"


def _quoted(value: str | list[str]) -> str:
    # JSON of plain text is TOML too, where no character is escaped as the two halves that UTF-16 makes of it.
    return json.dumps(value, ensure_ascii=False)


def _claude_desktop() -> Path:
    return Path(platformdirs.user_config_dir("Claude", appauthor=False, roaming=True)) / "claude_desktop_config.json"


def _codex() -> Path:
    return Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex") / "config.toml"


HOSTS: dict[str, AgentHost] = {
    "claude-desktop": AgentHost("Claude Desktop", _claude_desktop, "mcpServers", {}),
    "claude-code": AgentHost("Claude Code", lambda: Path.cwd() / ".mcp.json", "mcpServers", {"type": "stdio"}),
    "vscode": AgentHost("VS Code", lambda: Path.cwd() / ".vscode" / "mcp.json", "servers", {"type": "stdio"}),
    "cursor": AgentHost("Cursor", lambda: Path.home() / ".cursor" / "mcp.json", "mcpServers", {}),
    "codex": AgentHost("Codex", _codex, "mcp_servers", {}, is_toml=True),
}


@click.command("config")
@click.option("--client", type=click.Choice(tuple(HOSTS)), required=True, help="The program that will start Soundbite.")
@click.option("--install", "is_install", is_flag=True, help="Write it there, keeping a backup of what was.")
def config_command(client: str, is_install: bool) -> None:
    """Print what to write into an agent's configuration, or write it.

    The settings of this shell (home, roots, profile, store, …) go into it; a key never does, only its place.
    """
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
    note = f"; what was there before is in {backup}" if backup else ""
    click.echo(f"Written to {path}{note}. Restart {host.name} to use it.")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the script that makes a SHELL complete commands and options.

    \b
    bash: put into ~/.bashrc      eval "$(soundbite completion bash)"
    zsh:  put into ~/.zshrc       eval "$(soundbite completion zsh)"
    fish: run once                soundbite completion fish > ~/.config/fish/completions/soundbite.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind
    click.echo(kind(context.find_root().command, {}, "soundbite", "_SOUNDBITE_COMPLETE").source())
