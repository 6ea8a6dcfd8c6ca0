"""Which track of a recording is heard: as a player takes it, but never one of nothing.

That is one that decodes and is not silent; of those the one marked as default, or else the first.
"""

from __future__ import annotations

import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from soundbite_api.files import ABOUT_TRACKS, FileIdentity, OpenFile
from soundbite_engine.audio.containers import Span, audio_stream, opened
from soundbite_engine.audio.reading import Reading, Tally
from soundbite_engine.errors import MediaError
from soundbite_engine.workers.media import Track
from soundbite_engine.workers.plans import TrackChoice

_LISTENED_SEC = 600.0
_LISTENING_RATE_HZ = 8000
_SILENT_PEAK = 1e-4
_MOST_TRACKS = 32
_LONGEST_TITLE, _LONGEST_LANGUAGE = 60, 8
_MOST_KNOWN = 64
_known: dict[tuple[FileIdentity, Span | None], tuple[Track, ...]] = {}


def heard_stream(container: InputContainer, source: OpenFile, track: int | None = None) -> AudioStream:
    """The stream of track number `track`, from 1; None for the one to be heard.

    Raises:
        MediaError: no such track, or see `audio_stream`.
    """
    count = len(container.streams.audio)
    if track is not None and not 1 <= track <= count:
        tracks = f"{count} audio track{'s' if count != 1 else ''}"
        raise MediaError("media_no_track", f"{source.name} has {tracks}, and no track {track}")
    if track is None and count > 1:
        track = heard_track(tracks_of(source))
    return audio_stream(container, source.name, (track or 1) - 1)


def heard_track(tracks: tuple[Track, ...]) -> int:
    """The number of the track to be heard."""
    best = min(tracks, key=lambda track: (not track.is_decodable, track.is_silent, not track.is_default, track.number))
    return best.number


def tracks_of(source: OpenFile, span: Span | None = None) -> tuple[Track, ...]:
    """The audio tracks of a file; where there are several, each is listened to for its first sound, once a process.

    Raises:
        MediaError: it can't be opened.
    """
    key = (source.identity, span)
    if key not in _known:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = _tracks(source, span)
    return _known[key]


def _tracks(source: OpenFile, span: Span | None) -> tuple[Track, ...]:
    with opened(source, span) as container:
        count = min(len(container.streams.audio), _MOST_TRACKS)
    return tuple(_track(source, span, index, is_alone=count == 1) for index in range(count))


def _track(source: OpenFile, span: Span | None, index: int, *, is_alone: bool) -> Track:
    with opened(source, span) as container:
        stream = container.streams.audio[index]
        context = stream.codec_context
        is_default = bool(stream.disposition & Disposition.default)
        language, title = stream.metadata.get("language", ""), stream.metadata.get("title", "")
        known = (context.name, context.sample_rate, context.channels) if context else ("", 0, 0)
        is_decodable, is_silent = (True, False) if is_alone else _listen(container, source, index)
    return Track(index + 1, *known, "" if language == "und" else language, title, is_default, is_decodable, is_silent)


def _listen(container: InputContainer, source: OpenFile, index: int) -> tuple[bool, bool]:
    """Whether a track decodes, and whether it is silent as far as it is listened to."""
    is_decodable = False
    try:
        stream = audio_stream(container, source.name, index)
        for at, block in Reading(container, stream, source, Tally()).timed_blocks(0.0, _LISTENING_RATE_HZ):
            is_decodable |= block.size > 0
            if block.size and float(np.abs(block).max()) > _SILENT_PEAK:
                return True, False
            if at > _LISTENED_SEC:
                break
    except MediaError:
        return False, True
    return is_decodable, True


def sounding_tracks(tracks: tuple[Track, ...]) -> list[int]:
    """The numbers of the tracks that are heard together: all that sound, or else the one to be heard."""
    return [one.number for one in tracks if one.is_decodable and not one.is_silent] or [heard_track(tracks)]


def note_of(tracks: tuple[Track, ...], choice: TrackChoice) -> str:
    """One sentence on the tracks of a recording that has several; empty for one."""
    if len(tracks) < 2:
        return ""
    taken = sounding_tracks(tracks) if choice == "all" else [choice or heard_track(tracks)]
    others = ", ".join(_described(track) for track in tracks if track.number not in taken)
    if choice != "all":
        return f"{len(tracks)}{ABOUT_TRACKS}track {taken[0]} is heard, not {others}"
    return f"{len(tracks)}{ABOUT_TRACKS}heard together" + (f", without {others}" if others else "")


def _described(track: Track) -> str:
    # The file's own words: on one line, and in quotes that they can't end.
    title = "".join(char if char.isprintable() else " " for char in track.title).replace('"', "'").split()
    language = track.language if track.language.isalnum() and len(track.language) <= _LONGEST_LANGUAGE else ""
    words = [
        f'"{" ".join(title)[:_LONGEST_TITLE]}"' if title else "",
        language,
        "silent" if track.is_silent and track.is_decodable else "",
    ]
    about = ", ".join(word for word in (*words, "" if track.is_decodable else "can't be decoded") if word)
    return f"track {track.number}" + (f" ({about})" if about else "")
