"""Object files are joined as a linker would, or refused."""

import ctypes
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ArtefactRefused
from engine.executor.artefact import Call
from engine.executor.image import Image
from engine.executor.native import Memory
from engine.executor.objects import PAGE_BYTES, link
from tests.support.machine_code import program

CODE = """
typedef struct {void* data; unsigned long size;} Argument;
typedef struct {void* groups; void* group; unsigned long count; Argument* arguments;} Frame;
extern double exp2(double);
static const long table[] = {100, 200, 300};
void* kernel(const Frame* frame) {
    long* x = frame->arguments[0].data;
    *x = table[*x % 3] + (long)exp2((double)(*x - 1));
    return 0;
}
"""
FLAGS = ("-O1", "-c", "-mcmodel=large", "-fno-pic", "-fcf-protection=none", "-fno-stack-protector")

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not here")


def compiled(path: Path, code: str, *flags: str) -> bytes:
    (path / "x.c").write_text(code, encoding="utf-8")
    line = ["gcc", *FLAGS, *flags, "-o", str(path / "x.o"), str(path / "x.c")]
    subprocess.run(line, check=True)
    return (path / "x.o").read_bytes()


@needs_gcc
def test_code_finds_its_data_and_the_library(tmp_path: Path) -> None:
    linked = link((compiled(tmp_path, CODE),), (b"constant",))
    whole = replace(
        program(),
        image=linked.image,
        code_bytes=linked.code_bytes,
        addresses=linked.addresses,
        externals=linked.externals,
        constants={2: linked.constants[0]},
        buffers=(8, 8, 8),
        calls=(Call(linked.functions["kernel"], 0, 1),),
    )
    whole.check()
    image = Image(whole)
    memory = Memory(whole, image)
    memory.arrays["x"][...] = 4

    assert image.run(memory.table) == 0
    assert int(memory.arrays["x"]) == 208
    assert set(linked.externals) == {"exp2"}
    assert linked.code_bytes % PAGE_BYTES == 0
    constant = image.base + linked.constants[0]
    assert ctypes.string_at(constant, 8) == b"constant"
    assert constant % 64 == 0


@needs_gcc
@pytest.mark.parametrize(
    ("code", "flags", "said"),
    [
        ("long x = 3; long kernel() {return x++;}", (), "written to"),
        ("extern long other; long kernel() {return other;}", ("-fPIC",), "relocation"),
        ("__thread long x = 3; long kernel() {return x;}", (), "written to"),
    ],
)
def test_what_is_not_known_is_refused(
    tmp_path: Path, code: str, flags: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ArtefactRefused, match=said):
        link((compiled(tmp_path, code, *flags),))


@needs_gcc
def test_a_function_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactRefused, match="kernel is there twice"):
        link((compiled(tmp_path, CODE),) * 2)


@pytest.mark.parametrize("contents", [b"", b"\x7fELF", b"\x7fELF\x02\x01" + bytes(100), bytes(64)])
def test_what_is_no_object_file_is_refused(contents: bytes) -> None:
    """One of zeros behind the right magic has no sections, and so no code: nothing of it runs."""
    try:
        linked = link((contents,))
    except ArtefactRefused:
        return
    assert linked.image == b""
