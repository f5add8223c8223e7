"""Is everything there, as it was: the checks of a journal beyond its log."""
