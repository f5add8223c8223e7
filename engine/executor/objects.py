"""Object files joined to one image: what a linker does, for the few things that XLA's kernels need.

The image has two parts: code, which will be executable, and data, which will only be readable. What
depends on the address at which it will lie, or on a function of the C library, is left as a list of
places. An object file that needs anything else is refused.
"""

import struct
from dataclasses import dataclass, field

from engine.errors import ArtefactRefused

PAGE_BYTES = 4096

_SECTION = struct.Struct("<IIQQQQIIQQ")  # name type flags address offset size link info align entry
_SYMBOL = struct.Struct("<IBBHQQ")  # name info other section value size
_RELOCATION = struct.Struct("<QQq")  # place info addend

_CONTENTS, _SYMBOLS, _RELOCATIONS, _UNWINDING = 1, 2, 4, 0x70000001
_WRITTEN, _LOADED, _EXECUTED = 1, 2, 4  # flags of a section
_GLOBAL = 1
_ABSOLUTE = 1  # R_X86_64_64
_RELATIVE = {2: 4, 24: 8}
"""R_X86_64_PC32 and _PC64 → their bytes."""


@dataclass(frozen=True, slots=True)
class Linked:
    """An image, and what is left to be done where it is loaded."""

    image: bytes
    code_bytes: int
    """The part of it that is code, whole pages."""
    functions: dict[str, int]
    """Each function → its place."""
    addresses: tuple[tuple[int, int], ...]
    """Places of 8 bytes that get the address of another place of the image."""
    externals: dict[str, tuple[int, ...]]
    """Each function of the C library → the places of 8 bytes that get its address."""
    constants: tuple[int, ...] = field(default=())
    """The places of what was added to the data."""


@dataclass(frozen=True, slots=True)
class _Section:
    name: int
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    align: int


class _Object:
    """One object file."""

    def __init__(self, contents: bytes) -> None:
        self.contents = contents
        if contents[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not an object file of 64 bits")
        (start,) = struct.unpack_from("<Q", contents, 40)
        (count,) = struct.unpack_from("<H", contents, 60)
        raw = [
            _SECTION.unpack_from(contents, start + index * _SECTION.size) for index in range(count)
        ]
        self.sections = [
            _Section(name, kind, flags, offset, size, link, info, max(align, 1))
            for name, kind, flags, _, offset, size, link, info, align, _ in raw
        ]
        for section in self.sections:
            if section.align > PAGE_BYTES:
                raise ValueError("a section that is aligned to more than a page")
            is_loaded = section.flags & _LOADED and section.kind != _UNWINDING and section.size
            if is_loaded and (section.kind != _CONTENTS or section.flags & _WRITTEN):
                raise ValueError("a section that is written to, or of an unknown kind")
        self.places: dict[int, int] = {}

    def loaded(self, *, executed: bool) -> list[int]:
        return [
            index
            for index, section in enumerate(self.sections)
            if section.kind == _CONTENTS and section.size and section.flags & _LOADED
            and bool(section.flags & _EXECUTED) == executed
        ]  # fmt: skip

    def bytes_of(self, index: int) -> bytes:
        section = self.sections[index]
        contents = self.contents[section.offset : section.offset + section.size]
        if len(contents) != section.size:
            raise ValueError("a section that ends after its file")
        return contents

    def symbols(self) -> list[tuple[str, bool, int, int]]:
        """Return name, whether it is seen from outside, section and value of each symbol."""
        found = []
        for index, section in enumerate(self.sections):
            if section.kind == _SYMBOLS:
                names = self.bytes_of(section.link)
                for entry in _SYMBOL.iter_unpack(self.bytes_of(index)):
                    name, info, _, where, value, _ = entry
                    text = names[name : names.index(b"\0", name)].decode()
                    found.append((text, info >> 4 == _GLOBAL, where, value))
        return found

    def relocations(self) -> list[tuple[int, int, int, int, int]]:
        """Return section, place in it, symbol, type and addend of each that is loaded."""
        return [
            (section.info, place, info >> 32, info & 0xFFFFFFFF, addend)
            for index, section in enumerate(self.sections)
            if section.kind == _RELOCATIONS and section.info in self.places
            for place, info, addend in _RELOCATION.iter_unpack(self.bytes_of(index))
        ]


def link(objects: tuple[bytes, ...], constants: tuple[bytes, ...] = ()) -> Linked:
    """Return object files as one image; ``constants`` are added to its data, 64-aligned.

    Raises:
        ArtefactRefused: if an object has something that is not known here.
    """
    try:
        return _link([_Object(contents) for contents in objects], constants)
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise ArtefactRefused(f"what XLA compiled cannot be joined: {error}") from error


def _link(objects: list[_Object], constants: tuple[bytes, ...]) -> Linked:
    image = bytearray()

    def put(contents: bytes, align: int) -> int:
        image.extend(bytes(-len(image) % align))
        image.extend(contents)
        return len(image) - len(contents)

    def put_all(*, executed: bool) -> None:
        for each in objects:
            for index in each.loaded(executed=executed):
                each.places[index] = put(each.bytes_of(index), each.sections[index].align)

    put_all(executed=True)
    code_bytes = put(b"", PAGE_BYTES)
    put_all(executed=False)
    places = tuple(put(constant, 64) for constant in constants)
    addresses: list[tuple[int, int]] = []
    externals: dict[str, list[int]] = {}
    for each in objects:
        symbols = each.symbols()
        for section, at, number, kind, addend in each.relocations():
            name, _, where, value = symbols[number]
            place = each.places[section] + at
            inside = each.places.get(where)
            if inside is not None and kind == _ABSOLUTE:
                addresses.append((place, inside + value + addend))
            elif inside is not None and kind in _RELATIVE:
                size = _RELATIVE[kind]
                distance = inside + value + addend - place
                image[place : place + size] = distance.to_bytes(size, "little", signed=True)
            elif where == 0 and name and kind == _ABSOLUTE and addend == 0:
                externals.setdefault(name, []).append(place)
            else:
                raise ValueError(f"relocation of type {kind} to {name or 'nothing'}")
    return Linked(
        image=bytes(image),
        code_bytes=code_bytes,
        functions=_functions(objects),
        addresses=tuple(addresses),
        externals={name: tuple(found) for name, found in sorted(externals.items())},
        constants=places,
    )


def _functions(objects: list[_Object]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in objects:
        for name, is_global, where, value in each.symbols():
            if is_global and where in each.places:
                if name in found:
                    raise ValueError(f"{name} is there twice")
                found[name] = each.places[where] + value
    return found
