"""Settings that all tests share."""

from __future__ import annotations

from hypothesis import settings

# A shared machine may pause any example for longer than hypothesis allows; the same examples each run keep CI honest.
settings.register_profile("soundbite", deadline=None, derandomize=True)
settings.load_profile("soundbite")
