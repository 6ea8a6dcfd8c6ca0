"""Configuration for agent hosts: one entry, in the form each host reads, written without losing anything."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from soundbite_server.cli.setup import HOSTS, ClientConfigProblem, Entry, config_command, entry_for, install, snippet
from soundbite_server.commented_json import with_member

ENTRY = Entry("/opt/bin/soundbite", ("serve",), {"SOUNDBITE_ROOTS": '/a "b"\\c:/d', "SOUNDBITE_HOME": "/ü/🎧"})


def read(client: str, text: str) -> dict[str, Any]:
    host = HOSTS[client]
    if host.form == "yaml":
        document = yaml_of(text)
    else:
        document = tomllib.loads(text) if host.form == "toml" else json.loads(text)
    for key in host.keys:
        document = document[key]
    return dict(document)


def yaml_of(text: str) -> dict[str, Any]:
    """Maps of maps and JSON values, which is all that is written here."""
    document: dict[str, Any] = {}
    levels = [document]
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        name, _, value = line.strip().partition(":")
        del levels[depth + 1 :]
        levels[depth][name] = json.loads(value) if (value := value.partition(" #")[0]).strip() else {}
        levels.append(levels[depth][name])
    return document


def parsed(client: str, text: str) -> dict[str, Any]:
    """The entry as Claude Desktop would have it."""
    entry = dict(read(client, text)["soundbite"])
    if client == "opencode":
        entry["command"], *entry["args"] = entry["command"]
        entry["env"] = entry["environment"]
    if client == "goose":
        entry |= {"command": entry["cmd"], "env": entry["envs"]}
    return entry


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "APPDATA", "CODEX_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("client", HOSTS)
def test_every_host_reads_the_same_entry(client: str) -> None:
    entry = parsed(client, snippet(HOSTS[client], ENTRY))
    assert (entry["command"], entry["args"], entry["env"]) == (ENTRY.command, list(ENTRY.args), dict(ENTRY.env))


@pytest.mark.parametrize("client", HOSTS)
def test_installing_keeps_what_is_there_and_a_backup_and_is_harmless_twice(client: str, homes: Path) -> None:
    host = HOSTS[client]
    path = host.path()
    path.parent.mkdir(parents=True, exist_ok=True)
    servers: dict[str, Any] = {"other": {"command": "other"}}
    for key in reversed(host.keys):
        servers = {key: servers}
    before = {
        "toml": '# mine\nmodel = "x"\n\n[mcp_servers.other]\ncommand = "other"\n',
        "yaml": '# mine\nextensions: # all\n  other:\n    cmd: "other"\nmodel: "x"\n',
        "json": json.dumps({"theme": "ä", **servers}, ensure_ascii=False),
    }[host.form]
    path.write_text(before, encoding="utf-8")
    path.chmod(0o600)
    for _ in range(2):
        assert install(host, ENTRY)[0] == path
    after = path.read_text(encoding="utf-8")
    assert read(client, after).keys() == {"other", "soundbite"}
    assert ('"ä"' if host.form == "json" else '"x"') in after
    assert after.startswith("# mine") or host.form == "json"
    assert path.stat().st_mode & 0o777 == 0o600
    path.unlink()
    path.write_text(before, encoding="utf-8")
    backup = install(host, ENTRY)[1]
    assert backup
    assert backup.read_text(encoding="utf-8") == before


def test_installing_again_keeps_every_backup_and_writes_nothing_where_nothing_changes(homes: Path) -> None:
    path = HOSTS["cursor"].path()
    path.parent.mkdir()
    path.write_text('{"theme": "mine"}')
    first = install(HOSTS["cursor"], ENTRY)[1]
    assert install(HOSTS["cursor"], ENTRY) == (path, None)
    second = install(HOSTS["cursor"], Entry("elsewhere", (), {}))[1]
    assert first
    assert second
    assert first.read_text() == '{"theme": "mine"}'
    assert "theme" in second.read_text()
    assert "soundbite" in second.read_text()
    assert len(list(path.parent.iterdir())) == 3


def test_a_linked_configuration_stays_a_link(homes: Path) -> None:
    path, kept = HOSTS["vscode"].path(), homes / "dotfiles" / "mcp.json"
    for folder in (path.parent, kept.parent):
        folder.mkdir()
    kept.write_text("{}")
    path.symlink_to(kept)
    assert install(HOSTS["vscode"], ENTRY)[0] == kept
    assert path.is_symlink()
    assert "soundbite" in kept.read_text()


def test_installing_where_nothing_was_makes_the_file(homes: Path) -> None:
    path, backup = install(HOSTS["vscode"], ENTRY)
    assert path == homes / ".vscode" / "mcp.json"
    assert backup is None
    assert parsed("vscode", path.read_text())["type"] == "stdio"


COMMENTED = """\ufeff// mine
{
\t"inputs": [], // none
\t"servers": {
\t\t/* the first */
\t\t"other": { "command": "o//t", "args": ["/*", ], }, // kept
\t\t// "off": {}
\t},
}
"""


def test_comments_commas_and_the_mark_at_the_start_stay_where_they_are(homes: Path) -> None:
    path = HOSTS["vscode"].path()
    path.parent.mkdir()
    path.write_text(COMMENTED, encoding="utf-8")
    install(HOSTS["vscode"], ENTRY)
    after = path.read_text(encoding="utf-8")
    lines = after.splitlines()
    assert [line for line in COMMENTED.splitlines() if line not in lines] == []
    assert (
        lines.index('\t\t"soundbite": {')
        == lines.index('\t\t"other": { "command": "o//t", "args": ["/*", ], }, // kept') + 1
    )
    assert install(HOSTS["vscode"], ENTRY) == (path, None)
    install(HOSTS["vscode"], Entry("elsewhere", (), {}))
    changed = path.read_text(encoding="utf-8")
    assert changed.count('"soundbite"') == 1
    assert '"elsewhere"' in changed
    assert [line for line in COMMENTED.splitlines() if line not in changed.splitlines()] == []


@pytest.mark.parametrize(
    ("before", "comment"),
    [
        ("", ""),
        ("// only this\n", "// only this"),
        ("{}", ""),
        ("{ // comment\n}", "// comment"),
        ('{"servers": {}}', ""),
        ('{"a": 1 /* one */}', "/* one */"),
        ('{\n  "a": 1 // one\n}', '  "a": 1, // one'),
    ],
)
def test_wherever_it_is_put_the_document_stays_one(before: str, comment: str) -> None:
    after = with_member(before, ["servers", "soundbite"], {"command": "x"})
    assert comment in after
    plain = re.sub(r"//[^\n]*|/\*.*?\*/", "", after)
    assert json.loads(plain)["servers"] == {"soundbite": {"command": "x"}}


@pytest.mark.parametrize("text", ["{ /* open", "[]", '{"servers": []}', '{"a" 1}', '{"a": 1 "b": 2}', '{"a": 1} x'])
def test_a_configuration_that_is_not_understood_is_left_alone(text: str, homes: Path) -> None:
    path = HOSTS["vscode"].path()
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ClientConfigProblem, match="by hand"):
        install(HOSTS["vscode"], ENTRY)
    assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_what_this_shell_has_set_is_copied_for_a_server_that_starts_elsewhere(homes: Path) -> None:
    set_here = {
        "SOUNDBITE_HOME": "library",
        "SOUNDBITE_ROOTS": os.pathsep.join(["~/talks", "/music"]),
        "SOUNDBITE_STORE": "s3://bucket/library",
        "SOUNDBITE_PROFILE": "sounds",
    }
    assert entry_for(set_here).env == {
        **set_here,
        "SOUNDBITE_HOME": str(homes / "library"),
        "SOUNDBITE_ROOTS": os.pathsep.join([str(homes / "talks"), "/music"]),
    }


def test_a_key_is_never_copied() -> None:
    entry = entry_for({"TWELVELABS_API_KEY": "tlk_SECRET", "SOUNDBITE_READ_ONLY": "1", "PATH": "/bin"})
    assert entry.env == {"SOUNDBITE_READ_ONLY": "1", "TWELVELABS_API_KEY": "<your TwelveLabs API key>"}


def test_the_command_prints_a_snippet_to_paste(homes: Path) -> None:
    done = CliRunner().invoke(config_command, ["--client", "cursor"])
    assert done.exit_code == 0
    assert Path(str(parsed("cursor", done.stdout)["command"])).is_absolute()
    assert ".cursor" in done.stderr
    assert "only" not in done.stderr
    of_folder = CliRunner().invoke(config_command, ["--client", "claude-code"]).stderr
    assert "in this folder only. To have it everywhere: claude mcp add --scope user soundbite -" in of_folder
    assert f" -- {parsed('cursor', done.stdout)['command']} " in of_folder
    done = CliRunner().invoke(config_command, ["--client", "cursor", "--install"])
    assert "Restart Cursor" in done.stdout
    path = HOSTS["cursor"].path()
    path.write_text("{ // mine")
    done = CliRunner().invoke(config_command, ["--client", "cursor", "--install"])
    assert done.exit_code == 1
    assert "by hand" in done.stderr
    assert parsed("cursor", done.stdout)["command"]


def test_of_a_shared_store_the_place_is_written_and_of_its_keys_only_theirs() -> None:
    shell = {"SOUNDBITE_STORE": "s3://bucket/a", "AWS_REGION": "eu-1", "AWS_SECRET_ACCESS_KEY": "hush"}
    assert entry_for(shell).env == {
        "SOUNDBITE_STORE": "s3://bucket/a",
        "AWS_REGION": "eu-1",
        "AWS_SECRET_ACCESS_KEY": "<your AWS_SECRET_ACCESS_KEY>",
    }
    assert entry_for({"AWS_REGION": "eu-1"}).env == {}
