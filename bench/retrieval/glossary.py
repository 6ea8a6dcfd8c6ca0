"""Measures the glossary: names that the recogniser misses are taught, and looked for; nothing else may change.

Run `python bench/retrieval/glossary.py EVAL --library HOME`. EVAL is the evaluation set with its folder `long`; HOME is
a library of its speech, which is made where there is none (some minutes); a copy of it is taught. Each name is looked
for with `search_clips(match="words")`: it is found where a clip that holds it overlaps the turn, or the recording of a
sentence, in which a person wrote it down. The names are taught together with others that are said nowhere (names.txt).
Words are broken where they were as written down before, and are not afterwards.

The recordings are two halves: the least nearness was chosen on the first, and the second is read. Both are printed for
other values as well, on the transcripts alone.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from mcp import Client
from retrieval.embedded_library import Library, call, embed_all, settings_for
from retrieval.evaluation_set import read_eval_set
from retrieval.passages import read_long_set
from retrieval.words import spoken_words, word_errors

from soundbite_server import build_server
from soundbite_store import Ledger, StoredTranscript
from soundbite_tools.words import soundalikes
from soundbite_tools.words.glossary import Name
from soundbite_tools.words.timed_words import reworded, timed_words, with_words

# Names of people, places and things, and words of a trade, as the recordings have them; their own spelling.
NAMES = (
    "Leicester",
    "Bar Hill",
    "Viking Way",
    "Whale of a Time",
    "Pizza Hut",
    "Cherry Hinton",
    "Frankie and Bennys",
    "Cheryl Turner",
    "Ashley Hotel",
    "Newgate",
    "Ludgate",
    "Giltspur",
    "compters",
    "Poultry",
    "Red Lion",
    "White Cross",
    "wardsman",
    "steward",
    "debtors",
    "Gutenberg",
    "John Dashwood",
)
TAUGHT = (
    "Leicester",
    "Whale of a Time",
    "Cherry Hinton",
    "Frankie and Bennys",
    "Giltspur",
    "compters",
    "Poultry",
    "Red Lion",
    "wardsman",
    "steward",
    "debtors",
    "Newgate",
    "Cheryl Turner",
    "Bar Hill",
)
# What is too far from the name in sound, as a person who reads the transcript would say it.
HEARD_AS = ("Newgate: new gates", "Cheryl Turner: Charles Turner", "Bar Hill: by here")
FIRST_HALF = ("call_MUL1423", "reading_LJ003")
TRIED = (0.47, 0.52, 0.57, 0.62, 0.67)


@dataclass(frozen=True)
class Mention:
    """Where a person wrote a name down."""

    name: str
    path: str
    start_sec: float
    end_sec: float


@dataclass(frozen=True)
class Speech:
    """What is said in the recordings, as people wrote it down: whole, and where each name is."""

    texts: dict[str, str]
    mentions: tuple[Mention, ...]

    @classmethod
    def read(cls, folder: Path) -> Speech:
        texts: dict[str, str] = {}
        mentions: list[Mention] = []
        for recording in read_eval_set(folder).speech:
            texts[recording.path] = recording.transcript
            mentions += _mentions(recording.path, recording.transcript, 0.0, recording.seconds)
        long_set = read_long_set(folder / "long")
        for one in long_set.recordings:
            turns = long_set.turns_of(one.path)
            if turns and one.kind != "foreign":
                path = f"long/{one.path}"
                texts[path] = " ".join(turn.text for turn in turns)
                for turn in turns:
                    mentions += _mentions(path, turn.text, turn.start_sec, turn.end_sec)
        return cls(texts, tuple(mentions))


def _mentions(path: str, text: str, start_sec: float, end_sec: float) -> list[Mention]:
    said = f" {' '.join(spoken_words(text))} "
    return [Mention(name, path, start_sec, end_sec) for name in NAMES if f" {' '.join(spoken_words(name))} " in said]


async def main(folder: Path, home: Path, told: Path | None, count: int) -> int:
    speech = Speech.read(folder)
    async with Client(build_server(settings_for(home, folder, "base"))) as client:
        library = await embed_all(client, folder, list(speech.texts))
    with tempfile.TemporaryDirectory(prefix="soundbite-glossary-") as temporary:
        copy = shutil.copytree(home, Path(temporary) / "home")
        again = await embedded_again(folder, told, count, speech) if told else None
        await measure(folder, copy, speech, library, {"embedded again": again[1]} if again else {})
    print(f"word errors: {errors(speech, await transcripts(home, library))}")
    if told and again:
        print(f"with {count} names told: {errors(speech, await transcripts(told, again[0]))}")
    return 0


async def embedded_again(folder: Path, home: Path, count: int, speech: Speech) -> tuple[Library, dict[Mention, bool]]:
    """A library that had a glossary of so many names before its recordings, and what is found in it."""
    home.mkdir(parents=True, exist_ok=True)
    names = [*other_names()[: max(0, count - len(TAUGHT))], *TAUGHT]  # the last ones are told first
    (home / "glossary.txt").write_text("\n".join(names), encoding="utf-8")
    async with Client(build_server(settings_for(home, folder, "base"))) as client:
        library = await embed_all(client, folder, list(speech.texts))
        return library, await searched(client, library, speech.mentions)


def errors(speech: Speech, every: dict[str, StoredTranscript]) -> str:
    """Word errors of a library by kind of recording."""
    counts: dict[str, list[int]] = {}
    for path, transcript in every.items():
        said = spoken_words(speech.texts[path])
        heard = spoken_words(" ".join(word.value for word in timed_words(transcript)))
        kind = counts.setdefault(path.rpartition("/")[2].partition("_")[0] if "long/" in path else "sentences", [0, 0])
        kind[0] += word_errors(said, heard)
        kind[1] += len(said)
    return ", ".join(f"{kind} {wrong} of {said} ({wrong / said:.3f})" for kind, (wrong, said) in counts.items())


async def measure(
    folder: Path, home: Path, speech: Speech, library: Library, again: dict[str, dict[Mention, bool]]
) -> None:
    """Teach names to a library, and print what is found and what is broken."""
    # Read while no server has it open: a second connection of this process would drop the locks of the first.
    before = await transcripts(home, library)
    async with Client(build_server(settings_for(home, folder, "base"))) as client:
        at_first = await searched(client, library, speech.mentions)
        missed = [mention for mention, is_there in at_first.items() if not is_there]
        print(f"{len(speech.texts)} recordings; names that are said and not found: ", end="")
        print(", ".join(f"{name} ({count})" for name, count in counted(missed).items()))
        others = other_names()
        reports = []
        for words in (TAUGHT, *(others[at : at + 95] for at in range(0, len(others), 95))):
            reports += await taught_to_the_end(client, words)
        by_sound = await searched(client, library, speech.mentions)
        reports += await taught_to_the_end(client, HEARD_AS)
        afterwards = await searched(client, library, speech.mentions)
    after = await transcripts(home, library)
    print(f"\ntaught: {len(TAUGHT)} names and {len(others)} that are said nowhere")
    columns = {"found before": at_first, "by sound": by_sound, "and as heard": afterwards} | again
    print(f"{'name':20} {'said':>5}" + "".join(f" {title:>16}" for title in columns))
    for name in TAUGHT:
        said = [mention for mention in speech.mentions if mention.name == name]
        counts = (sum(there[mention] for mention in said) for there in columns.values())
        print(f"{name:20} {len(said):5}" + "".join(f" {count:16}" for count in counts))
    taught = [mention for mention in missed if mention.name in TAUGHT]
    for title, there in columns.items():
        found = counted([mention for mention in taught if there[mention]])
        print(f"{title}: of {len(counted(taught))} names that were missed {len(found)} are found")
    for one in (one for report in reports for one in report.get("replacements", [])):
        print(f"  {one['title'][:24]:24} {one['time_range']}  {one['before']} -> {one['after']}  {one['nearness']}")
    print(f"words broken: {sum(len(broken(speech.texts[path], before[path], after[path])) for path in before)}")
    tried(speech, before, [*TAUGHT, *others])


async def taught_to_the_end(client: Client, words: Sequence[str]) -> list[dict[str, Any]]:
    """What is answered; on a busy machine one call does not get through the library."""
    reports = [await call(client, "teach_words", words=list(words))]
    while any(note.startswith("Only the newest") for note in reports[-1].get("notes", [])):
        reports.append(await call(client, "teach_words", words=list(words)))
    return reports


def counted(mentions: Sequence[Mention]) -> dict[str, int]:
    """How often each name is among mentions."""
    counts: dict[str, int] = {}
    for mention in mentions:
        counts[mention.name] = counts.get(mention.name, 0) + 1
    return counts


def other_names() -> list[str]:
    """Names that are said in none of the recordings."""
    lines = (Path(__file__).parent / "names.txt").read_text(encoding="utf-8").splitlines()
    return [name for line in lines if not line.startswith("#") for name in line.split()]


async def transcripts(home: Path, library: Library) -> dict[str, StoredTranscript]:
    """What is recognised in each recording, by path."""
    async with await Ledger.open(home / "ledger.sqlite") as ledger:
        every = {path: await ledger.get_transcript(number, "embedded") for path, number in library.asset_ids.items()}
    return {path: one for path, one in every.items() if one is not None}


async def searched(client: Client, library: Library, mentions: Sequence[Mention]) -> dict[Mention, bool]:
    """Whether each mention is found by its name."""
    answers = {}
    for name in dict.fromkeys(mention.name for mention in mentions):
        answer = await call(client, "search_clips", query=name, match="words", top_k=50)
        answers[name] = answer.get("clips", [])
    return {
        mention: any(
            clip["asset_id"] == library.asset_ids.get(mention.path)
            and clip["start_sec"] < mention.end_sec
            and clip["end_sec"] > mention.start_sec
            for clip in answers[mention.name]
        )
        for mention in mentions
    }


def broken(text: str, before: StoredTranscript, after: StoredTranscript) -> set[int]:
    """The places of words that were recognised as written down, and are others now."""
    said = spoken_words(text)
    return right_words(said, before) - right_words(said, after)


def right_words(said: Sequence[str], transcript: StoredTranscript) -> set[int]:
    """The places of the words that were said and are recognised."""
    heard = spoken_words(" ".join(word.value for word in timed_words(transcript)))
    blocks = SequenceMatcher(None, said, heard, autojunk=False).get_matching_blocks()
    return {at for block in blocks for at in range(block.a, block.a + block.size)}


def tried(speech: Speech, before: dict[str, StoredTranscript], names: Sequence[str]) -> None:
    """Print what other values of the least nearness replace, put right and break in each half."""
    print(f"\n{'least nearness':>14}   first half: replaced, right now, broken     second half")
    taught, chosen = [Name.parse(name) for name in names], soundalikes.LEAST_NEAR
    for least in TRIED:
        soundalikes.LEAST_NEAR = least
        cells = [[0, 0, 0], [0, 0, 0]]
        for path, transcript in before.items():
            new = soundalikes.matches(transcript, taught)
            after = transcript
            for one in reversed(new):
                after = with_words(after, one.passage, reworded(one.passage.words, one.text))
            said = spoken_words(speech.texts[path])
            half = cells[not any(name in path for name in FIRST_HALF)]
            half[0] += len(new)
            half[1] += len(right_words(said, after) - right_words(said, transcript))
            half[2] += len(broken(speech.texts[path], transcript, after))
        rows = "     ".join(f"{cell[0]:8} {cell[1]:10} {cell[2]:8}" for cell in cells)
        print(f"{least:13}{'*' if least == chosen else ' '}   {rows}")
    soundalikes.LEAST_NEAR = chosen


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the glossary.")
    parser.add_argument("eval", type=Path)
    parser.add_argument("--library", type=Path, required=True, help="a library of the set's speech, made at need")
    parser.add_argument("--told", type=Path, help="one that has the glossary from the beginning, made at need")
    parser.add_argument("--names", type=int, default=len(TAUGHT), help="so many names in that glossary")
    options = parser.parse_args()
    home, told = options.library.resolve(), options.told and options.told.resolve()
    sys.exit(asyncio.run(main(options.eval.resolve(), home, told, options.names)))
