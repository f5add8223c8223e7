"""The artefact's file: read as it was written, or refused; its bytes are not trusted."""

import json
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ArtefactRefused
from engine.executor.artefact import MAGIC, Call, Value, decode, encode, program_of
from engine.executor.objects import PAGE_BYTES
from engine.executor.xla import Compilation, Kernel, Shape, Slice
from tests.support.machine_code import artefact, program

START = len(MAGIC) + 32
FILE = encode(artefact())


def signed(body: bytes) -> bytes:
    """Return a file with this body, and the digest that it must have."""
    return MAGIC + blake2b(body, digest_size=32).digest() + body


def headed(**changed: Any) -> bytes:
    """Return the file with fields of its only program changed in the head."""
    body = FILE[START:]
    length = int.from_bytes(body[:8], "little")
    said = json.loads(body[8 : 8 + length])
    said["programs"]["twice"].update(changed)
    head = json.dumps(said).encode()
    return signed(len(head).to_bytes(8, "little") + head + body[8 + length :])


def test_it_is_read_as_it_was_written() -> None:
    assert decode(FILE) == artefact()
    assert encode(decode(FILE)) == FILE


def test_a_wrong_byte_anywhere_is_refused() -> None:
    for place in np.random.default_rng(1).integers(0, len(FILE), 300).tolist():
        wrong = bytearray(FILE)
        wrong[place] ^= 1 << place % 8
        with pytest.raises(ArtefactRefused):
            decode(bytes(wrong))


def test_one_that_is_cut_short_or_goes_on_is_refused() -> None:
    for file in (b"", FILE[:10], FILE[:START], FILE[: START + 9], FILE[:-1], FILE + b"x"):
        with pytest.raises(ArtefactRefused):
            decode(file)
        with pytest.raises(ArtefactRefused):
            decode(signed(file[START:]) if file != FILE[:START] else signed(b""))


def test_another_version_is_refused() -> None:
    with pytest.raises(ArtefactRefused, match="another version"):
        decode(FILE.replace(b" 1\n", b" 2\n", 1))


@given(st.binary(max_size=200))
def test_nonsense_of_a_right_digest_is_refused(body: bytes) -> None:
    with pytest.raises(ArtefactRefused):
        decode(signed(body))


@pytest.mark.parametrize(
    "changed",
    [
        {"code_bytes": 0},
        {"code_bytes": PAGE_BYTES - 1},
        {"code_bytes": 1 << 40},
        {"code_bytes": "many"},
        {"addresses": [[PAGE_BYTES + 57, 0]]},
        {"addresses": [[-1, 0]]},
        {"addresses": [[0, 1 << 40]]},
        {"externals": {"system": [0]}},
        {"externals": {"memcpy": [PAGE_BYTES + 57]}},
        {"buffers": [8, 8, -1]},
        {"buffers": [8, 8, 1 << 40]},
        {"buffers": [8, 8, 6.5]},
        {"constants": [[2, 0]]},
        {"constants": [[2, PAGE_BYTES + 1]]},
        {"constants": [[7, PAGE_BYTES]]},
        {"slices": [[0, 0, 8], [0, 0, 8], [1, 1, 8]]},
        {"slices": [[0, -8, 8], [0, 0, 8], [1, 0, 8]]},
        {"slices": [[9, 0, 8], [0, 0, 8], [1, 0, 8]]},
        {"slices": [[0, 0, 8], [0, 0, 8], [2, 0, 8]]},
        {"slices": [[0, 0, 8], [0, 0, 4], [1, 0, 8]]},
        {"calls": [[PAGE_BYTES, 0, 1]]},
        {"calls": [[0, 0, 9]]},
        {"calls": [[0, 2, 1]]},
        {"calls": [[-1, 0, 1]]},
        {"inputs": [["x", "<i8", [2], 0]]},
        {"inputs": [["x", "|O", [], 0]]},
        {"inputs": [["x", "<i8", [-1, -1], 0]]},
        {"inputs": [["x", "<i8", [], 3]]},
        {"inputs": [["x", "<i8", [8], 2]]},
        {"outputs": [["y", "<i8"]]},
        {"image": PAGE_BYTES + 63},
        {"image": PAGE_BYTES + 65},
    ],
    ids=str,
)
def test_a_number_out_of_its_bounds_is_refused(changed: dict[str, Any]) -> None:
    """Also where the digest is right."""
    assert decode(headed()) == artefact()

    with pytest.raises(ArtefactRefused):
        decode(headed(**changed))


def compilation() -> Compilation:
    """Return a computation that copies nothing and calls nothing."""
    return Compilation(
        processor="any",
        objects=(),
        thunks=(),
        buffers={4: 8, 9: 8},
        constants={},
        inputs=(Shape("<i8", (), 4),),
        outputs=(Shape("<i8", (), 9),),
    )


def test_arrays_are_found_by_name_type_and_shape() -> None:
    signature = (("x", "<i8", ()),), (("y", "<i8", ()),)
    with pytest.raises(ArtefactRefused, match="code"):
        program_of(compilation(), *signature)  # it has none
    for wrong in ((), (("x", "<i4", ()),), (("x", "<i8", (1,)),)):
        with pytest.raises(ArtefactRefused, match="arrays of"):
            program_of(compilation(), wrong, signature[1])


def test_a_call_of_what_is_not_there_is_refused() -> None:
    signature = (("x", "<i8", ()),), (("y", "<i8", ()),)
    for kernel, said in (
        (Kernel("gone", (Slice(4, 0, 8),)), "no function gone"),
        (Kernel("gone", (Slice(5, 0, 8),)), "buffer 5"),
    ):
        with pytest.raises(ArtefactRefused, match=said):
            program_of(replace(compilation(), thunks=(kernel,)), *signature)


def test_a_program_checks_itself() -> None:
    program().check()
    with pytest.raises(ArtefactRefused, match="a call"):
        program(calls=(Call(1 << 20, 0, 1),)).check()
    with pytest.raises(ArtefactRefused, match="y is out of bounds"):
        program(outputs=(Value("y", "<f8", (3,), 1),)).check()
