"""Sounds and words in one space, by CLAP: its mel front end and its two encoders through ONNX Runtime."""
