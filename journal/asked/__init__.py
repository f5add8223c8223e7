"""What was asked for: names, choices, offsets and settings, checked before anything is loaded."""
