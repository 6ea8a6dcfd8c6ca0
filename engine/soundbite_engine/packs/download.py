"""One file over HTTP: resumed where it broke off, and never longer than it may be."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx

from soundbite_engine.packs.errors import PackError

TIMEOUT = httpx.Timeout(60.0, connect=15.0)
FEWEST_TRIES = 4
_LONGEST_PAUSE_S = 8.0
_STARTS_AT = re.compile(r"bytes (\d+)-")

OnBytes = Callable[[int], None]


class _BrokenOff(Exception):
    """The transfer ended early; what came is kept."""


def download(
    http: httpx.Client,
    url: str,
    partial: Path,
    sizes: Iterable[int],
    on_bytes: OnBytes,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Fill `partial` from `url`, going on with what it holds, until it has one of `sizes` bytes.

    Raises:
        PackError: the address does not answer, offers another size, or breaks off again and again without progress.
    """
    wanted = frozenset(sizes)
    tries = 0
    while True:
        before = _size(partial)
        if before in wanted:
            return
        try:
            _transfer(http, url, partial, wanted, on_bytes)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as exc:
            raise PackError(
                "pack_unreachable",
                f"{url} leads to no download ({exc}); check SOUNDBITE_MODELS_MIRROR and HF_ENDPOINT.",
            ) from exc
        except (_BrokenOff, httpx.TransportError) as exc:
            tries = 0 if _size(partial) > before else tries + 1
            if tries >= FEWEST_TRIES:
                raise PackError(
                    "pack_interrupted",
                    f"The download from {url} broke off at {_size(partial):,} bytes ({exc}); "
                    "what came is kept, so run the command again to go on.",
                ) from exc
            sleep(min(2.0**tries, _LONGEST_PAUSE_S))


def _transfer(http: httpx.Client, url: str, partial: Path, wanted: frozenset[int], on_bytes: OnBytes) -> None:
    begun = _size(partial)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begun}-"} if begun else {})
    with http.stream("GET", url, headers=headers, follow_redirects=True) as response:
        if response.status_code == 416:  # what we hold is no beginning of what is there
            partial.unlink(missing_ok=True)
            raise _BrokenOff("it does not go on from there")
        _check_status(response, url)
        is_continued = response.status_code == 206 and _starts_at(response) == begun
        done = begun if is_continued else 0
        _check_size(response, done, wanted, url)
        on_bytes(done)
        with partial.open("ab" if is_continued else "wb") as out:
            for chunk in response.iter_raw():  # as it comes: what a chunk still gathers would be lost in a break
                done += len(chunk)
                if done > max(wanted):
                    break
                out.write(chunk)
                on_bytes(done)
    if done > max(wanted):
        partial.unlink()
        raise _other_size(url, f"more than {max(wanted):,}", wanted)
    if done not in wanted:
        raise _BrokenOff("the connection was closed")


def _check_status(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    if status == 429 or status >= 500:
        raise _BrokenOff(f"HTTP status {status}")
    raise PackError("pack_unreachable", f"{url} answers with HTTP status {status}; try a mirror or --from FOLDER.")


def _check_size(response: httpx.Response, done: int, wanted: frozenset[int], url: str) -> None:
    said = response.headers.get("content-length", "")
    if said.isdigit() and done + int(said) not in wanted:
        raise _other_size(url, f"{done + int(said):,}", wanted)


def _other_size(url: str, found: str, wanted: frozenset[int]) -> PackError:
    expected = " or ".join(f"{size:,}" for size in sorted(wanted))
    return PackError("pack_mismatch", f"{url} offers {found} bytes where the file has {expected}; nothing was kept.")


def _starts_at(response: httpx.Response) -> int | None:
    match = _STARTS_AT.match(response.headers.get("content-range", ""))
    return int(match.group(1)) if match else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
