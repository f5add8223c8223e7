"""The golden training on other processors: emulated, and compared with this one's.

    uv run --group test python -m tests.emulation

A short training of the real step (`engine.engine.arithmetic_digest`) runs natively, under another
hash seed, and under `qemu-x86_64` as each of some processors of different makers; all must end in
the same bytes. An emulated one takes some minutes. Debian has the emulator in ``qemu-user``.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

CPUS = ("Haswell-noTSX", "Skylake-Client-noTSX-IBRS", "EPYC-Rome")
PROBE = (
    "from engine.engine import arithmetic_digest;"
    "from engine.parameters import Parameters;"
    "print(arithmetic_digest(Parameters()))"
)


def digest(*before: str, hash_seed: str = "0") -> str:
    """Return the digest of the golden training, run by an interpreter behind some words."""
    # The interpreter itself: an emulator does not follow a script's first line.
    interpreter = str(Path(sys.executable).resolve())
    ran = subprocess.run(
        [*before, interpreter, "-c", PROBE],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": hash_seed},
    )
    return ran.stdout.split()[-1]


def main() -> int:
    """Print each processor's digest; return 1 if one differs, 2 without an emulator."""
    parser = argparse.ArgumentParser(description="The golden training on other processors.")
    parser.add_argument("--cpu", action="append", help="one that qemu-x86_64 -cpu help lists")
    arguments = parser.parse_args()
    emulator = shutil.which("qemu-x86_64")
    if emulator is None:
        print("qemu-x86_64 is not here", file=sys.stderr)
        return 2
    native = digest()
    print(f"{'this processor':28} {native}", flush=True)
    found = {"another hash seed": digest(hash_seed="4711")}
    print(f"{'another hash seed':28} {found['another hash seed']}", flush=True)
    for cpu in arguments.cpu or CPUS:
        try:
            found[cpu] = digest(emulator, "-cpu", cpu)
        except subprocess.CalledProcessError as failed:
            found[cpu] = f"the emulator ended with {failed.returncode}"
        same = "the same" if found[cpu] == native else "DIFFERS"
        print(f"{cpu:28} {found[cpu]} {same}", flush=True)
    return int(any(each != native for each in found.values()))


if __name__ == "__main__":
    sys.exit(main())
