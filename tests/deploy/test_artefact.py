"""What the wheel ships runs on every processor of its class: nothing beyond is in its code."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.artefact import instructions_beyond
from engine.executor.native import PROGRAM
from engine.executor.objects import PAGE_BYTES
from tests.support.machine_code import artefact, program

pytestmark = pytest.mark.skipif(
    shutil.which("objdump") is None or shutil.which("as") is None, reason="no binutils here"
)


def assembled(path: Path, text: str) -> bytes:
    subprocess.run(["as", "-o", str(path / "x.o"), "-"], input=f"{text}\n", text=True, check=True)
    line = ["objcopy", "-O", "binary", "-j", ".text", str(path / "x.o"), str(path / "x.bin")]
    subprocess.run(line, check=True)
    return (path / "x.bin").read_bytes().ljust(PAGE_BYTES, b"\xcc")


@pytest.mark.parametrize(
    "text",
    [
        "vaddps %zmm1, %zmm2, %zmm3",
        "vaddps %ymm17, %ymm2, %ymm3",
        "vaddps %ymm1, %ymm2, %ymm3{%k1}",
        "gf2p8affineqb $3, %xmm1, %xmm2",
        "vgf2p8mulb %ymm1, %ymm2, %ymm3",
        "vaesenc %ymm1, %ymm2, %ymm3",
        "sha256rnds2 %xmm1, %xmm2",
        "extrq $1, $2, %xmm1",
        "vfmaddps %xmm1, %xmm2, %xmm3, %xmm4",
    ],
)
def test_an_instruction_beyond_is_found(tmp_path: Path, text: str) -> None:
    code = assembled(tmp_path, text)

    assert instructions_beyond(artefact(programs={PROGRAM: replace(program(), image=code)}))


def test_those_of_the_class_are_not(tmp_path: Path) -> None:
    text = "\n".join(
        [
            *("vfmadd213ps %ymm1, %ymm2, %ymm3", "vpermq $3, %ymm1, %ymm2", "lzcnt %eax, %ebx"),
            *(
                "bzhi %eax, %ebx, %ecx",
                "movbe (%rax), %ebx",
                "vpgatherdd %ymm1, (%rax,%ymm2), %ymm3",
            ),
            *("vphaddd %ymm1, %ymm2, %ymm3", "vroundps $1, %ymm1, %ymm2", "vcvtph2ps %xmm1, %ymm2"),
        ]
    )
    code = assembled(tmp_path, text)

    assert instructions_beyond(artefact(programs={PROGRAM: replace(program(), image=code)})) == []
