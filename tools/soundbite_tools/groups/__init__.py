"""Clips by label and by likeness: classify_clips, cluster_clips."""
