"""The house: imports point down, between packages and between their rooms, never in a circle; rooms stay small."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "store", "engine", "tools", "server")
BELOW = {
    "api": set[str](),
    "store": set[str](),
    "engine": {"api"},
    "tools": {"store", "api"},
    "server": {"tools", "engine", "store", "api"},
    "soundbite": {"server", "tools"},  # what scripts import; lies beside the server
}
# Which rooms of its package a room may import; "" are the modules that lie in no room.
ROOMS = {
    "api": {"": set[str]()},
    "store": {
        "": {"lance", "ledger", "repair", "shared"},
        "lance": {"", "repair", "resident"},
        "ledger": {"", "repair"},
        "repair": {""},
        "resident": {""},
        "shared": {"", "lance", "ledger"},
    },
    "engine": {
        "": {"packs", "platform", "sound", "speech", "workers"},
        "analysis": {"", "audio", "sound", "speech", "workers"},
        "audio": {"", "workers"},
        "packs": {""},
        "platform": {"", "analysis", "speech", "workers"},
        "sound": {"", "audio", "workers"},
        "speech": {"", "audio", "workers"},
        "workers": {""},
    },
    "tools": {
        "": {
            "edit",
            "embed",
            "groups",
            "read",
            "repair",
            "search",
            "sources",
            "words",
        },  # the face, which names what the server may use
        "edit": {"", "embed", "words"},
        "embed": {"", "sources", "words"},
        "groups": {"", "search"},
        "read": {"", "embed", "search", "sources", "words"},  # chapters weigh words as a search does
        "repair": {"", "embed", "sources"},
        "search": {"", "embed", "sources", "words"},  # how rare a word is
        "sources": {"", "words"},
        "words": {""},
    },
    "server": {
        "": {"cli", "http", "mcp", "page"},
        "cli": {"", "http", "plots"},
        "http": {""},
        "mcp": {"", "http", "page"},
        "page": {"http"},
    },
}
MOST_MODULES, MOST_LINES = 16, 400
# Public in spite of their names: named tuples' own, and the way out of a process that must not clean up.
PUBLIC = {"_replace", "_asdict", "_exit"}


@cache
def modules() -> dict[str, Path]:
    """The path of every product module by its dotted name."""
    paths = [path for package in PACKAGES for path in (ROOT / package / f"soundbite_{package}").rglob("*.py")]
    paths += (ROOT / "server" / "soundbite").rglob("*.py")
    return {_name(path): path for path in sorted(paths)}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(module: str) -> frozenset[str]:
    """The product modules that a module imports, for type checkers only and inside functions too."""
    names = set()
    for node in ast.walk(tree(modules()[module])):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in modules() else node.module for name in whole}
    return frozenset(names & modules().keys() - {module})


def package_of(module: str) -> str:
    return module.partition(".")[0].removeprefix("soundbite_")


def room_of(module: str) -> str:
    parts = module.split(".")
    is_room = modules()[module].name == "__init__.py" and len(parts) > 1
    return parts[1] if len(parts) > 2 or is_room else ""


def circles() -> Iterator[list[str]]:
    """The circles of imports: what can be reached from a module and leads back to it."""
    reach: dict[str, set[str]] = {}
    for module in modules():
        seen, waiting = set[str](), [module]
        while waiting:
            fresh = imported(waiting.pop()) - seen
            seen |= fresh
            waiting += fresh
        reach[module] = seen
    told = set[str]()
    for module in modules():
        if module in reach[module] and module not in told:
            circle = sorted(other for other in reach[module] if module in reach[other])
            told |= {*circle}
            yield circle


def test_a_package_imports_only_the_packages_below_it() -> None:
    upward = [
        f"{module} imports {other}"
        for module in modules()
        for other in imported(module)
        if package_of(other) not in BELOW[package_of(module)] | {package_of(module)}
    ]
    assert not upward


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_import_only_the_rooms_they_may(package: str) -> None:
    arrows = {
        (room_of(module), room_of(other)): f"{module} imports {other}"
        for module in modules()
        for other in imported(module)
        if package_of(module) == package == package_of(other) and room_of(module) != room_of(other)
    }
    wrong = [text for (room, other), text in arrows.items() if other not in ROOMS[package].get(room, set())]
    assert not wrong
    allowed = {(room, other) for room, others in ROOMS[package].items() for other in others}
    assert allowed == arrows.keys(), "an arrow that nobody needs is taken out of the table"


def test_no_imports_go_in_a_circle() -> None:
    assert list(circles()) == []


def test_rooms_and_files_stay_small() -> None:
    rooms = Counter(path.parent for path in modules().values())
    assert [str(room.relative_to(ROOT)) for room, count in rooms.items() if count > MOST_MODULES] == []
    assert [module for module, path in modules().items() if path.read_text().count("\n") > MOST_LINES] == []


def test_no_private_member_of_another_module_is_used() -> None:
    assert [line for module in modules() for line in _foreign_members(module)] == []


def _foreign_members(module: str) -> Iterator[str]:
    nodes = list(ast.walk(tree(modules()[module])))
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    own |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("soundbite_"):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute) and node.attr not in own:
            names = [node.attr]
        else:
            continue
        for name in names:
            if name.startswith("_") and not name.endswith("__") and name not in PUBLIC:
                yield f"{module}:{node.lineno} {name}"


def test_only_the_command_line_imports_the_command_line() -> None:
    upward = [
        module
        for module in modules()
        if room_of(module) != "cli"
        and not module.endswith("__main__")
        and any(other.startswith("soundbite_server.cli") for other in imported(module))
    ]
    assert not upward


def test_only_the_server_speaks_mcp() -> None:
    for module, path in modules().items():
        if package_of(module) == "server":
            continue
        for node in ast.walk(tree(path)):
            name = node.module if isinstance(node, ast.ImportFrom) else None
            assert not (name and name.split(".")[0] in ("mcp", "mcp_types")), module
