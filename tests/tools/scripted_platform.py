"""A platform that answers as its script says, behind a transport: the network of these tests."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

BLOCK = 64
SPACE = "scripted-1"


def speech_vector(text: str) -> list[float]:
    """A direction for each word, added up: texts that share words are near each other."""
    block = [0.0] * BLOCK
    for word in text.lower().split():
        block[zlib.crc32(word.encode()) % BLOCK] += 1.0
    return block


@dataclass
class ScriptedPlatform:
    """Speaks the contract over `says`: what is said in each second of every recording.

    `calls` counts requests by method and route. A route in `stops` waits, when it is reached, until it is let go on;
    `reached` is set then. `problems` are answers to give instead, first come first served.
    """

    space: str = SPACE
    duration: float = 12.0
    says: tuple[str, ...] = ("the river is rising", "the cake is done")
    segment_sec: float = 6.0
    polls_until_ready: int = 1
    gives_words: bool = True
    hears: tuple[str, ...] = ()
    """Names of what is heard all the time."""
    speakers: tuple[str, ...] = ()
    """Who says each of `says`, as a platform that tells speakers apart has it."""
    doubts: tuple[str, ...] = ()
    """Words that it holds for little likely."""
    language: str = ""
    """Of what is said, as a platform that knows it tells."""
    warnings: tuple[str, ...] = ()
    """What is to be told of every recording."""
    window_words: str = ""
    """What comes with the embeddings of a window, said in its first second; empty where nothing comes."""
    task_failure: str = ""
    asset_failure: str = ""
    shift_sec: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    problems: dict[str, list[httpx.Response]] = field(default_factory=dict)
    stops: dict[str, asyncio.Event] = field(default_factory=dict)
    reached: dict[str, asyncio.Event] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ids = (f"{number:024x}" for number in itertools.count(1))

    def http(self) -> httpx.AsyncClient:
        """A client whose network is this script."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="http://scripted/v1.3")

    def stop_at(self, route: str) -> asyncio.Event:
        """Hold the next calls of a route until the event is set; `reached[route]` says when one came."""
        self.stops[route], self.reached[route] = asyncio.Event(), asyncio.Event()
        return self.stops[route]

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        route = f"{request.method} {self._route(request.url.path)}"
        self.calls[route] += 1
        if route in self.stops:
            self.reached[route].set()
            await self.stops[route].wait()
        if self.problems.get(route):
            return self.problems[route].pop(0)
        handler = getattr(self, "_" + route.lower().replace(" ", "_").replace("/", "_").replace("-", ""))
        answer: httpx.Response = handler(request)
        answer.headers["x-soundbite-space"] = self.space
        answer.headers["x-soundbite-blocks"] = f"sound={BLOCK},speech={BLOCK}"
        return answer

    def _route(self, path: str) -> str:
        parts = [
            "id" if len(part) == 24 and part.isalnum() else part for part in path.removeprefix("/v1.3/").split("/")
        ]
        return "/".join(parts)

    def _post_assets(self, request: httpx.Request) -> httpx.Response:
        asset = {"_id": next(self._ids), "status": "processing", "filename": "sound.wav"}
        self.assets[asset["_id"]] = asset
        return httpx.Response(201, json=asset)

    def _get_assets_id(self, request: httpx.Request) -> httpx.Response:
        asset = self.assets.get(request.url.path.rpartition("/")[2])
        if asset is None:
            return _missing()
        if self.asset_failure:
            return httpx.Response(200, json={**asset, "status": "failed", "error": {"message": self.asset_failure}})
        return httpx.Response(200, json={**asset, "status": "ready", "duration": self.duration})

    def _delete_assets_id(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(204) if self.assets.pop(request.url.path.rpartition("/")[2], None) else _missing()

    def _get_assets_id_transcription(self, request: httpx.Request) -> httpx.Response:
        sentences = [
            {"start": index * self.segment_sec + 0.1, "end": index * self.segment_sec + 0.5, "value": text}
            for index, text in enumerate(self.says)
        ]
        turns = [{**text, "speaker": speaker} for text, speaker in zip(sentences, self.speakers, strict=False)]
        words = [word for text in sentences for word in self._words(text)] if self.doubts else sentences
        body = {"status": "ready", "words": words, "sentences": sentences, "utterances": turns}
        return httpx.Response(200, json=body)

    def _words(self, text: dict[str, Any]) -> list[dict[str, Any]]:
        values = text["value"].split()
        step_sec = (text["end"] - text["start"]) / len(values)
        starts = [text["start"] + number * step_sec for number in range(len(values))]
        return [
            {
                "start": start,
                "end": start + step_sec,
                "value": value,
                "probability": 0.2 if value in self.doubts else 0.9,
            }
            for start, value in zip(starts, values, strict=True)
        ]

    def _post_embedv2(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if body["input_type"] == "text":
            text = body["text"]["input_text"]
            sound = [1.0] + [0.0] * (BLOCK - 1) if "alarm" in text else [0.0] * BLOCK
            return httpx.Response(200, json={"data": [{"embedding": _unit(sound + speech_vector(text))}]})
        self.requests.append(body["audio"])
        return httpx.Response(200, json={"data": self._data(body["audio"]), "metadata": self._metadata(body["audio"])})

    def _post_embedv2_clips(self, request: httpx.Request) -> httpx.Response:
        texts = [clip["value"] for clip in json.loads(request.content)["clips"]]
        vectors = [[0.0] * BLOCK + speech_vector(text) for text in texts]
        return httpx.Response(200, json={"data": [{"embedding": _unit(vector)} for vector in vectors]})

    def _post_embedv2_tasks(self, request: httpx.Request) -> httpx.Response:
        audio = json.loads(request.content)["audio"]
        self.requests.append(audio)
        task = {"_id": next(self._ids), "status": "processing", "data": None, "audio": audio, "polls": 0}
        self.tasks[task["_id"]] = task
        return httpx.Response(202, json={"_id": task["_id"], "status": "processing", "data": None})

    def _get_embedv2_tasks_id(self, request: httpx.Request) -> httpx.Response:
        task = self.tasks.get(request.url.path.rpartition("/")[2])
        if task is None:
            return _missing()
        task["polls"] += 1
        answer: dict[str, Any] = {"_id": task["_id"], "status": "processing", "data": None}
        if task["polls"] < self.polls_until_ready:
            answer["progress"] = {"stage": "transcribing", "fraction": task["polls"] / self.polls_until_ready}
        elif self.task_failure:
            answer |= {"status": "failed", "error": {"message": self.task_failure}}
        else:
            data, metadata = self._data(task["audio"]), self._metadata(task["audio"])
            answer |= {"status": "ready", "data": data, "metadata": metadata}
        return httpx.Response(200, json=answer)

    def _metadata(self, audio: dict[str, Any]) -> dict[str, Any]:
        end = min(audio.get("end_sec") or self.duration, self.duration)
        about = {"duration": self.duration, "start_offset_sec": audio["start_sec"], "end_offset_sec": end}
        if self.language:
            about["language"] = self.language
        if self.warnings:
            about["warnings"] = list(self.warnings)
        if self.window_words:
            word = {"start": audio["start_sec"], "end": audio["start_sec"] + 1, "value": self.window_words}
            about["window_transcript"] = {"status": "ready", "words": [word], "sentences": [word]}
        return about

    def _data(self, audio: dict[str, Any]) -> list[dict[str, Any]]:
        start, end = audio["start_sec"], min(audio.get("end_sec") or self.duration, self.duration)
        items = []
        for index in range(math.ceil((end - start) / self.segment_sec)):
            at = start + index * self.segment_sec
            items += self._items(audio, "clip", at, min(at + self.segment_sec, end), self._said(at))
        items += self._items(audio, "asset", start, end, " ".join(self.says))
        return items[::-1]  # the contract promises no order

    def _items(self, audio: dict[str, Any], scope: str, start: float, end: float, said: str) -> list[dict[str, Any]]:
        sound = [float(start == 0.0), 1.0, *([0.0] * (BLOCK - 2))]
        silent = [0.0] * BLOCK
        vectors = {"audio": sound + silent, "transcription": silent + speech_vector(said)}
        kinds = [option for option in audio["embedding_option"] if option == "audio" or said]
        types = audio.get("embedding_type", ["separate_embedding"])
        chosen = [(option, vectors[option]) for option in kinds] if "separate_embedding" in types else []
        if "fused_embedding" in types:
            chosen.append(("fused", _unit(sound + speech_vector(said))))
        return [
            {
                "embedding": _unit(vector),
                "embedding_option": option,
                "embedding_scope": scope,
                "start_sec": start - self.shift_sec,
                "end_sec": end - self.shift_sec,
                "sounds": list(self.hears),
                **({"transcript": said} if self.gives_words and option == "transcription" else {}),
                **({"language": self.language} if self.language and option == "transcription" else {}),
            }
            for option, vector in chosen
            if scope in audio["embedding_scope"]
        ]

    def _said(self, at: float) -> str:
        index = int(at // self.segment_sec)
        return self.says[index] if index < len(self.says) else ""


def _unit(vector: list[float]) -> list[float]:
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else vector


def _missing() -> httpx.Response:
    return httpx.Response(404, json={"code": "resource_not_exist", "message": "There is no such resource."})
