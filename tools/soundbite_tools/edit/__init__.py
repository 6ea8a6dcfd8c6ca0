"""The tools that change what is in the library: words, names of speakers, spans and recordings that are erased."""
