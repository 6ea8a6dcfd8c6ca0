"""soundbite config and completion: how agent hosts and shells are told of this program."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click
import platformdirs

from soundbite_server.cli.failures import FAILED_EXIT_CODE
from soundbite_server.commented_json import NotJson, with_member

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
    """Name of the table that holds the servers; a dot stands between the names of nested ones."""
    more: Mapping[str, Any]
    """What the host wants to read besides."""
    form: Literal["json", "toml", "yaml"] = "json"
    shape: Callable[[Entry], dict[str, Any]] = Entry.as_json
    """How the host reads what it starts."""

    @property
    def keys(self) -> list[str]:
        """The names of the tables on the way to the servers."""
        return self.key.split(".")

    def entry(self, entry: Entry) -> dict[str, Any]:
        """Return the entry as this host reads it."""
        return {**self.more, **self.shape(entry)}


def entry_for(environ: Mapping[str, str]) -> Entry:
    """Return how a host starts this installation, with the settings of this shell; a key is never copied."""
    # The one that runs comes before another one on the PATH.
    program = shutil.which("soundbite", path=str(Path(sys.executable).parent)) or shutil.which("soundbite")
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
    if host.form == "json":
        return with_member("", [*host.keys, SERVER_NAME], host.entry(entry))
    return _toml(host, entry) if host.form == "toml" else _yaml(host, entry)


def install(host: AgentHost, entry: Entry) -> tuple[Path, Path | None]:
    """Write the entry into the host's configuration; return its path and that of the backup, if one was made.

    Raises:
        ClientConfigProblem: the configuration can't be understood or written; it is left as it was.
    """
    # Where it is a link, as those who keep such files under version control make it, the file behind it is written.
    path = Path(os.path.realpath(host.path()))
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after = _edited(before, host, entry, path)
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


def _edited(before: str, host: AgentHost, entry: Entry, path: Path) -> str:
    if host.form == "json":
        return _with_json(before, host, entry, path)
    return _with_toml(before, host, entry) if host.form == "toml" else _with_yaml(before, host, entry)


def _free_name(path: Path) -> Path:
    # A backup made before holds what the host's owner wrote, and is kept.
    first = path.with_name(f"{path.name}.before-soundbite")
    more = (path.with_name(f"{first.name}-{count}") for count in itertools.count(2))
    return next(name for name in itertools.chain([first], more) if not name.exists())


def _with_json(before: str, host: AgentHost, entry: Entry, path: Path) -> str:
    try:
        return with_member(before, [*host.keys, SERVER_NAME], host.entry(entry))
    except NotJson as exc:
        raise ClientConfigProblem(f"{path} is not understood: {exc}. Paste the snippet by hand.") from exc


def _with_yaml(before: str, host: AgentHost, entry: Entry) -> str:
    # Ours ends where a line is indented no deeper; the rest of the file is not touched.
    ours = re.compile(rf"^  {SERVER_NAME}:[^\n]*\n(?:(?:   .*)?(?:\n|\Z))*?(?=^ {{0,2}}\S|\Z)", re.MULTILINE)
    others = ours.sub("", before)
    head = f"{host.key}:\n"
    block = _yaml(host, entry).removeprefix(head)
    if (found := re.search(rf"^{host.key}:[ \t]*(?:#[^\n]*)?\n", others, re.MULTILINE)) is None:
        return (f"{others.rstrip()}\n\n" if others.strip() else "") + head + block
    return others[: found.end()] + block + others[found.end() :]


def _yaml(host: AgentHost, entry: Entry) -> str:
    lines = [f"{name}: {_quoted(value)}" for name, value in host.entry(entry).items()]
    return f"{host.key}:\n  {SERVER_NAME}:\n" + "".join(f"    {line}\n" for line in lines)


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


def _quoted(value: Any) -> str:
    # JSON of plain text is TOML too, where no character is escaped as the two halves that UTF-16 makes of it.
    return json.dumps(value, ensure_ascii=False)


def _claude_desktop() -> Path:
    return Path(platformdirs.user_config_dir("Claude", appauthor=False, roaming=True)) / "claude_desktop_config.json"


def _codex() -> Path:
    return Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex") / "config.toml"


def _in_home(*parts: str) -> Path:
    return Path.home().joinpath(*parts)


def _config_folder(*parts: str) -> Path:
    # These two use ~/.config on macOS too.
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config").joinpath(*parts)


def _zed() -> Path:
    if sys.platform == "win32":
        return Path(platformdirs.user_config_dir("Zed", appauthor=False, roaming=True)) / "settings.json"
    return _config_folder("zed", "settings.json")


def _opencode() -> Path:
    commented = _config_folder("opencode", "opencode.jsonc")
    return commented if commented.exists() else commented.with_suffix(".json")


def _as_opencode(entry: Entry) -> dict[str, Any]:
    environment = {"environment": dict(entry.env)} if entry.env else {}
    return {"command": [entry.command, *entry.args], **environment}


def _goose() -> Path:
    if sys.platform == "win32":
        return Path(platformdirs.user_config_dir("goose", "Block", roaming=True)) / "config" / "config.yaml"
    return _config_folder("goose", "config.yaml")


def _as_goose(entry: Entry) -> dict[str, Any]:
    return {"cmd": entry.command, "args": list(entry.args), "envs": dict(entry.env)}


_GOOSE = {"name": "soundbite", "type": "stdio", "enabled": True, "timeout": 300}

HOSTS: dict[str, AgentHost] = {
    "claude-desktop": AgentHost("Claude Desktop", _claude_desktop, "mcpServers", {}),
    "claude-code": AgentHost("Claude Code", lambda: Path.cwd() / ".mcp.json", "mcpServers", {"type": "stdio"}),
    "vscode": AgentHost("VS Code", lambda: Path.cwd() / ".vscode" / "mcp.json", "servers", {"type": "stdio"}),
    "cursor": AgentHost("Cursor", lambda: Path.home() / ".cursor" / "mcp.json", "mcpServers", {}),
    "codex": AgentHost("Codex", _codex, "mcp_servers", {}, "toml"),
    "windsurf": AgentHost("Windsurf", lambda: _in_home(".codeium", "windsurf", "mcp_config.json"), "mcpServers", {}),
    "zed": AgentHost("Zed", _zed, "context_servers", {}),
    "gemini-cli": AgentHost("Gemini CLI", lambda: _in_home(".gemini", "settings.json"), "mcpServers", {}),
    "opencode": AgentHost("OpenCode", _opencode, "mcp.servers", {"type": "local"}, shape=_as_opencode),
    "cline": AgentHost(
        "Cline", lambda: _in_home(".cline", "data", "settings", "cline_mcp_settings.json"), "mcpServers", {}
    ),
    "continue": AgentHost("Continue", lambda: _in_home(".continue", "mcpServers", "mcp.json"), "mcpServers", {}),
    "lm-studio": AgentHost("LM Studio", lambda: _in_home(".lmstudio", "mcp.json"), "mcpServers", {}),
    "goose": AgentHost("goose", _goose, "extensions", _GOOSE, "yaml", _as_goose),
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
        click.echo(_scope(client, entry), nl=False, err=True)
        return
    try:
        path, backup = install(host, entry)
    except ClientConfigProblem as exc:
        click.echo(snippet(host, entry), nl=False)
        click.echo(f"soundbite: {exc}", err=True)
        sys.exit(FAILED_EXIT_CODE)
    note = f"; what was there before is in {backup}" if backup else ""
    click.echo(f"Written to {path}{note}. Restart {host.name} to use it.")
    click.echo(_scope(client, entry), nl=False)


def _scope(client: str, entry: Entry) -> str:
    """Say that a configuration holds in the current folder only, and how to have it everywhere."""
    if client != "claude-code":
        return ""
    settings = [word for name, value in entry.env.items() for word in ("-e", f"{name}={value}")]
    words = ["claude", "mcp", "add", "--scope", "user", "soundbite", *settings, "--", entry.command, *entry.args]
    return f"It holds in this folder only. To have it everywhere: {shlex.join(words)}\n"


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the script that makes a SHELL complete commands, options and recordings.

    \b
    bash: put into ~/.bashrc      eval "$(soundbite completion bash)"
    zsh:  put into ~/.zshrc       eval "$(soundbite completion zsh)"
    fish: run once                soundbite completion fish > ~/.config/fish/completions/soundbite.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind
    click.echo(kind(context.find_root().command, {}, "soundbite", "_SOUNDBITE_COMPLETE").source())
