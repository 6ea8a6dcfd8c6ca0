"""Naming sounds with YAMNet: its classes, their words, and the sound block that both a sound and a text fill."""
