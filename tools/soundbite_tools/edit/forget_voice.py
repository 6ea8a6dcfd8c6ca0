"""forget_voice: a person's voice is erased, wherever it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundbite_store import ErasedVoice, Speaker
from soundbite_tools.errors import QuestionProblem, raises_problems
from soundbite_tools.results import VoiceForgotten
from soundbite_tools.speakers import likely_in
from soundbite_tools.text import LONGEST_SPEAKER, folded, listed, person_name, plain_text, quoted

if TYPE_CHECKING:
    from soundbite_tools.library import Library
    from soundbite_tools.transcript_requests import VoiceRequest

_MOST_TOLD = 15


@raises_problems
async def forget_voice(library: Library, request: VoiceRequest) -> VoiceForgotten:
    """Erase the voice of a person in all recordings, those in which it is only probably theirs among them.

    Names stay; the voice is kept again only where the person is named again. The same call again is harmless.

    Raises:
        ToolProblem: nobody is called that, or another process keeps the file in use.
    """
    ledger, wanted = await library.ledger(), folded(request.name)
    voices = await library.voices(is_erasing=True)
    sources = dict.fromkeys([library.config.platform, *(await voices.sources() if voices else ())])
    name, speakers = "", list[tuple[str, Speaker]]()
    for source in sources:
        speakers_there = await ledger.speakers_of(source)
        own = [one for one in speakers_there if wanted and folded(person_name(one.name, one.speaker)) == wanted]
        likely = await likely_in(library, voices, source) if voices else []
        name = name or next((person_name(one.name, one.speaker) for one in own), "")
        speakers += [(source, one) for one in (*own, *(one.speaker for one in likely if folded(one.name) == wanted))]
    if not name:
        raise await _nobody(library, request.name)
    erased = [
        ErasedVoice(
            one.asset_id, source, one.speaker, (await ledger.turns_of(one.asset_id, source)).get(one.speaker, [])
        )
        for source, one in speakers
    ]
    count = await voices.erase(erased) if voices else 0
    return VoiceForgotten(
        name=name,
        voices_erased=count,
        recording_count=len({one.asset_id for one in erased}) if count else 0,
        notes=["The name stays where it was given: name_speaker takes it away, or keeps the voice again."],
    )


async def _nobody(library: Library, asked: str) -> QuestionProblem:
    speakers = await (await library.ledger()).speakers_of(library.config.platform)
    names = sorted({name for one in speakers if (name := person_name(one.name, one.speaker))})[:_MOST_TOLD]
    there = f"There are {listed(names)}." if names else "Nobody has a name yet."
    return QuestionProblem(
        f"Nobody is called {quoted(plain_text(asked, LONGEST_SPEAKER))}. {there}",
        "list_speakers says who speaks in which recordings.",
        code="unknown_speaker",
    )


@raises_problems
async def forget_all_voices(library: Library) -> int:
    """Erase every voice that is kept, and return how many there were.

    Raises:
        ToolProblem: another process keeps the file in use.
    """
    voices = await library.voices(is_erasing=True)
    return 0 if voices is None else await voices.erase_all()
