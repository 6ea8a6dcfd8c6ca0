"""Which formats of media are read, and how their files are called."""

from __future__ import annotations

# A recording names no other file: no playlist, no concatenation script, no manifest is on this list.
FORMATS = (
    "wav,w64,aiff,caf,au,voc,flac,mp3,aac,ac3,eac3,dts,amr,amrnb,amrwb,ogg,mov,mp4,m4a,matroska,webm,asf,avi,"
    "mpeg,mpegts,flv,wv,ape,tta,tak,mpc,mpc8,dsf,loas,nistsphere"
)
"""FFmpeg's names of the formats that are let in."""

# fmt: off
SUFFIXES = frozenset((
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd", ".voc",
    ".flac", ".mp3", ".mp2", ".m2a", ".mpa", ".aac", ".adts", ".ac3", ".eac3", ".ec3", ".dts", ".amr", ".awb",
    ".ogg", ".oga", ".ogv", ".ogx", ".opus", ".spx",
    ".mov", ".qt", ".qta", ".mp4", ".m4a", ".m4b", ".m4r", ".m4v", ".3gp", ".3g2", ".3ga", ".f4v", ".f4a", ".isma",
    ".ismv", ".psp",
    ".mka", ".mkv", ".mk3d", ".webm", ".weba", ".asf", ".wma", ".wmv", ".avi",
    ".mpg", ".mpeg", ".mpe", ".vob", ".ts", ".mts", ".m2ts", ".m2t", ".flv",
    ".wv", ".ape", ".mac", ".tta", ".tak", ".mpc", ".dsf", ".loas", ".latm", ".sph", ".nist",
))
# fmt: on
"""The ends of the names of files in these formats, as far as they are worth a look in a folder."""

TEXT_SUFFIXES = frozenset((".ts", ".mts", ".dts"))
"""Those of them that source code bears too."""
