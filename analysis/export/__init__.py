"""Records, curves and models as files of other programs."""
