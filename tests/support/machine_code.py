"""A program of a few bytes of machine code, whose artefact needs no compiler."""

from dataclasses import replace
from typing import Any

from engine.executor.artefact import Artefact, Call, Program, Value
from engine.executor.objects import PAGE_BYTES

ADD_ONE = bytes.fromhex("488b4718 488b08 48ff01 31c0 c3")
"""Adds 1 to the int64 that the first argument of a call frame points to; returns no error."""

FAIL = bytes.fromhex("b801000000 c3")
"""Returns an error."""


def program(code: bytes = ADD_ONE, **changed: Any) -> Program:
    """Return a program that runs code on its one input, twice, and copies that to its output."""
    image = code.ljust(PAGE_BYTES, b"\xcc") + bytes(64)
    whole = Program(
        image=image,
        code_bytes=PAGE_BYTES,
        addresses=(),
        externals={},
        buffers=(8, 8, 64),
        constants={2: PAGE_BYTES},
        calls=(Call(0, 0, 1), Call(0, 0, 1), Call(-1, 1, 3)),
        slices=((0, 0, 8), (0, 0, 8), (1, 0, 8)),
        inputs=(Value("x", "<i8", (), 0),),
        outputs=(Value("y", "<i8", (), 1),),
    )
    return replace(whole, **changed)


def artefact(**changed: Any) -> Artefact:
    """Return an artefact of that program."""
    whole = Artefact(recipe={"step": "none"}, arithmetic="00", programs={"twice": program()})
    return replace(whole, **changed)
