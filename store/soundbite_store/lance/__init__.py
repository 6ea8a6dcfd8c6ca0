"""Clips in LanceDB tables, one table a space."""
