"""read_transcript: what is said in a recording, with times, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundbite_store import TimedText, doubtful_words, is_hardly_understood
from soundbite_tools.errors import QuestionProblem, UnknownId, raises_problems
from soundbite_tools.read.formats import MISHEARD
from soundbite_tools.results import TranscriptLine, TranscriptResult
from soundbite_tools.speakers import transcript_of_recording
from soundbite_tools.text import (
    MOST_TOKENS,
    clock_range,
    clock_ranges,
    number,
    plain_text,
    quoted,
    rounded_sec,
    speaker_label,
    tokens,
)
from soundbite_tools.words.terms import unsure_words
from soundbite_tools.words.timed_words import TimedWords

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundbite_store import Asset, StoredTranscript
    from soundbite_tools.library import Library
    from soundbite_tools.requests import TranscriptRequest

_LONGEST_LINE = 500
# Half of what an answer may hold: a transcript is read page by page, and a page should leave room to think.
_PAGE_TOKENS = MOST_TOKENS / 2
# Names, quotes and brackets of the structured form of a line.
_LINE_OVERHEAD_TOKENS = 22


@raises_problems
async def read_transcript(library: Library, request: TranscriptRequest) -> TranscriptResult:
    """Return the sentences said in a range of a recording; `end_sec` 0 is its end.

    What does not fit an answer is left for the next call, which the answer names.

    Raises:
        ToolProblem: no such recording, it has no transcript, or the range is empty.
    """
    start_sec, end_sec = request.start_sec, request.end_sec
    ledger = await library.ledger()
    asset = await ledger.get_asset(request.asset_id)
    if asset is None:
        raise UnknownId(
            f"There is no recording {request.asset_id!r}.", "Call list_audio for the ids.", code="unknown_asset"
        )
    transcript = await transcript_of_recording(library, asset.asset_id)
    if transcript is None:
        raise QuestionProblem(
            f"{quoted(asset.title)} has no transcript.",
            "Embed it with embedding_option transcription, or wait until its task is ready (get_task).",
            code="no_transcript",
        )
    length_sec = max(asset.duration_sec, transcript.end_sec)
    until_sec = min(end_sec or length_sec, length_sec)
    if not 0.0 <= start_sec < until_sec:
        raise QuestionProblem(
            f"There is nothing from {start_sec:g} to {until_sec:g} s: "
            f"the recording is {asset.duration_sec:.2f} seconds long.",
            "Give start_sec below end_sec, both within the recording.",
            code="range_invalid",
        )
    if request.chapters:
        return await _map(library, asset, transcript, start_sec, until_sec)
    wanted = [text for text in transcript.sentences or transcript.words if _is_in(text, start_sec, until_sec)]
    spoken = [word for word in transcript.words if _is_in(word, start_sec, until_sec)]
    lines = _first_page(wanted, TimedWords(transcript), has_speakers=transcript.has_speakers)
    left = wanted[len(lines) :]
    reached_sec = left[0].start_sec if left else until_sec
    return TranscriptResult(
        asset_id=asset.asset_id,
        title=asset.title,
        lines=lines,
        start_sec=rounded_sec(start_sec),
        end_sec=rounded_sec(reached_sec),
        time_range=clock_range(start_sec, reached_sec),
        notes=_notes(wanted, spoken),
        next_step=_next_step(asset.asset_id, left, end_sec),
    )


async def _map(
    library: Library, asset: Asset, transcript: StoredTranscript, start_sec: float, until_sec: float
) -> TranscriptResult:
    """The chapters that a range touches, a line each."""
    from soundbite_tools.read.contents import chapters_of

    chapters = [
        chapter
        for chapter in await chapters_of(library, asset, transcript)
        if chapter.start_sec < until_sec and chapter.end_sec > start_sec
    ]
    times = clock_ranges([(chapter.start_sec, chapter.end_sec) for chapter in chapters], asset.duration_sec)
    return TranscriptResult(
        asset_id=asset.asset_id,
        title=asset.title,
        lines=[
            TranscriptLine(
                start_sec=rounded_sec(chapter.start_sec),
                time_range=time_range,
                text=chapter.text,
                clip_id=chapter.clip_id,
            )
            for chapter, time_range in zip(chapters, times, strict=True)
        ],
        start_sec=rounded_sec(start_sec),
        end_sec=rounded_sec(until_sec),
        time_range=clock_range(start_sec, until_sec),
        notes=[] if chapters else ["It has no clips to make chapters of."],
        next_step="Read one with start_sec and end_sec, without chapters." if chapters else "",
    )


def _is_in(text: TimedText, start_sec: float, end_sec: float) -> bool:
    # A page begins at a time rounded to hundredths: the sentence before must not come back for that.
    return text.start_sec < end_sec and text.end_sec > start_sec + 0.01


def _notes(wanted: Sequence[TimedText], words: Sequence[TimedText]) -> list[str]:
    if not wanted:
        return ["Nothing is said there."]
    return [MISHEARD] if is_hardly_understood(words) else []


def _first_page(wanted: Sequence[TimedText], words: TimedWords, *, has_speakers: bool) -> list[TranscriptLine]:
    page: list[TranscriptLine] = []
    room = _PAGE_TOKENS
    for sentence in wanted:
        text = plain_text(sentence.value, _LONGEST_LINE)
        room -= tokens(text) + _LINE_OVERHEAD_TOKENS
        if page and room < 0:
            break
        times = clock_range(sentence.start_sec, sentence.end_sec)
        speaker = speaker_label(sentence.speaker) if has_speakers else ""
        page.append(
            TranscriptLine(
                start_sec=rounded_sec(sentence.start_sec),
                time_range=times,
                text=text,
                speaker=speaker,
                unsure=unsure_words(doubtful_words(words.inside(sentence.start_sec, sentence.end_sec)), text),
            )
        )
    return page


def _next_step(asset_id: str, left: Sequence[TimedText], end_sec: float) -> str:
    if not left:
        return ""
    until = f", end_sec={number(end_sec)}" if end_sec else ""
    start = number(rounded_sec(left[0].start_sec))
    return f'{len(left)} more: call read_transcript(asset_id="{asset_id}", start_sec={start}{until}).'
