"""Files of recorded quotes, books and trades, or of recorded frames, as records of one market."""
