"""Speech as words with times."""
