"""The commands for what is said: read, put right, taken out."""
