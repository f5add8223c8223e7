"""Reasons of decisions that reports count; a module of its own, which loads no TensorFlow."""

LATE = "too late to act on"
"""The tick was taken up more than ``late_ms`` after its receipt."""

HALTED = "market not tradable"
"""The exchange's last status allows no market orders."""
