"""The outside: the only code that knows a socket, an exchange or a clock.

Feeds turn bytes into records and nothing more: what a book, a checksum or a trade means is the
engine's to say, so that a replay says it again. They import the vocabulary of `eventlog` and never
the engine.
"""
