"""Recordings into the library and out of it: embed_audio, get_task, remove_audio, and the jobs behind them."""
