"""Which executor a person may ask for."""

from enum import StrEnum


class Choice(StrEnum):
    """The wanted executor."""

    AUTO = "auto"
    """Machine code alone where that is possible, TensorFlow elsewhere."""
    NATIVE = "native"
    """Machine code alone, or nothing; TensorFlow may compile it."""
    TENSORFLOW = "tensorflow"
