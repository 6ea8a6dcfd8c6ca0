"""`python -m soundbite_server` is `soundbite`."""

from soundbite_server.cli import main

main()
