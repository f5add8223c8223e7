"""The versions of what decides about bits: this program, and what it computes with."""

from journal.reading.details import UNKNOWN

_PACKAGES = ("trader", "tensorflow", "keras", "numpy", "pyarrow")


def versions() -> dict[str, str]:
    """Return the versions of what decides about bits, by package; `UNKNOWN` where it is missing."""
    return {name: version_of(name) for name in _PACKAGES}


def version_of(package: str) -> str:
    """Return the version of a package as it is installed; `UNKNOWN` where it is missing."""
    from importlib import metadata  # which takes a moment, and few commands ask

    for name in (package, f"{package}-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return UNKNOWN
