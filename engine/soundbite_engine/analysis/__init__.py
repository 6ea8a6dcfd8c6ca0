"""An analysis: a recording to segments, vectors and words, in parts that run side by side."""
