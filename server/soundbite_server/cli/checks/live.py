"""soundbite doctor --live: what a platform's published contract leaves open, asked for at most 30 s of audio.

The client is right under either answer; knowing it shows which of its precautions are at work.
"""

from __future__ import annotations

import base64
import io
import math
import random
import struct
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from rich.markup import escape

from soundbite_api import read_rate_limits

if TYPE_CHECKING:
    import httpx

    from soundbite_api import PlatformClient, RateLimit
    from soundbite_server.cli.render.lines import Printer
    from soundbite_tools import Library

REPORT_NAME = "live-probe.md"
MOST_SECONDS = 30.0
_RATE_HZ = 16_000
_STEP_SEC = 4
_PAST_END_SEC = 20.0
_SHORT_SEC = 1
_UNIT_SLACK = 1e-3


async def check_live(out: Printer, library: Library) -> None:
    """Ask the platform what its contract leaves open, print it, and keep it as a file in the library's folder.

    Raises:
        PlatformError: it does not answer.
    """
    report = await probe_platform(library.client)
    for finding in report.findings:
        out.print(f"[green]live[/green]  {finding.question}: {escape(finding.answer)}")
    path = library.config.home / REPORT_NAME
    await anyio.to_thread.run_sync(lambda: path.write_text(report.to_markdown(), encoding="utf-8"))
    out.print(
        f"[green]live[/green]  at most {report.seconds:g} seconds of audio were embedded; kept in {escape(str(path))}"
    )


@dataclass(frozen=True)
class Finding:
    """One open question and what the platform did."""

    question: str
    answer: str


@dataclass(frozen=True)
class LiveReport:
    """What was found out, and the most that it can have cost."""

    findings: tuple[Finding, ...]
    seconds: float

    def to_markdown(self) -> str:
        """Return the report as a short page."""
        lines = [f"- {finding.question}: {finding.answer}" for finding in self.findings]
        return "\n".join(
            [
                "# What the platform answered",
                "",
                *lines,
                "",
                f"At most {self.seconds:g} seconds of audio were embedded.",
                "",
            ]
        )


async def probe_platform(client: PlatformClient) -> LiveReport:
    """Ask everything once; each sound goes up as a file of its own, so that no way of counting passes 30 seconds.

    Raises:
        PlatformUnreachable: the platform does not answer at all.
    """
    probe = _Probe(client)
    envelope = await probe.send({"input_type": "nonsense", "model_name": client.model_name})
    whole = await probe.embed(3 * _STEP_SEC, start_sec=float(_STEP_SEC))
    fused = await probe.embed(_STEP_SEC, embedding_option=["audio"], embedding_type=["fused_embedding"])
    short = await probe.embed(_SHORT_SEC)
    past = await probe.embed(_SHORT_SEC, start_sec=_PAST_END_SEC)
    items = _items(whole)
    findings = (
        Finding("Error envelope of embed-v2", _envelope(envelope)),
        Finding("A window of a recording", "" if items else _refusal(whole)),
        Finding("Segment times with start_sec", _times(items)),
        Finding("Vectors", _vectors(items)),
        Finding("A silent segment", _silence(items)),
        Finding("Segments without speech", _speechless(items)),
        Finding("fused_embedding with one option", _outcome(fused)),
        Finding(f"{_SHORT_SEC} second of sound at once", _outcome(short)),
        Finding("start_sec past the end", _outcome(past)),
        Finding("Rate-limit headers", _limits(whole)),
    )
    return LiveReport(tuple(finding for finding in findings if finding.answer), probe.seconds)


class _Probe:
    """Sends the questions and adds up what they may cost."""

    def __init__(self, client: PlatformClient) -> None:
        self._client = client
        self.seconds = 0.0

    async def send(self, body: dict[str, Any]) -> httpx.Response:
        return await self._client.probe("POST", "embed-v2", body)

    async def embed(self, seconds: int, **audio: Any) -> httpx.Response:
        assert self.seconds + seconds <= MOST_SECONDS
        source = {"base64_string": base64.b64encode(_sound(seconds)).decode()}
        segmentation = {"strategy": "fixed", "fixed": {"duration_sec": _STEP_SEC}}
        answer = await self.send(
            {
                "input_type": "audio",
                "model_name": self._client.model_name,
                "audio": {"media_source": source, "segmentation": segmentation, **audio},
            }
        )
        if answer.is_success:
            self.seconds += seconds
        return answer


def _sound(seconds: int) -> bytes:
    """Noise, then a tone, then silence, four seconds of each, cut to a length; as a WAV file."""
    chance = random.Random(1)
    samples = []
    for index in range(seconds * _RATE_HZ):
        part = index // (_STEP_SEC * _RATE_HZ)
        tone = 9000 * math.sin(math.tau * 440 * index / _RATE_HZ)
        samples.append(int((chance.uniform(-9000, 9000), tone, 0.0)[min(part, 2)]))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, _RATE_HZ, 0, "NONE", ""))
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return out.getvalue()


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _items(answer: httpx.Response) -> list[dict[str, Any]]:
    data = _json(answer).get("data") if answer.is_success else None
    return [item for item in data if _is_item(item)] if isinstance(data, list) else []


def _is_item(item: Any) -> bool:
    numbers = (
        [*item.get("embedding", ()), item.get("start_sec"), item.get("end_sec")] if isinstance(item, dict) else [None]
    )
    return all(isinstance(number, int | float) for number in numbers)


def _envelope(answer: httpx.Response) -> str:
    body = _json(answer)
    inner = body.get("error")
    is_nested, is_flat = isinstance(inner, dict), "message" in body
    kind = {(True, True): "nested and flat", (True, False): "nested", (False, True): "flat"}.get((is_nested, is_flat))
    code = body.get("code") or (inner.get("code") if isinstance(inner, dict) else "")
    return f"{kind or 'neither nested nor flat'} (status {answer.status_code}, code {code or 'none'})"


def _refusal(answer: httpx.Response) -> str:
    inner = _json(answer).get("error")
    message = (inner if isinstance(inner, dict) else _json(answer)).get("message", "")
    return f"refused with {answer.status_code}: {str(message)[:200] or 'no message'}"


def _outcome(answer: httpx.Response) -> str:
    if not answer.is_success:
        return _refusal(answer)
    options = sorted({str(item.get("embedding_option")) for item in _items(answer)})
    return f"taken, with vectors of the options {', '.join(options) or 'none'}"


def _times(items: Sequence[dict[str, Any]]) -> str:
    if not items:
        return "not known"
    first = min(item["start_sec"] for item in items)
    kind = "relative to the window" if first < _STEP_SEC / 2 else "absolute"
    return f"{kind} (the window begins at {_STEP_SEC} s, the first item at {first:g} s)"


def _vectors(items: Sequence[dict[str, Any]]) -> str:
    if not items:
        return "not known"
    lengths = [math.hypot(*item["embedding"]) for item in items]
    dimensions = sorted({len(item["embedding"]) for item in items})
    is_unit = all(abs(length - 1.0) < _UNIT_SLACK for length in lengths)
    kind = "unit length" if is_unit else f"lengths {min(lengths):.3f} to {max(lengths):.3f}"
    return f"{kind}, {' or '.join(map(str, dimensions))} dimensions"


def _silence(items: Sequence[dict[str, Any]]) -> str:
    clips = [
        item for item in items if item.get("embedding_scope") == "clip" and item.get("embedding_option") == "audio"
    ]
    if not clips:
        return "not known"
    # The window's second half is silent, whichever way times count.
    last = max(clips, key=lambda item: float(item["start_sec"]))
    if len(clips) < 2:
        return "left out"
    return "a vector like any other" if any(last["embedding"]) else "a vector of zeros"


def _speechless(items: Sequence[dict[str, Any]]) -> str:
    if not items:
        return "not known"
    spoken = sum(item.get("embedding_option") == "transcription" for item in items)
    return f"{spoken} transcription vectors for sound without a word" if spoken else "no transcription vectors"


def _limits(answer: httpx.Response) -> str:
    return "; ".join(map(_limit, read_rate_limits(answer.headers))) or "none sent"


def _limit(limit: RateLimit) -> str:
    left, whole = ("?" if number is None else f"{number:g}" for number in (limit.remaining, limit.limit))
    return f"{limit.dimension or 'requests'}: {left} of {whole} left"
