"""Makes a file of every kind on docs/formats.md, embeds each, and fails where one is not what the page says.

python bench/media/formats.py            # compares with the page; the exit code says whether all are the same
python bench/media/formats.py --write    # writes the page
python bench/media/formats.py --only ogg # those whose name holds this, against what is expected of them only
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from odd_files import (
    ROOT,
    SECONDS,
    Maker,
    amr,
    behind_each_other,
    channels,
    edited,
    flac_that_states,
    holds,
    nothing,
    pieces,
    plain,
    sends_nothing,
    silence_first,
    silent_film,
    sphere,
    spoiled,
    tracks,
)
from odd_recordings import Format

from soundbite_engine.analysis.analyse import AnalysisRequest, analyse
from soundbite_engine.audio.containers import open_media, opened
from soundbite_engine.audio.reading import Reading, SeekMissed, Tally
from soundbite_engine.audio.tracks import heard_stream
from soundbite_engine.errors import EngineError
from soundbite_engine.workers.pool import WorkerPool

PAGE = ROOT / "docs" / "formats.md"
WORD = "milk"
FAR_SEC = 600.0
_ALLOWED_SEC = 0.4

HEAD = f"""# Formats and oddities

What Soundbite does with a recording, by kind. `bench/media/formats.py` makes a file of each kind, with {SECONDS:g}
seconds of speech in most of them, embeds it, and fails where the words, their times, the length, the note or the
refusal differ from what stands here. Times are those that a player shows. *Window* is how the sound of a clip is
reached: **sought**, where the index of the format leads to the exact place, or **read**, from the start: all packets
before it are read, and no stamp is trusted. `soundbite add FOLDER --left-out` names what is not taken from a folder;
a file that is named itself is tried, whatever it is called. Read as well, but not made here for want of an encoder:
Ogg Vorbis and Speex, AMR-WB, DTS, APE, TAK, Musepack, DSF.
"""


@dataclass(frozen=True)
class Case:
    """A kind of file: what is done with it, how one is made, and what must come of it."""

    name: str
    kind: str
    done: str
    make: Maker
    seconds: float | None = SECONDS
    """The length; None where it is not compared."""
    begins: tuple[float, ...] = (0.0,)
    """Where the speech begins, each time it is there, in seconds."""
    note: str = ""
    refusal: str = ""
    """The code of the error, where it is not taken."""


@dataclass(frozen=True)
class Outcome:
    """What came of a file."""

    way: str
    failures: list[str] = field(default_factory=list)


WHOLE = "words, times and length as in the recording"
MP4, MKV, TS = Format("mp4", "aac"), Format("matroska", "aac"), Format("mpegts", "mp2")
TWICE = (0.0, SECONDS)
FORMATS = [
    Case("pcm.wav", "WAV, 16 bits", WHOLE, plain("wav", "pcm_s16le")),
    Case("pcm24.wav", "WAV, 24 bits at 44.1 kHz, stereo", WHOLE, plain("wav", "pcm_s24le", 44_100, "stereo")),
    Case("float.wav", "WAV, floating point", WHOLE, plain("wav", "pcm_f32le")),
    Case("mulaw.wav", "WAV, mu-law of a telephone", WHOLE, plain("wav", "pcm_mulaw", 8000)),
    Case("ima.wav", "WAV, IMA ADPCM", WHOLE, plain("wav", "adpcm_ima_wav")),
    Case("ms.wav", "WAV, Microsoft ADPCM", WHOLE, plain("wav", "adpcm_ms")),
    Case("g722.wav", "WAV, G.722", WHOLE, plain("wav", "g722")),
    Case("mp3.wav", "WAV that holds MP3", WHOLE, plain("wav", "libmp3lame")),
    Case("rf64.wav", "RF64, WAV of more than 4 GB", WHOLE, plain("wav", "pcm_s16le", rf64="always")),
    Case("a.w64", "Wave64", WHOLE, plain("w64", "pcm_s24le")),
    Case("a.aiff", "AIFF", WHOLE, plain("aiff", "pcm_s16be")),
    Case("a.caf", "Core Audio, ALAC", WHOLE, plain("caf", "alac")),
    Case("a.au", "Sun audio, A-law", WHOLE, plain("au", "pcm_alaw", 8000)),
    Case("a.voc", "Creative Voice", WHOLE, plain("voc", "pcm_u8")),
    Case("a.sph", "NIST SPHERE", WHOLE, sphere),
    Case("a.flac", "FLAC", WHOLE, plain("flac", "flac")),
    Case("a.wv", "WavPack", WHOLE, plain("wv", "wavpack")),
    Case("a.tta", "True Audio", WHOLE, plain("tta", "tta")),
    Case("a.mp3", "MP3", WHOLE, plain("mp3", "libmp3lame")),
    Case("a.mp2", "MPEG layer 2", WHOLE, plain("mp2", "mp2")),
    Case("a.aac", "AAC, ADTS", WHOLE, plain("adts", "aac")),
    Case("a.ac3", "Dolby Digital", WHOLE, plain("ac3", "ac3", 48_000)),
    Case("a.eac3", "Dolby Digital Plus", WHOLE, plain("eac3", "eac3", 48_000)),
    Case("a.amr", "AMR of a telephone", WHOLE, amr("amr")),
    Case("a.opus", "Ogg Opus", WHOLE, plain("ogg", "libopus", 48_000)),
    Case("flac.ogg", "Ogg FLAC", WHOLE, plain("ogg", "flac")),
    Case("a.m4a", "MPEG-4 AAC", WHOLE, plain("ipod", "aac")),
    Case("alac.m4a", "MPEG-4 ALAC", WHOLE, plain("ipod", "alac")),
    Case("a.mp4", "MP4 with pictures", WHOLE, pieces(MP4, 0.0, picture_sec=SECONDS)),
    Case("fragments.mp4", "MP4 in fragments", WHOLE, plain("mp4", "aac", movflags="frag_keyframe+empty_moov")),
    Case("a.mov", "QuickTime, PCM", WHOLE, plain("mov", "pcm_s16le")),
    Case("a.qta", "QuickTime Audio of the voice memos of macOS", WHOLE, plain("mov", "aac")),
    Case("a.3gp", "3GPP, AMR", WHOLE, amr("3gp")),
    Case("a.3ga", "3GPP audio of Android recorders", WHOLE, amr("3gp")),
    Case("a.mkv", "Matroska with pictures", WHOLE, pieces(MKV, 0.0, picture_sec=SECONDS)),
    Case("a.mka", "Matroska, FLAC", WHOLE, plain("matroska", "flac")),
    Case("a.weba", "WebM, Opus of browsers", WHOLE, plain("webm", "libopus", 48_000)),
    Case("a.avi", "AVI, MP3", WHOLE, plain("avi", "libmp3lame")),
    Case("a.mpg", "MPEG programme stream", WHOLE, plain("mpeg", "mp2")),
    Case("a.ts", "MPEG transport stream", WHOLE, plain("mpegts", "mp2")),
    Case("a.m2ts", "the same of cameras, AAC", WHOLE, plain("mpegts", "aac", mpegts_m2ts_mode="1")),
    Case("a.flv", "Flash video, AAC", WHOLE, plain("flv", "aac", 44_100)),
    Case("a.wma", "Windows Media Audio", WHOLE, plain("asf", "wmav2", 44_100)),
]
ODDITIES = [
    Case(
        "late.mp4",
        "sound that begins at 0:30",
        "silence before it, heard at 0:30",
        pieces(MP4, 30.0, picture_sec=36.0),
        30 + SECONDS,
        (30.0,),
    ),
    Case(
        "hole.mka",
        "a hole of 90 s",
        "90 s of silence",
        pieces(MKV, 0.0, 90 + SECONDS),
        90 + 2 * SECONDS,
        (0.0, 90 + SECONDS),
    ),
    Case(
        "edited.mp4",
        "an edit list that delays and trims",
        "played as edited",
        edited((12.0, -1.0), (4.9, 0.3)),
        16.9,
        (11.7,),
    ),
    Case("two-hours.ts", "a stream whose clock begins at 2:00:00", "begins at 0:00", pieces(TS, 7200.0), SECONDS),
    Case(
        "rates.mp3",
        "MP3 files joined, of two rates",
        "both, behind each other",
        behind_each_other(Format("mp3", "libmp3lame", 44_100), Format("mp3", "libmp3lame", 22_050)),
        2 * SECONDS,
        TWICE,
    ),
    Case(
        "joined.flac",
        "FLAC files joined",
        "both, behind each other",
        behind_each_other(Format("flac", "flac"), Format("flac", "flac", 44_100, "stereo")),
        2 * SECONDS,
        TWICE,
    ),
    Case(
        "chained.ogg",
        "chained Ogg, mono and stereo",
        "both, behind each other",
        behind_each_other(Format("ogg", "libopus", 48_000), Format("ogg", "libopus", 48_000, "stereo")),
        2 * SECONDS,
        TWICE,
    ),
    Case(
        "silence-first.aac",
        "ADTS that begins with 20 s of silence",
        "its length is counted, not guessed",
        silence_first("adts", "aac"),
        20 + SECONDS,
        (20.0,),
    ),
    Case(
        "no-header.mp3",
        "MP3 without a header, silence first",
        "its length is counted, not guessed",
        silence_first("mp3", "libmp3lame", write_xing="0"),
        20 + SECONDS,
        (20.0,),
    ),
    Case("pauses.amr", "AMR with pauses that were not sent", "silence in them", sends_nothing, 1.92 + SECONDS, (1.92,)),
    Case("states-less.flac", "FLAC that states 1 s", "what it holds counts", flac_that_states(1)),
    Case(
        "states-more.flac",
        "FLAC that states an hour",
        "what it holds counts, with a note",
        flac_that_states(3600),
        note="ends early",
    ),
    Case(
        "opposite.wav",
        "a channel in opposite polarity",
        "turned round: the voice stays",
        channels({0: 1.0, 1: -1.0}, 2),
    ),
    Case(
        "third.wav",
        "talk on channel 3, which a layout calls LFE",
        "heard: layouts are not believed",
        channels({2: 1.0}, 3),
    ),
    Case("dead.wav", "a dead channel", "the other one is heard", channels({1: 1.0}, 2)),
    Case(
        "louder.wav",
        "noise on a channel far louder than the talk",
        "the channel with speech is heard",
        channels({0: 0.2}, 2, noise=1.0),
    ),
    Case("sixty.wav", "60 channels, talk on the last", "heard", channels({59: 1.0}, 60)),
    Case("over.wav", "floating point, 16 dB over full scale", "scaled down, not cut off", channels({0: 6.3}, 1, 32)),
    Case(
        "quiet.wav",
        "24 bits, 45 dB down",
        "levelled for the recogniser; its level is kept",
        channels({0: 0.0056}, 1, 24),
    ),
    Case(
        "second.mkv",
        "two tracks, the first silent",
        "track 2 is heard; `track` asks for another, or `all`",
        tracks(0.0, 1.0),
        note="2 audio tracks: track 2 is heard, not track 1 (silent)",
    ),
    Case(
        "default.mkv",
        "two tracks, the second marked as default",
        "the default is heard",
        tracks(0.3, 1.0, default=1),
        note="2 audio tracks: track 2 is heard, not track 1",
    ),
    Case(
        "unknown.mkv",
        "two tracks, the first of an unknown codec",
        "the one that decodes is heard",
        tracks(1.0, 1.0, spoil=b"A_AAC"),
        note="can't be decoded",
    ),
    Case(
        "cut.wav",
        "WAV that was cut off",
        "what is there, with a note",
        spoiled(plain("wav", "pcm_s16le"), lambda data: data[:-32_000]),
        SECONDS - 1,
        note="cut off",
    ),
    Case(
        "damaged.mp3",
        "zeros in the middle of an MP3",
        "what decodes, at its time, with a note",
        spoiled(plain("mp3", "libmp3lame"), lambda data: data[:4000] + bytes(400) + data[4400:]),
        note="damaged packets skipped",
    ),
    Case("silence.wav", "digital silence", "embedded, its clips are called silence", nothing, 5.0, ()),
    Case(
        "no-index.mp4",
        "MP4 without its index",
        "refused",
        spoiled(plain("mp4", "aac"), lambda data: data[: data.rfind(b"moov") - 4]),
        refusal="media_unreadable",
    ),
    Case("film.mp4", "pictures without sound", "refused", silent_film, refusal="media_no_audio"),
    Case("text.mp3", "text called .mp3", "refused", holds(b"Dear diary,\n" * 50), refusal="media_unreadable"),
    Case(
        "list.m3u8",
        "a playlist, which names other files",
        "refused, nothing is fetched",
        holds(b"#EXTM3U\n#EXTINF:5,\nfile:///etc/passwd\n"),
        refusal="media_unreadable",
    ),
    Case("empty.wav", "no bytes", "refused", holds(b""), refusal="media_empty"),
]


def row(case: Case, way: str) -> str:
    """The line of a kind in the table."""
    done = case.done + (f" (`{case.refusal}`)" if case.refusal else "")
    return f"| `{case.name}` | {case.kind} | {done} | {way} |"


def page(ways: dict[str, str]) -> str:
    """The whole page; `ways` says how a window of each is reached."""
    parts = [HEAD]
    for title, cases in (("Formats", FORMATS), ("Oddities", ODDITIES)):
        rows = [row(case, ways.get(case.name, "")) for case in cases]
        parts.append(
            "\n".join([f"## {title}\n", "| file | kind | what is done | window |", "|---|---|---|---|", *rows, ""])
        )
    return "\n".join(parts)


def way_to(path: Path) -> str:
    """How a window far into a file is reached."""
    with open_media(str(path)) as source, opened(source) as container:
        try:
            Reading(container, heard_stream(container, source), source, Tally()).way(FAR_SEC, "seek")
        except SeekMissed:
            return "read"
    return "sought"


async def outcome_of(case: Case, folder: Path, word_sec: float, pool: WorkerPool) -> Outcome:
    """Make a file, embed it, and compare."""
    path = folder / case.name
    case.make(path)
    try:
        heard = await analyse(AnalysisRequest(str(path), strategy="natural"), pool)
    except EngineError as exc:
        return Outcome("-", [] if exc.code == case.refusal else [f"refused: {exc.code}, {exc.message}"])
    failures = ["taken, and should be refused"] if case.refusal else []
    if case.seconds is not None and abs(heard.end_offset_sec - case.seconds) > _ALLOWED_SEC:
        failures.append(f"{heard.end_offset_sec:.2f} s long, not {case.seconds:.2f}")
    words = heard.transcript.words if heard.transcript else ()
    times = [word.start_sec for word in words if WORD in word.value.lower()]
    expected = [begin + word_sec for begin in case.begins]
    if len(times) != len(expected) or any(
        abs(at - due) > _ALLOWED_SEC for at, due in zip(times, expected, strict=True)
    ):
        failures.append(f"{WORD!r} at {times}, not at {expected}: {' '.join(word.value for word in words)}")
    notes = " ".join(heard.warnings)
    if (case.note not in notes) or (notes and not case.note):
        failures.append(f"the note is {notes!r}, not {case.note!r}")
    if not heard.embeddings:
        failures.append("no embeddings")
    if not case.begins and any(item.sounds != ("silence",) for item in heard.embeddings):
        failures.append(f"silence is called {heard.embeddings[0].sounds}")
    return Outcome(way_to(path), failures)


async def outcomes(cases: Sequence[Case]) -> dict[str, Outcome]:
    """Those of all cases, told as they come."""
    results: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with WorkerPool(2) as pool:
            base = Path(folder) / "base.wav"
            plain("wav", "pcm_s16le")(base)
            heard = await analyse(AnalysisRequest(str(base), strategy="natural"), pool)
            assert heard.transcript is not None
            word_sec = next(word.start_sec for word in heard.transcript.words if WORD in word.value.lower())
            for case in cases:
                results[case.name] = await outcome_of(case, Path(folder), word_sec, pool)
                state = "; ".join(results[case.name].failures) or "as the page says"
                print(f"{case.name:20} {results[case.name].way:7} {state}", flush=True)
    return results


def main() -> int:
    """Return 0 where all is as the page says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the page")
    parser.add_argument("--only", default="", metavar="NAME", help="only the files whose name holds this")
    options = parser.parse_args()
    results = asyncio.run(outcomes([case for case in (*FORMATS, *ODDITIES) if options.only in case.name]))
    failed = [name for name, result in results.items() if result.failures]
    text = page({name: result.way for name, result in results.items()})
    if options.write and not failed and not options.only:
        PAGE.write_text(text, encoding="utf-8")
    is_same = bool(options.only) or (PAGE.exists() and PAGE.read_text(encoding="utf-8") == text)
    print(f"{len(results)} kinds, {len(failed)} not as expected; the page is {'the same' if is_same else 'another'}.")
    return 0 if not failed and is_same else 1


if __name__ == "__main__":
    sys.exit(main())
