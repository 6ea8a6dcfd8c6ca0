"""Assets, tasks, transcripts, queries and usage in SQLite."""
