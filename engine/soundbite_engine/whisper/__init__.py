"""Recognising speech of any language, by Whisper through faster-whisper."""
