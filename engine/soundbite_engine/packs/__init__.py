"""Packs: the model files that some profiles need besides the wheel. Nothing here loads a model, nor numpy."""
