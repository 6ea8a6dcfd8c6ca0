"""What the library holds: get_clip, read_transcript, list_audio."""
