"""Which internet addresses a download may go to: a URL in a request must not reach what only this machine can.

The danger is server-side request forgery (OWASP A10:2021): a host name may resolve to a private address, also after
a redirect, also only at the second look-up. So names are resolved once, every address is judged, and the
connection goes to a judged address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

from soundbite_engine.config import UrlPolicy
from soundbite_engine.platform.errors import FetchError

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

# IPv6 that carries an IPv4 address for a gateway to reach (RFC 6052); mapped, 6to4 and Teredo are known to ipaddress.
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))

# Protocol assignments (RFC 6890), of which some clouds use one for machine secrets; Python 3.11 counts most as public.
_ASSIGNED = ipaddress.ip_network("192.0.0.0/24")


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host name, in the order the system prefers.

    Raises:
        FetchError: there are none.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise FetchError("url_failed", f"The host {host} is not known.") from exc
    return [str(entry[4][0]) for entry in found]


def is_public(address: str) -> bool:
    """Whether an IP address is reachable from anywhere: not private, loopback, link-local, shared, multicast, ..."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        carried = _carried_ipv4(parsed)
        if carried is not None:
            return is_public(str(carried))
        if parsed.is_site_local:
            return False
    elif parsed in _ASSIGNED:
        return False
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified)


def _carried_ipv4(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


async def permitted_addresses(
    scheme: str, host: str, port: int, policy: UrlPolicy, resolver: Resolver = resolve
) -> Sequence[str]:
    """The addresses a download from `host` may connect to.

    Raises:
        FetchError: `url_refused` when the policy does not allow it, `url_failed` when the name is not known.
    """
    check_scheme(scheme, host, port, policy)
    addresses = await resolver(host, port)
    if not addresses:
        raise FetchError("url_failed", f"The host {host} is not known.")
    if not _is_listed(host, port, policy) and not all(is_public(address) for address in addresses):
        raise FetchError("url_refused", f"The host {host} is not on the public internet, so it is not downloaded from.")
    return addresses


def check_scheme(scheme: str, host: str, port: int, policy: UrlPolicy) -> None:
    """Refuse what the policy forbids before any name is looked up.

    Raises:
        FetchError: `url_refused`.
    """
    if _is_listed(host, port, policy):
        allowed = scheme in ("http", "https")
        reason = "Only http and https URLs can be downloaded."
    else:
        allowed = policy.is_public and scheme == "https"
        reason = "Only https URLs are downloaded." if policy.is_public else "Downloads from URLs are switched off here."
    if not allowed:
        raise FetchError("url_refused", reason)


def _is_listed(host: str, port: int, policy: UrlPolicy) -> bool:
    host = host.lower().rstrip(".")
    named = f"[{host}]" if ":" in host else host
    return named in policy.hosts or f"{named}:{port}" in policy.hosts
