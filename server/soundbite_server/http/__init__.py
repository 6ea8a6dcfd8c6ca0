"""Streamable HTTP: who may call, from where, how often, and how the server is run."""
