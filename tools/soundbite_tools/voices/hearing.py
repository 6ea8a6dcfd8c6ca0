"""How the speakers of a recording sound, kept where that is wanted: so that people with a name are known elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING

from soundbite_store import StoreError, Voice, is_same_speaker, length_of
from soundbite_tools.embed.params import track_of
from soundbite_tools.sources.files import sound_file
from soundbite_tools.sources.local_media import MediaProblem

if TYPE_CHECKING:
    from soundbite_store import Asset
    from soundbite_tools.library import Library

log = logging.getLogger(__name__)


async def keep_voices(library: Library, asset: Asset, *, only: Collection[str] | None = None) -> None:
    """Keep the voice of each speaker of a recording, or of some, unless that is not wanted or the voice was erased.

    A recording whose sound is not on this machine has none; nothing is raised for what can't be heard or kept.
    """
    try:
        voices = await library.voices()
        if voices is None or library.config.is_read_only:
            return
        ledger, platform = await library.ledger(), library.config.platform
        turns, erased = await ledger.turns_of(asset.asset_id, platform), await voices.erased_spans(asset.asset_id)
        if (source := await sound_file(library, asset)) is None:
            return
        heard: list[Voice] = []
        for speaker, spans in turns.items():
            if (only is not None and speaker not in only) or any(is_same_speaker(spans, other) for other in erased):
                continue
            vector = await library.media_reader.voice(source, spans, track_of(asset))
            if vector is not None:
                heard.append(Voice(asset.asset_id, platform, speaker, length_of(spans), spans[0][0], vector))
        await voices.put(asset.asset_id, platform, heard, only=only)
        if await ledger.get_asset(asset.asset_id) is None:  # removed while it was heard
            await voices.erase_asset(asset.asset_id)
    except (MediaProblem, StoreError) as exc:
        log.warning("The voices of %s are not kept: %s", asset.asset_id, exc)
