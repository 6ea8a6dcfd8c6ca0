"""Who calls: the principal that a token names."""

from __future__ import annotations

from mcp.server.auth.middleware.auth_context import get_access_token

LOCAL = "local"
"""Everybody on stdio, and over HTTP without tokens."""


def principal() -> str:
    """Return whose call this is: the name of a static token, or issuer and subject of one of an OAuth issuer."""
    token = get_access_token()
    if token is None:
        return LOCAL
    issuer = (token.claims or {}).get("iss", "")
    return f"{issuer}#{token.subject}" if issuer else f"token:{token.subject}"
