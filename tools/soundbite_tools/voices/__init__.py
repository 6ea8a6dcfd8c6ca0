"""Who speaks: names of speakers, and voices."""
