"""Make the artefact that the wheel ships: the step of the default shape, for every x86-64-v3.

    uv run python deploy/artefact.py

TensorFlow compiles for the processor that it finds, also with instructions that x86-64-v3 does not
have. So it runs under an emulated Haswell where ``qemu-x86_64`` is installed (Debian has it in
``qemu-user``; some minutes), which makes the same bytes on every machine. Where it is not, this
machine's own code is taken, if it holds no instruction beyond the class: that is checked in both
cases, by disassembling it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from engine.executor.artefact import Artefact, decode, encode
from engine.executor.native import PROGRAM
from engine.executor.recipe import key_of, recipe_of
from engine.parameters import Parameters
from journal.compile_cache import SHIPPED, SHIPPED_CLASS

EMULATED = ("qemu-x86_64", "-cpu", "Haswell-noTSX")
MAKE = """
import sys
from pathlib import Path
from engine.executor.recipe import key_of, recipe_of
from engine.executor.selection import executor_of
from engine.parameters import Parameters
from journal.compile_cache import SHELF, reuse
reuse()
shape = Parameters().shape
assert executor_of(shape).name == "native"
Path(sys.argv[1]).write_bytes(next(file for _, file in SHELF.found(key_of(recipe_of(shape)))))
"""
BEYOND = re.compile(
    r"%zmm|%[xy]mm(?:1[6-9]|2\d|3[01])|%k[0-7]|%tmm|%r(?:1[6-9]|2\d|3[01])"
    r"|\tv(?:aes|pclmul)\w+ .*%ymm|\(bad\)"
    r"|\t(?:v?gf2p8\w+|sha(?:1|256|512)\w+|extrq|insertq|movnts[sd]|vpdp\w+|vcvtne\w+|adcx|adox"
    r"|clwb|clzero|rdpid|rdpru|wbnoinvd|xsavec|vfn?m(?:add|sub|addsub|subadd)[ps][sd]|vpcmov|vprot\w+"
    r"|vphaddu?[bwd][wdq]|vpermil2\w+|vpmacs\w+|vpcomu?[bwdq]|blci\w*|blcfill|blcmsk|blsfill|tzmsk)\b"
)
"""What no processor of the class x86-64-v3 needs to have: AVX-512, GFNI, SSE4a, FMA4 and so on."""


def instructions_beyond(artefact: Artefact) -> list[str]:
    """Return the instructions of an artefact's code that x86-64-v3 does not have, disassembled."""
    program = artefact.programs[PROGRAM]
    with tempfile.NamedTemporaryFile() as file:
        file.write(program.image[: program.code_bytes])
        file.flush()
        line = ["objdump", "-D", "-b", "binary", "-m", "i386:x86-64", "--no-show-raw-insn"]
        listed = subprocess.run([*line, file.name], check=True, capture_output=True, text=True)
    return [each.strip() for each in listed.stdout.splitlines() if BEYOND.search(each)]


def compiled(*before: str) -> Artefact:
    """Return the artefact that a fresh process makes, started behind some words."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "artefact"
        # The interpreter itself: an emulator does not follow a script's first line.
        interpreter = str(Path(sys.executable).resolve())
        found = {"PYTHONPATH": os.pathsep.join(sys.path), "XDG_CACHE_HOME": scratch}
        environment = {**os.environ, **found, "TF_XLA_FLAGS": ""}
        line = [*before, interpreter, "-c", MAKE, str(out)]
        subprocess.run(line, check=True, env=environment)
        return decode(out.read_bytes())


def main() -> int:
    """Write the artefact to where the wheel takes it from."""
    before = EMULATED if shutil.which(EMULATED[0]) and "--here" not in sys.argv else ()
    artefact = compiled(*before)
    artefact = replace(artefact, recipe={**artefact.recipe, "processor": SHIPPED_CLASS})
    beyond = instructions_beyond(artefact)
    if beyond:
        print(f"{len(beyond)} instructions beyond {SHIPPED_CLASS}:", *beyond[:9], sep="\n  ")
        print("compiled for this processor; install qemu-user, which has an emulated one")
        return 1
    shutil.rmtree(SHIPPED, ignore_errors=True)
    SHIPPED.mkdir(parents=True)
    path = SHIPPED / f"{key_of(recipe_of(Parameters().shape))}.artefact"
    path.write_bytes(encode(artefact))
    print(f"{path.relative_to(Path.cwd())}: {path.stat().st_size:,} bytes, for {SHIPPED_CLASS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
