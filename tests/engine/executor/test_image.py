"""Code in memory: it runs on what it is given, says when it fails, and is never writable."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ArtefactRefused
from engine.executor import image as images
from engine.executor.artefact import Program
from engine.executor.image import Image
from engine.executor.native import Memory
from tests.support.machine_code import ADD_ONE, FAIL, program


def rights_at(address: int) -> str:
    """Return what this process may do with its memory at an address, as the kernel says."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, rights = line.split()[:2]
        first, end = (int(part, 16) for part in span.split("-"))
        if first <= address < end:
            return rights
    return ""


def test_its_calls_run_in_their_order() -> None:
    """Twice one more, and then copied; again on what is there then."""
    whole = program()
    image = Image(whole)
    memory, other = Memory(whole, image), Memory(whole, image)
    memory.arrays["x"][...] = 40

    assert image.run(memory.table) == 0
    assert (int(memory.arrays["x"]), int(memory.arrays["y"])) == (42, 42)
    assert image.run(memory.table) == 0
    assert int(memory.arrays["y"]) == 44
    assert int(other.arrays["x"]) == 0


def test_a_failure_ends_the_calls() -> None:
    whole = program(FAIL)
    image = Image(whole)
    memory = Memory(whole, image)
    memory.arrays["x"][...] = 7

    assert image.run(memory.table) != 0
    assert int(memory.arrays["y"]) == 0


def test_nothing_is_writable_and_executable() -> None:
    whole = program()
    image = Image(whole)
    start = ctypes.cast(image.run, ctypes.c_void_p).value

    assert start is not None
    assert rights_at(start) == "r-xp"
    assert rights_at(image.base) == "r-xp"
    assert rights_at(image.base + whole.code_bytes) == "r--p"


def test_addresses_are_those_where_it_lies() -> None:
    """Of its own places, and of the C library."""
    place = 64
    whole = program(
        ADD_ONE,
        addresses=((place, 4096),),
        externals={"log": (place + 8,), "memcpy": (place + 16,)},
    )
    image = Image(whole)

    found = (ctypes.c_uint64 * 3).from_address(image.base + place)

    assert list(found) == [image.base + 4096, *map(images.address_of, ("log", "memcpy"))]
    log = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(found[1])
    assert log(np.e) == 1.0


def test_a_system_without_executable_memory_is_told() -> None:
    """As a hardened kernel has it: the right to execute is refused."""

    class Refusing(Image):
        @staticmethod
        def _protect(start: int, size: int, rights: int) -> None:
            Image._protect(start, size, 1 << 30)  # a right that there is not

    with pytest.raises(ArtefactRefused, match=r"no executable memory \(EINVAL\)"):
        Refusing(program())


def test_another_machine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_machine", lambda: "aarch64")

    with pytest.raises(ArtefactRefused, match="Linux on x86-64"):
        Image(program())


def test_small_numbers_are_flushed_to_zero_within_a_call_and_not_after_it() -> None:
    """As TensorFlow has it where it runs compiled code."""
    # Stores the mode of arithmetic in the first argument: stmxcsr [rcx].
    whole: Program = program(bytes.fromhex("488b4718 488b08 0fae19 31c0 c3"))
    image = Image(whole)
    memory = Memory(whole, image)

    image.run(memory.table)

    assert int(memory.arrays["x"]) & 0x8040 == 0x8040
    assert np.float32(1e-39) * np.float32(0.5) > 0
