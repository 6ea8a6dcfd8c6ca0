"""The server: settings, the MCP application, the command line. `build_server(Settings())` makes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundbite_server.app import build_server
    from soundbite_server.settings import Settings

__all__ = ["Settings", "build_server"]


def __getattr__(name: str) -> Any:
    # The command line's --help must not wait for the MCP SDK to load.
    if name == "build_server":
        from soundbite_server.app import build_server

        return build_server
    if name == "Settings":
        from soundbite_server.settings import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
