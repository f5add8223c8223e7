"""Feeds: the only code that uses a socket, an exchange or a clock.

Feeds turn bytes into records and nothing more. The engine interprets books, checksums and trades,
so that a replay repeats the interpretation. Feeds import the vocabulary of `eventlog` and never the
engine.
"""
