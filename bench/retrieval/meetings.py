"""Ranking of text alone: meetings as true text, with questions and the turns that answer them (QMSum, MIT).

A line of the file is a meeting: `meeting_transcripts` its turns, `specific_query_list` its questions, each with
`relevant_text_span`, the first and last turn of a stretch that answers. A meeting becomes a recording of the library
without sound: its turns, cut at ends of sentences, are clips, three words a second, with the vectors that the profile
gives them and the speakers that the file names. The questions go through search_clips, each to its own meeting. An
answer is right where its time range overlaps that of the turns that answer.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from machine.models import chosen_models
from mcp import Client
from retrieval.embedded_library import call, settings_for
from retrieval.evaluation_set import EvalSetError
from retrieval.long_answers import overlaps
from retrieval.ranking import RankSummary, summarise

from soundbite_engine.profiles import load_profile
from soundbite_engine.sound.sound_blocks import Floats, joined
from soundbite_engine.speech.transcripts import Sentence
from soundbite_engine.workers.jobs import find_job
from soundbite_server import build_server
from soundbite_server.libraries import open_library
from soundbite_store import Asset, Clip, StoredTranscript, TimedText, clip_id_for

WORDS_A_SECOND = 3.0
WORDS_A_CLIP = 24  # eight seconds
TOP_K = 20
MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")
_SPACE_BEFORE_MARK = re.compile(r"\s+(?=[.,?!'])")

Span = tuple[float, float]


@dataclass(frozen=True)
class MeetingQuestion:
    """What is asked of a meeting, and the time ranges that answer it."""

    asset_id: str
    text: str
    passages: tuple[Span, ...]


@dataclass(frozen=True)
class Meeting:
    """A meeting as clips: texts, the time range of each, and who says it."""

    asset_id: str
    texts: tuple[str, ...]
    spans: tuple[Span, ...]
    speakers: tuple[str, ...]
    questions: tuple[MeetingQuestion, ...]


async def meeting_ranks(path: Path, profile: str) -> RankSummary:
    """Ask every question of every meeting of a file.

    Raises:
        EvalSetError: the file can't be read, or is of another kind.
    """
    meetings = read_meetings(path)
    with tempfile.TemporaryDirectory(prefix="soundbite-meetings-") as folder:
        settings = settings_for(Path(folder) / "home", Path(folder).resolve(), profile)
        async with open_library(settings) as library:
            store, ledger = await library.store(), await library.ledger()
            space = (await library.spaces.current()).space
            for meeting in meetings:
                await ledger.put_asset(_asset(meeting))
                await ledger.put_transcript(_transcript(meeting, library.config.platform))
                await store.upsert(space, _clips(meeting, profile))
        async with Client(build_server(settings)) as client:
            ranks = [await _rank(client, question) for meeting in meetings for question in meeting.questions]
    return summarise(ranks)


def read_meetings(path: Path) -> list[Meeting]:
    """The meetings of a file.

    Raises:
        EvalSetError: the file can't be read, or is of another kind.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [_meeting(json.loads(line)) for line in lines]
    except OSError as exc:
        raise EvalSetError(f"{path} can't be read: {exc.strerror}.") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise EvalSetError(f"{path} is not a file of meetings in the format of QMSum ({exc!r}).") from exc


def _meeting(line: dict[str, Any]) -> Meeting:
    texts: list[str] = []
    spans: list[Span] = []
    speakers: list[str] = []
    turns: list[Span] = []
    at = 0.0
    for turn in line["meeting_transcripts"]:
        first = at
        for text in pieces(turn["content"]):
            end = at + len(text.split()) / WORDS_A_SECOND
            texts.append(text)
            spans.append((at, end))
            speakers.append(turn["speaker"])
            at = end
        turns.append((first, at))
    asset_id = "a_" + hashlib.sha256("\n".join(texts).encode()).hexdigest()[:20]
    questions = [
        MeetingQuestion(asset_id, asked["query"], tuple(_passage(turns, *span) for span in asked["relevant_text_span"]))
        for asked in line["specific_query_list"]
    ]
    return Meeting(asset_id, tuple(texts), tuple(spans), tuple(speakers), tuple(questions))


def _passage(turns: Sequence[Span], first: str, last: str) -> Span:
    return turns[int(first)][0], turns[min(int(last), len(turns) - 1)][1]


def pieces(turn: str) -> list[str]:
    """A turn as texts of at most 24 words that end where sentences end, where one is not longer."""
    found: list[str] = []
    for sentence in _SENTENCE_END.split(_SPACE_BEFORE_MARK.sub("", turn).strip()):
        words = sentence.split()
        if found and len(found[-1].split()) + len(words) <= WORDS_A_CLIP:
            found[-1] += " " + sentence
        else:
            found += [" ".join(words[at : at + WORDS_A_CLIP]) for at in range(0, len(words), WORDS_A_CLIP)]
    return found


def _clips(meeting: Meeting, profile: str) -> list[Clip]:
    return [
        Clip(
            clip_id=clip_id_for(meeting.asset_id, start_sec, end_sec),
            asset_id=meeting.asset_id,
            content_hash=meeting.asset_id,
            task_id="t_meetings",
            title="Meeting",
            source_uri="",
            embedding_option="transcription",
            embedding_scope="clip",
            start_sec=start_sec,
            end_sec=end_sec,
            transcript=text,
            sound_words="",
            tags=(),
            metadata_json="{}",
            segmentation="natural",
            created_at=MADE_AT,
            vector=vector,
            speaker=speaker,
        )
        for text, (start_sec, end_sec), speaker, vector in zip(
            meeting.texts, meeting.spans, meeting.speakers, vectors_of(meeting, profile), strict=True
        )
        if vector.any()
    ]


def _transcript(meeting: Meeting, source: str) -> StoredTranscript:
    said = tuple(
        TimedText(value=text, start_sec=start_sec, end_sec=end_sec, speaker=speaker)
        for text, (start_sec, end_sec), speaker in zip(meeting.texts, meeting.spans, meeting.speakers, strict=True)
    )
    return StoredTranscript(
        asset_id=meeting.asset_id,
        source=source,
        start_sec=0.0,
        end_sec=meeting.spans[-1][1],
        words=(),
        sentences=said,
    )


def vectors_of(meeting: Meeting, profile: str) -> Floats:
    """The vectors that the profile gives to the clips of a meeting, as `transcription` embeddings."""
    chosen = load_profile(profile, chosen_models())
    sentences = [Sentence(text, *span) for text, span in zip(meeting.texts, meeting.spans, strict=True)]
    speech: Floats = find_job("embed_clips")(lambda fraction: None, sentences, str(chosen.texts.folder))
    return joined(None, speech, chosen.blocks)


def _asset(meeting: Meeting) -> Asset:
    return Asset(
        asset_id=meeting.asset_id,
        content_hash=meeting.asset_id,
        title="Meeting",
        source_uri="",
        source_kind="file",
        size_bytes=1,
        mtime_ns=0,
        duration_sec=meeting.spans[-1][1],
        tags=(),
        metadata_json="{}",
        created_at=MADE_AT,
    )


async def _rank(client: Client, question: MeetingQuestion) -> int | None:
    answer = await call(client, "search_clips", query=question.text, asset_ids=[question.asset_id], top_k=TOP_K)
    for rank, clip in enumerate(answer["clips"], start=1):
        if any(overlaps((clip["start_sec"], clip["end_sec"]), passage) for passage in question.passages):
            return rank
    return None
