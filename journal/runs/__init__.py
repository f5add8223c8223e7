"""Commands from their plan to their typed result: import, replay, fork, backfill, the stand-in
exchange. What can be refused is refused before TensorFlow is loaded.
"""
