"""Worker processes that decode and analyse, and the jobs they do."""
