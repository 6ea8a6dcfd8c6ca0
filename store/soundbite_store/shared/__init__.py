"""Stores that several machines write, and libraries as files."""
