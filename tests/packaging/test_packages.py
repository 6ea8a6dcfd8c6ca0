"""What carries Soundbite to people: every file of it says the same version and starts the same command."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from soundbite_server import Settings
from soundbite_server.mcp.tools import TOOLS

ROOT = Path(__file__).parents[2]
NAME = "io.github.soundbite/soundbite"
OLDEST_PYTHON = (3, 11)


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def document(path: str) -> dict[str, Any]:
    return dict(json.loads(read(path)))


def declared() -> str:
    return str(tomllib.loads(read("pyproject.toml"))["project"]["version"])


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("server.json", lambda found: {found["version"], *(package["version"] for package in found["packages"])}),
        ("packaging/mcpb/manifest.json", lambda found: {found["version"]}),
        ("plugin/.claude-plugin/plugin.json", lambda found: {found["version"]}),
        ("plugin/.mcp.json", lambda found: {found["mcpServers"]["soundbite"]["args"][0].partition("@")[2]}),
    ],
)
def test_all_versions_agree(path: str, said: Any) -> None:
    assert said(document(path)) == {declared()} == {version("soundbite")}


def test_the_changelog_knows_the_version_or_what_comes() -> None:
    assert f"## [{declared()}]" in read("CHANGELOG.md") or "## [Unreleased]" in read("CHANGELOG.md")


def test_actions_are_pinned_to_commits_whose_versions_are_named() -> None:
    used = [
        line
        for path in (ROOT / ".github/workflows").iterdir()
        for line in read(str(path)).splitlines()
        if "uses:" in line
    ]
    assert used
    assert [line for line in used if not re.search(r"uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []


def test_the_registry_finds_its_name_in_the_readme() -> None:
    assert document("server.json")["name"] == NAME
    assert f"<!-- mcp-name: {NAME} -->" in read("README.md")
    assert NAME in read("Dockerfile")


def test_the_settings_that_packages_pass_on_exist() -> None:
    registry = {each["name"] for each in document("server.json")["packages"][0]["environmentVariables"]}
    bundle = set(document("packaging/mcpb/manifest.json")["server"]["mcp_config"]["env"])
    assert registry | bundle <= Settings.variables().keys()


def test_a_key_is_marked_as_a_secret() -> None:
    variables = document("server.json")["packages"][0]["environmentVariables"]
    assert {each["name"] for each in variables if each.get("isSecret")} == {"TWELVELABS_API_KEY"}
    config = document("packaging/mcpb/manifest.json")["user_config"]
    assert [name for name, each in config.items() if each.get("sensitive")] == ["api_key"]


def test_what_the_bundle_starts_is_there() -> None:
    server = document("packaging/mcpb/manifest.json")["server"]
    assert (ROOT / server["entry_point"]).is_file()
    assert server["mcp_config"]["args"][-2:] == ["soundbite", "serve"]
    assert "--no-dev" in server["mcp_config"]["args"]  # else uv installs what only developers need


def test_the_skill_names_tools_that_exist() -> None:
    skill = read("plugin/skills/soundbite/SKILL.md")
    assert skill.startswith("---\nname: soundbite\ndescription: ")
    named = set(re.findall(r"`([a-z]+_[a-z]+)[(`]", skill)) - {"asset_ids"}
    tools = {declaration.name for declaration in TOOLS}
    assert named <= tools, named - tools


def test_the_image_is_not_run_by_root_and_says_how_it_is() -> None:
    stages = read("Dockerfile").split("\nFROM ")
    assert re.search(r"^USER 10001$", stages[-1], re.MULTILINE)
    assert "HEALTHCHECK" in stages[-1]
    assert "VOLUME /data" in stages[-1]
    assert read("Dockerfile").count("--require-hashes") == 2


def test_the_image_leaves_out_what_it_does_not_need() -> None:
    kept = [line.removeprefix("!") for line in read(".dockerignore").splitlines() if line.startswith("!")]
    assert read(".dockerignore").splitlines()[0] == "*"
    assert all((ROOT / each).exists() for each in kept)
    assert not {"tests", "samples", ".git"} & set(kept)


def test_workflows_ask_for_no_more_than_they_need() -> None:
    for path in sorted((ROOT / ".github/workflows").glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        assert "\npermissions:\n  contents: read\n" in text, path.name
        assert "secrets." not in text, path.name
        assert text.count("actions/checkout@") == text.count("persist-credentials: false"), path.name
        for script in re.findall(r"\.venv/bin/python (bench/\S+\.py)", text):
            assert (ROOT / script).is_file(), script
    assert "id-token: write" in read(".github/workflows/release.yml")


def test_what_the_release_build_installs_is_known_by_its_hash() -> None:
    lock = json.loads((ROOT / "packaging/mcpb/package-lock.json").read_text(encoding="utf-8"))
    installed = {name: package for name, package in lock["packages"].items() if name}
    assert "node_modules/@anthropic-ai/mcpb" in installed
    assert [name for name, package in installed.items() if not package.get("integrity")] == []
    for path in (ROOT / "requirements").glob("*.txt"):
        pins = path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
        assert [pin for pin in pins if "==" in pin and "--hash=sha256:" not in pin] == [], path.name
