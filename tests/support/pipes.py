"""Pipes that nobody reads."""

import os


def full_pipe() -> tuple[int, int]:
    """Return the ends of a pipe that holds no more."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"." * 4_096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    return reading, writing
