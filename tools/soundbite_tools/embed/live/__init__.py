"""Recordings that are embedded while they are being written."""
