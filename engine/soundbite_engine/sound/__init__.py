"""Sounds as vectors and names: acoustic descriptors, YAMNet, CLAP."""
