"""The pages that mkdocs makes from the code itself while it builds: the commands, and the tools."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from soundbite_server import Settings, build_server
from soundbite_server.cli import COMMANDS, cli
from soundbite_server.cli.failures import EXIT_CODES

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files


def command_page() -> str:
    """Return the page of commands, options and exit codes."""
    codes = [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    parts = ["# Command line", "Each command says more with `--help`; `--json` prints what a program can read."]
    context = click.Context(cli, info_name="soundbite")
    for name in COMMANDS:
        found = cli.get_command(context, name)
        assert found
        parts += _command(found, click.Context(found, info_name=name, parent=context))
    parts += ["## Exit codes", "\n".join(["| code | meaning |", "|---|---|", *codes])]
    return "\n\n".join(parts) + "\n"


def _command(found: click.Command, context: click.Context, level: str = "##") -> list[str]:
    usage = " ".join(found.collect_usage_pieces(context))
    parts = [f"{level} {context.command_path}", f"`{context.command_path} {usage}`", _paragraphs(found.help or "")]
    if isinstance(found, click.Group):
        for name in found.list_commands(context):
            inner = found.get_command(context, name)
            assert inner
            parts += _command(inner, click.Context(inner, info_name=name, parent=context), "###")
        return parts
    records = [each.get_help_record(context) for each in found.get_params(context) if isinstance(each, click.Option)]
    rows = [f"| `{_cell(names)}` | {_cell(said)} |" for names, said in filter(None, records) if "--help" not in names]
    return [*parts, "\n".join(["| option | what it does |", "|---|---|", *rows])] if rows else parts


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _paragraphs(text: str) -> str:
    kept = []
    for paragraph in text.replace("\f", "").split("\n\n"):
        is_verbatim = paragraph.startswith("\b")
        lines = paragraph.removeprefix("\b").strip("\n")
        kept.append(f"```text\n{lines}\n```" if is_verbatim else " ".join(lines.split()))
    return "\n\n".join(kept)


async def tool_page() -> str:
    """Return the page of tools, as agents are told of them."""
    with tempfile.TemporaryDirectory() as home:
        tools = await build_server(Settings(home=Path(home), roots=())).list_tools()
    parts = ["# Tools for agents", "What an agent is told of each tool, and what it may give."]
    for tool in tools:
        hints = tool.annotations
        assert hints
        kind = "changes nothing" if hints.read_only_hint else "changes the library; left out in read-only mode"
        parts += [f"## {tool.name}", f"*{tool.title}; {kind}.*", tool.description or ""]
        required = tool.input_schema.get("required", [])
        rows = [_input(name, schema, name in required) for name, schema in tool.input_schema["properties"].items()]
        parts.append("\n".join(["| input | kind | default | |", "|---|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _input(name: str, schema: dict[str, Any], is_required: bool) -> str:
    allowed = schema.get("enum") or schema.get("items", {}).get("enum")
    kind = " \\| ".join(f"`{each}`" for each in allowed) if allowed else schema["type"]
    default = "needed" if is_required else f"`{schema['default']!r}`" if schema.get("default") else ""
    return f"| `{name}` | {kind} | {_cell(default)} | {_cell(schema.get('description', ''))} |"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages; mkdocs calls this while it collects what to build."""
    from mkdocs.structure.files import File

    for name, text in (("cli.md", command_page()), ("tools.md", asyncio.run(tool_page()))):
        files.append(File.generated(config, name, content=text))
    return files
