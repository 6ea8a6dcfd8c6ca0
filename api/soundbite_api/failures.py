"""What the platform says of tasks that failed: what a retry may cure, and what to do about the rest."""

from __future__ import annotations

from soundbite_api.errors import TaskFailed

_LATER = "Try again in a few minutes."
_CHECK_FILE = "Check that the file plays and has sound, then embed it again."
_SHORTER = "Embed a shorter window (start_sec, end_sec), or a smaller file."

# The beginnings of the known messages (contract 3.6), lower case; the platform puts numbers into some.
_HINTS = (
    ("the embedding request was invalid", "Change the parameters: the platform refused them for this media."),
    ("the media exceeds the maximum allowed size", _SHORTER),
    ("content exceeds the model's context window", _SHORTER),
    ("file size (", _SHORTER),
    ("duration (", _SHORTER),
    ("the embedding result is no longer available", "Embed it again: the platform keeps results for seven days."),
    ("failed to fetch or materialize source media", "Check that the URL or the asset still exists, then try again."),
)
_RETRYABLE = ("temporarily unstable", "try again later")


def task_failure(message: str) -> TaskFailed:
    """Return the error that a failed task's message stands for."""
    text = message.strip() or "The platform could not embed the recording."
    lower = text.lower()
    if any(words in lower for words in _RETRYABLE):
        return TaskFailed(text, hint=_LATER, is_retryable=True)
    hint = next((hint for beginning, hint in _HINTS if lower.startswith(beginning)), _CHECK_FILE)
    return TaskFailed(text, hint=hint, is_retryable=False)
