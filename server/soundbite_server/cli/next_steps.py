"""What a person does next where a tool tells an agent which tool to call: the same problems, by their codes."""

from __future__ import annotations

NEXT_STEPS = {
    "asset_unready": "`soundbite tasks` says what became of them.",
    "audio_too_long": "Cut it into shorter files and add those.",
    "date_invalid": "Give --after as 2026-01-31 or 2026-01-31T18:00:00Z (UTC where no zone is given).",
    "example_slow": "Add it with `soundbite add`, and give its id to --like.",
    "filters_exclude_all": "Leave some of them out.",
    "library_empty": "`soundbite add FILE` adds a recording.",
    "library_pending": "`soundbite tasks` says how far they are; search when one is ready.",
    "question_empty": 'Say what was said or heard, as in `soundbite search "the launch date"`, or give --like.',
    "range_invalid": "Give --from below --to, with --min-seconds of room between them.",
    "recording_removed": "`soundbite add` its file to have it again.",
    "source_changed": "Add it again.",
    "space_empty": "`soundbite reembed` embeds them all again; or go back to the engine or profile that made them.",
    "still_embedding": "Repeat the command in a few seconds.",
    "task_slow": "Add it again, in shorter files if it is long.",
    "unknown_asset": "`soundbite list` shows what there is.",
    "unknown_clip": "Give the id of a clip as a search shows it, a recording of `soundbite list`, or a file.",
}


def next_step(code: str, otherwise: str) -> str:
    """Return what a person does about a problem with this code: the problem's own next step where it fits both."""
    return NEXT_STEPS.get(code, otherwise)
