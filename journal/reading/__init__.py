"""Bounded readings of a log: scans from its end, prices, scores, totals."""
