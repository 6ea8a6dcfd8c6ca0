"""What the scripted hosted platform keeps and says: its records, and the small answers it is made of."""

from __future__ import annotations

import hashlib
import json
import math
import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

BASE_URL = "http://hosted/v1.3"
DIMENSION = 512


@dataclass
class Asset:
    """An uploaded file; `polls_left` looks are answered with `processing` first."""

    id: str
    filename: str
    content: bytes
    method: str
    polls_left: int
    status: str = "processing"
    error: str = ""
    duration: float = 0.0


@dataclass
class Task:
    """An embedding task; `failure` is what it ends with, if anything."""

    id: str
    audio: dict[str, Any]
    asset: Asset
    polls_left: int
    failure: str
    created_at: datetime


@dataclass
class Upload:
    """An upload session in parts."""

    id: str
    asset: Asset
    total: int
    chunk: int
    parts: dict[int, bytes] = field(default_factory=dict)
    reported: set[int] = field(default_factory=set)


def vector(seed: str) -> list[float]:
    """Return numbers that only this seed gives; not of unit length, since the real ones may not be."""
    chance = random.Random(seed)
    return [round(chance.gauss(0.0, 0.3), 5) for _ in range(DIMENSION)]


def window(asset: Asset, audio: dict[str, Any]) -> tuple[float, float]:
    """Return start and end of what is embedded."""
    return audio.get("start_sec", 0.0), min(audio.get("end_sec") or asset.duration, asset.duration)


def past_end(asset: Asset, audio: dict[str, Any]) -> Response | None:
    """Return the refusal of a window that begins past the end."""
    start, end = window(asset, audio)
    return None if start < end else refuse(400, "parameter_invalid", "start_sec is past the end.")


def steps(start: float, end: float, length: int) -> list[float]:
    """Return the starts of fixed segments."""
    return [start + index * length for index in range(math.ceil((end - start) / length - 1e-9))]


def length_of_segments(audio: dict[str, Any]) -> int:
    """Return how long a segment is, in seconds."""
    cut = audio.get("segmentation", {})
    cut = cut.get("temporal", cut)
    return 4 if "dynamic" in cut else int(cut.get("fixed", {}).get("duration_sec", 6))


def kinds_of(audio: dict[str, Any]) -> list[str]:
    """Return what each segment gets a vector of."""
    types = audio.get("embedding_type", ["separate_embedding"])
    options = audio.get("embedding_option", ["audio", "transcription"])
    return [*(options if "separate_embedding" in types else []), *(["fused"] if "fused_embedding" in types else [])]


def page_of(request: Request, rows: list[dict[str, Any]]) -> Response:
    """Return the page of rows that was asked for."""
    page, limit = (int(request.query_params.get(name, default)) for name, default in (("page", 1), ("page_limit", 10)))
    info = {"limit_per_page": limit, "page": page, "total_page": math.ceil(len(rows) / limit)}
    shown = rows[(page - 1) * limit : page * limit]
    return JSONResponse({"data": shown, "page_info": {**info, "total_results": len(rows)}})


def part_url(upload: Upload, index: int) -> dict[str, Any]:
    """Return the signed address of a part."""
    return {"chunk_index": index, "url": f"http://object-store/store/{upload.id}/{index}"}


def etag(content: bytes) -> str:
    """Return the proof of a part."""
    return hashlib.md5(content).hexdigest()


def rfc3339(moment: datetime) -> str:
    """Return a time as the wire has it."""
    return moment.isoformat().replace("+00:00", "Z")


def missing() -> Response:
    """Return the 404 of the flat envelope."""
    return JSONResponse({"code": "resource_not_exist", "message": "Resource does not exist."}, 404)


def refuse(status: int, code: str, message: str) -> Response:
    """Return a refusal in the nested envelope."""
    return Response(json.dumps({"error": {"code": code, "message": message}}), status, media_type="application/json")
