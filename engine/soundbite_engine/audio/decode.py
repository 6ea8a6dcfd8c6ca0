"""Any recording to mono int16 blocks: streamed, bounded, and keeping what can be kept of a damaged file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from soundbite_api.files import OpenFile
from soundbite_engine.audio.containers import Span, describe_container, links, open_media, opened
from soundbite_engine.audio.levels import Levelled, Leveller, spread_peaks, tick_peaks
from soundbite_engine.audio.mix import STRETCH_SEC, ChannelLevels, Mixer
from soundbite_engine.audio.reading import SKIP_FROM_SEC, Approach, Reading, SeekMissed, Tally
from soundbite_engine.audio.spectra import Floats, Samples
from soundbite_engine.audio.timeline import (
    guessed_end_sec,
    is_countable,
    missing_share,
    origin_sec,
    rest_sec,
    stated_sec,
)
from soundbite_engine.audio.tracks import heard_stream, heard_track, note_of, sounding_tracks, tracks_of
from soundbite_engine.errors import MediaError
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.media import MediaFile, MediaInfo
from soundbite_engine.workers.plans import (
    CHANNELS_FILE,
    GAINS_FILE,
    SAMPLE_RATE_HZ,
    TICK_SAMPLES,
    DecodeReport,
    TrackChoice,
)

MAX_DURATION_SEC = 4 * 3600 + 60
_TRUSTED_SEC, _TRUSTED_SHARE = 0.2, 0.001


def probe(report: Report, media: MediaFile) -> MediaInfo:
    """What the file `media` holds; its first sound is decoded, so that what passes is playable.

    Its length is what the container states, or what its packets come to where that can be told without decoding them.

    Raises:
        MediaError: missing, empty, unreadable, or nothing in it decodes to sound.
    """
    del report
    with open_media(media) as source:
        return _probed(source)


def _probed(source: OpenFile) -> MediaInfo:
    first, *others = _links(source)
    with opened(source, first) as container:
        stream = heard_stream(container, source)
        length_sec = stated_sec(container, stream, source)
        if next(Reading(container, stream, source, Tally()).frames(), None) is None:
            raise _no_sound(source.name)
        tracks = tracks_of(source, first)
        info = describe_container(container, stream, source, length_sec)
        info = replace(info, tracks=tracks, track=heard_track(tracks))
        if not others and not is_countable(container):
            return info
    return replace(info, duration_sec=sum(_length_sec(source, link) for link in (first, *others)) or length_sec)


def _links(source: OpenFile) -> Sequence[Span | None]:
    """The recordings in one file; one whole file is None."""
    try:
        spans = links(source)
    except OSError:
        return [None]  # opening it says what is wrong
    return [None] if len(spans) == 1 else spans


def _length_sec(source: OpenFile, link: Span | None, track: int | None = None) -> float:
    """The length of a recording by its packets, or as its container states it."""
    with opened(source, link) as container:
        stream = heard_stream(container, source, track)
        stated = stated_sec(container, stream, source)
        if stated is not None and not is_countable(container):
            return stated
        counted = max(0.0, rest_sec(container, stream) - origin_sec(container, source))
        # A header knows of the silence that an encoder adds at the end; packets know when the header is wrong.
        is_right = stated is not None and abs(stated - counted) <= max(_TRUSTED_SEC, _TRUSTED_SHARE * counted)
        return (stated if is_right and stated is not None else counted) or stated or 0.0


def _no_sound(name: str) -> MediaError:
    return MediaError("media_unreadable", f"no sound could be decoded from {name}")


def _window_blocks(
    source: OpenFile,
    start_sec: float,
    end_sec: float | None,
    rate_hz: int,
    tally: Tally,
    approach: Approach,
    track: int | None,
) -> Iterator[Floats]:
    for at, block in _timed_blocks(source, start_sec, end_sec, rate_hz, tally, approach, track):
        first = max(0, round((start_sec - at) * rate_hz))
        last = block.size + 1 if end_sec is None else round((end_sec - at) * rate_hz)
        if first < min(last, block.size):
            yield block[first:last]
        if last <= block.size:
            tally.is_cut_by_window = True


def _timed_blocks(
    source: OpenFile,
    start_sec: float,
    end_sec: float | None,
    rate_hz: int,
    tally: Tally,
    approach: Approach,
    track: int | None,
) -> Iterator[tuple[float, Floats]]:
    """Blocks of all recordings in a file, each with its time; those that end before the window are counted only."""
    begin_sec, tally.announced_sec = 0.0, 0.0
    for link in _links(source):
        if link is not None and approach != "start":
            length_sec = _length_sec(source, link, track)
            if begin_sec + length_sec <= start_sec - SKIP_FROM_SEC:
                begin_sec += length_sec
                tally.add_announced(length_sec)
                continue
        with opened(source, link) as container:
            stream = heard_stream(container, source, track)
            tally.add_announced(stated_sec(container, stream, source))
            tally.guessed_sec = guessed_end_sec(container, source) if link is None else None
            if tally.channels:
                tally.channels.link_sec = begin_sec
            reading = Reading(container, stream, source, tally)
            way = reading.way(start_sec - begin_sec, approach)
            for at, block in reading.timed_blocks(start_sec - begin_sec, rate_hz, way):
                tally.heard_sec = begin_sec + at + block.size / rate_hz
                yield begin_sec + at, block
                if end_sec is not None and tally.heard_sec >= end_sec:
                    reading.count_rest()
                    return
            begin_sec = tally.heard_sec


def decoded_blocks(
    media: MediaFile,
    start_sec: float = 0.0,
    end_sec: float | None = None,
    rate_hz: int = SAMPLE_RATE_HZ,
    tally: Tally | None = None,
    track: TrackChoice = None,
) -> Iterator[Samples]:
    """Mono blocks of `start_sec` to `end_sec` of the sound in the file `media`, turned down where 16 bits overflow.

    `track` is the number of an audio track, from 1, or `all`; None is the one that a player would take.

    Raises:
        MediaError: unreadable, no audio, no sound decoded, longer than four hours, or `start_sec` past the end.
    """
    with open_media(media) as source:
        yield from blocks_of(source, start_sec, end_sec, rate_hz, tally, track)


def blocks_of(
    source: OpenFile,
    start_sec: float = 0.0,
    end_sec: float | None = None,
    rate_hz: int = SAMPLE_RATE_HZ,
    tally: Tally | None = None,
    track: TrackChoice = None,
) -> Iterator[Samples]:
    """The same of a file that is open.

    Raises:
        MediaError: see `decoded_blocks`.
    """
    leveller = Leveller(rate_hz)
    for block in _float_blocks(source, start_sec, end_sec, rate_hz, tally or Tally(), track):
        yield from (part.samples for part in leveller.push(block))
    yield from (part.samples for part in leveller.finish())


def _float_blocks(
    source: OpenFile, start_sec: float, end_sec: float | None, rate_hz: int, tally: Tally, track: TrackChoice
) -> Iterator[Floats]:
    numbers = sounding_tracks(tracks_of(source)) if track == "all" else []
    if len(numbers) > 1:
        blocks = _mixed_tracks(source, start_sec, end_sec, rate_hz, tally, numbers)
    else:
        number = numbers[0] if numbers else None if track == "all" else track
        blocks = _track_blocks(source, start_sec, end_sec, rate_hz, tally, number)
    yield from _silenced(blocks, source.source.silences, start_sec, rate_hz)


def _silenced(
    blocks: Iterator[Floats], silences: Sequence[tuple[float, float]], start_sec: float, rate_hz: int
) -> Iterator[Floats]:
    """The blocks from `start_sec` on, with zeros where the file is not to be heard."""
    spans = [
        (math.floor((begin - start_sec) * rate_hz), math.ceil((end - start_sec) * rate_hz)) for begin, end in silences
    ]
    count = 0
    for block in blocks:
        for first, last in spans:
            begin, end = max(0, first - count), min(block.size, last - count)
            if begin < end:
                block = np.concatenate([block[:begin], np.zeros(end - begin, block.dtype), block[end:]])
        count += block.size
        yield block


def _mixed_tracks(
    source: OpenFile, start_sec: float, end_sec: float | None, rate_hz: int, tally: Tally, numbers: Sequence[int]
) -> Iterator[Floats]:
    """Several tracks mixed as channels are, at the same fixed times."""
    # The stretch that the window begins in is mixed as a whole, and passes over from the one before it.
    begin_sec = max(0.0, (start_sec // STRETCH_SEC - 1) * STRETCH_SEC)
    if tally.channels is not None:
        tally.channels = ChannelLevels(start_sec, len(numbers))
        tally.channels.begin(begin_sec)
    tallies, failures = [Tally() for _ in numbers], list[MediaError]()

    def blocks_or_nothing(number: int, own: Tally) -> Iterator[Floats]:
        try:
            yield from _track_blocks(source, begin_sec, end_sec, rate_hz, own, number)
        except MediaError as exc:  # it may be shorter than another
            failures.append(exc)

    parts = [blocks_or_nothing(number, own) for number, own in zip(numbers, tallies, strict=True)]
    mixer, lead, count = Mixer(rate_hz, begin_sec), round((start_sec - begin_sec) * rate_hz), 0
    for samples in chain(_side_by_side(parts, round(STRETCH_SEC * rate_hz)), [None]):
        tally.join(tallies)
        if samples is not None and tally.channels is not None:
            tally.channels.add(samples, rate_hz)
        for mixed in mixer.finish() if samples is None else mixer.push(samples):
            window, lead = mixed[lead:], max(0, lead - mixed.size)
            count += window.size
            if window.size:
                yield window
    if not count:
        raise failures[0] if failures else _past_end(source.name, start_sec, tally)


def _side_by_side(parts: Sequence[Iterator[Floats]], size: int) -> Iterator[Floats]:
    """Pieces of at most `size` samples of several sounds, (samples, parts); behind a shorter one is silence."""
    pending = [np.zeros(0, np.float32) for _ in parts]
    while True:
        for at, part in enumerate(parts):
            while pending[at].size < size and (block := next(part, None)) is not None:
                pending[at] = np.concatenate([pending[at], block])
        count = min(size, max(sound.size for sound in pending))
        if not count:
            return
        yield np.stack([np.pad(sound[:count], (0, max(0, count - sound.size))) for sound in pending], axis=1)
        pending = [sound[count:] for sound in pending]


def _track_blocks(
    source: OpenFile, start_sec: float, end_sec: float | None, rate_hz: int, tally: Tally, track: int | None
) -> Iterator[Floats]:
    count = 0
    approaches: tuple[Approach, ...] = ("seek", "skip", "start") if start_sec >= SKIP_FROM_SEC else ("start",)
    for approach in approaches:
        try:
            for block in _window_blocks(source, start_sec, end_sec, rate_hz, tally, approach, track):
                count += block.size
                if count > MAX_DURATION_SEC * rate_hz:
                    raise MediaError("media_too_long", f"{source.name} is longer than four hours")
                yield block
        except SeekMissed:
            continue
        if count:
            return
    raise _past_end(source.name, start_sec, tally)


def _past_end(name: str, start_sec: float, tally: Tally) -> MediaError:
    if start_sec > 0 and tally.heard_sec > 0:
        return MediaError(
            "window_past_end", f"start_sec {start_sec:g} is past the end: {name} lasts {tally.heard_sec:.1f} s"
        )
    return _no_sound(name)


def decode_to_scratch(
    report: Report,
    media: MediaFile,
    scratch: str,
    start_sec: float = 0.0,
    end_sec: float | None = None,
    track: TrackChoice = None,
) -> DecodeReport:
    """Decode a window of `media` into `scratch` as raw int16, its gains beside it; `report` counts to the expected end.

    Raises:
        MediaError: see `decoded_blocks`.
    """
    with open_media(media) as source:
        return _decoded_to_scratch(report, source, scratch, start_sec, end_sec, track)


def _decoded_to_scratch(
    report: Report, source: OpenFile, scratch: str, start_sec: float, end_sec: float | None, track: TrackChoice
) -> DecodeReport:
    tally = Tally(channels=ChannelLevels(start_sec))
    count, peaks = 0, list[Samples]()
    leveller = Leveller(SAMPLE_RATE_HZ, raises_speech=True)
    blocks = _float_blocks(source, start_sec, end_sec, SAMPLE_RATE_HZ, tally, track)
    gains_path = Path(scratch).with_name(GAINS_FILE)
    with Path(scratch).open("wb", buffering=1 << 20) as out, gains_path.open("wb", buffering=1 << 12) as gains:
        for part in chain(chain.from_iterable(map(leveller.push, blocks)), _last(leveller)):
            gains.write(part.gains.data)
            gains.flush()  # whoever reads the samples needs them
            out.write(np.ascontiguousarray(part.samples).data)
            count += part.samples.size
            peaks.append(tick_peaks(part))
            until = end_sec if end_sec is not None else tally.announced_sec or tally.guessed_sec
            if until is not None and until > start_sec:
                report(min(1.0, count / SAMPLE_RATE_HZ / (until - start_sec)))
    if tally.channels and (levels := tally.channels.levels(count // TICK_SAMPLES)) is not None:
        np.save(Path(scratch).with_name(CHANNELS_FILE), levels)
    if not tally.is_cut_by_window:
        tally.missing_share = missing_share(source)
    tracks = tracks_of(source)
    note = note_of(tracks, track)
    warnings = (*tally.warnings(), *([note] if note else []))
    return DecodeReport(count, start_sec, tally.source_sec, warnings, spread_peaks(np.concatenate(peaks)))


def _last(leveller: Leveller) -> Iterator[Levelled]:
    yield from leveller.finish()
