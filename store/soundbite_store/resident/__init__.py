"""The in-memory copy of a library that is not too large."""
