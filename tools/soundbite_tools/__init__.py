"""The tools: what an agent can do with a library of sound, and the jobs behind it.

Importing this package loads nothing else; each tool is a module of its own, named like its function.
"""
