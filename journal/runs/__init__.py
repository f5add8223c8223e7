"""Work that ends by itself, from what was asked for to its typed result: import, replay, fork, the
stand-in exchange, a backfill. What can be refused is refused before TensorFlow is loaded.
"""
