"""The model files that a profile is measured with: those of the settings, whatever home a measurement makes."""

from soundbite_engine.packs.installed import Models
from soundbite_server import Settings


def chosen_models() -> Models:
    """The models that SOUNDBITE_MODELS, or SOUNDBITE_HOME, name."""
    return Settings.from_environment().models
