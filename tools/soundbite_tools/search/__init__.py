"""Questions and the time ranges that answer them: search_clips."""
