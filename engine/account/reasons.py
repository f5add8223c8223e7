"""Reasons that are counted by whoever tells of a journal, in words; loads no TensorFlow."""

LATE = "too late to act on"
"""A tick was taken up later than ``late_ms`` after it was received."""

HALTED = "market not tradable"
"""The exchange has said last that it takes no market orders."""
