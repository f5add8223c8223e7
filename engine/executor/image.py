"""An image in memory, as code that can be called; never writable and executable at once.

It is mapped writable, filled, and then sealed: the code becomes executable, the data read-only. A
kernel that forbids executable memory refuses that, and so do we.
"""

import ctypes
import errno
import mmap
import os
import sys
from functools import cache
from typing import Any

from engine.errors import ArtefactRefused
from engine.executor.artefact import Program
from engine.executor.objects import PAGE_BYTES

ROW_WORDS = 4
"""Words of 8 bytes in a row of the table that `Image.run` gets: the call frame of a kernel
(``XLA_CPU_KernelCallFrame``), or target, source and size of a copy."""

_READ, _EXECUTE = 1, 4

# Saves rbx, which holds the table, and the processor's mode of arithmetic; sets flush-to-zero and
# denormals-are-zero in that mode, as TensorFlow does where it runs what XLA compiled.
_BEGIN = bytes.fromhex("53 4883ec10 4889fb 0fae1c24 8b0424 0d40800000 89442404 0fae542404")
_END = bytes.fromhex("0fae1424 4883c410 5b c3")
_SUCCESS = bytes.fromhex("31c0")


class Image:
    """A program's image, mapped; ``run`` calls it, with the address of a table of calls.

    It holds no state: one image serves any number of tables, on any number of threads.
    """

    def __init__(self, program: Program) -> None:
        """Map an image.

        Raises:
            ArtefactRefused: if this system does not run such code, or does not allow it.
        """
        if sys.platform != "linux" or _machine() != "x86_64":
            raise ArtefactRefused("machine code of the step is for Linux on x86-64")
        if len(program.image) > 1 << 31:
            raise ArtefactRefused("the image is too large")
        caller = _calls(program)
        code_bytes = -(-len(caller[0]) // PAGE_BYTES) * PAGE_BYTES
        size = code_bytes + -(-len(program.image) // PAGE_BYTES) * PAGE_BYTES
        own = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self._memory = mmap.mmap(-1, size, own, mmap.PROT_READ | mmap.PROT_WRITE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self.base = start + code_bytes
        """The address of the image's first byte."""
        self._memory[code_bytes : code_bytes + len(program.image)] = program.image
        for place, target in program.addresses:
            self._put(code_bytes + place, self.base + target)
        for name, places in program.externals.items():
            for place in places:
                self._put(code_bytes + place, address_of(name))
        code, functions, copies = caller
        self._memory[: len(code)] = code
        for place, function in functions:
            self._put(place, self.base + function)
        for place in copies:
            self._put(place, address_of("memcpy"))
        executable = code_bytes + program.code_bytes
        self._protect(start, executable, _READ | _EXECUTE)
        if size > executable:
            self._protect(start + executable, size - executable, _READ)
        # Without the interpreter's lock: other threads run meanwhile.
        self.run = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(start)
        """Run all calls; returns 0, or the address of the kernel's error."""

    def _put(self, place: int, address: int) -> None:
        self._memory[place : place + 8] = address.to_bytes(8, "little")

    @staticmethod
    def _protect(start: int, size: int, rights: int) -> None:
        library = _library(None)
        library.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        if library.mprotect(start, size, rights):
            reason = errno.errorcode.get(ctypes.get_errno(), "?")
            raise ArtefactRefused(f"this system allows no executable memory ({reason})")


def _calls(program: Program) -> tuple[bytes, list[tuple[int, int]], list[int]]:
    """Return code that runs a program's calls with the rows of the table in ``rdi``.

    With it the places of addresses of the program's functions, and of the library's ``memcpy``.
    """
    code = bytearray(_BEGIN)
    functions, copies, jumps = [], [], []
    for index, call in enumerate(program.calls):
        row = (ROW_WORDS * 8 * index).to_bytes(4, "little")
        if call.function < 0:
            for word, load in enumerate(("488bbb", "488bb3", "488b93")):  # rdi, rsi, rdx
                code += bytes.fromhex(load)
                code += (ROW_WORDS * 8 * index + 8 * word).to_bytes(4, "little")
            copies.append(len(code) + 2)
            code += bytes.fromhex("48b8") + bytes(8) + bytes.fromhex("ffd0")  # call rax
        else:
            code += bytes.fromhex("488dbb") + row  # rdi = the row
            functions.append((len(code) + 2, call.function))
            code += bytes.fromhex("48b8") + bytes(8) + bytes.fromhex("ffd0")  # call rax
            code += bytes.fromhex("4885c0 0f85")  # to the end, if it returned an error
            jumps.append(len(code))
            code += bytes(4)
    code += _SUCCESS
    for place in jumps:
        code[place : place + 4] = (len(code) - place - 4).to_bytes(4, "little")
    return bytes(code + _END), functions, copies


def address_of(name: str) -> int:
    """Return the address of a function of the C library."""
    for library in ("libm.so.6", None):
        function = getattr(_library(library), name, None)
        if function is not None:
            return int(ctypes.cast(function, ctypes.c_void_p).value or 0)
    raise ArtefactRefused(f"the C library has no {name}")


@cache
def _library(name: str | None) -> Any:
    try:
        return ctypes.CDLL(name, use_errno=True)
    except OSError as error:
        raise ArtefactRefused(f"the C library cannot be used: {error}") from error


def _machine() -> str:
    return os.uname().machine
