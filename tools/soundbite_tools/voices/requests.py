"""What the tools of speakers and voices are asked."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from soundbite_tools.request_model import Flag, Request
from soundbite_tools.requests import AssetIds


class NameRequest(Request):
    """What name_speaker is asked."""

    asset_id: Annotated[
        str, Field(description="The recording", min_length=1, max_length=100), AfterValidator(str.strip)
    ]
    speaker: Annotated[
        str,
        Field(description="As results show it: Speaker 2, or the name to change", min_length=1, max_length=200),
        AfterValidator(str.strip),
    ]
    name: Annotated[str, Field(description="Who it is; empty takes a name away", max_length=200)] = ""


class SpeakersRequest(Request):
    """What list_speakers is asked."""

    name: Annotated[
        str,
        Field(description="Only who is called so", max_length=200),
        AfterValidator(str.strip),
    ] = ""
    like: Annotated[
        str,
        Field(description="Whose voices are like this one's: a name, or Speaker 2 with its asset_ids", max_length=200),
        AfterValidator(str.strip),
        Flag("--like", help="By likeness to the voice of this one: a name, or a number and its --asset", metavar="WHO"),
    ] = ""
    asset_ids: AssetIds = ()
    page: Annotated[int, Field(description="Which page", ge=1), Flag("--page")] = 1
    page_limit: Annotated[int, Field(description="Speakers a page, at most 50", ge=1, le=50), Flag("--limit")] = 20


class VoiceRequest(Request):
    """What forget_voice is asked."""

    name: Annotated[
        str,
        Field(description="Whose, as list_speakers has it", min_length=1, max_length=200),
        AfterValidator(str.strip),
    ]
