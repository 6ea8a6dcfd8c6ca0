"""Recordings as sound: decoded, cut into segments, measured, and written again."""
