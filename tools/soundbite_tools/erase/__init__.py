"""Taking out of the library: whole recordings and spans of them, to the last byte."""
