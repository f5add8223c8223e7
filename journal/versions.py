"""The versions of the packages that results depend on: this program and its libraries."""

from journal.reading.details import UNKNOWN

_PACKAGES = ("trader", "tensorflow", "keras", "numpy", "pyarrow")


def versions() -> dict[str, str]:
    """Return the version of each package that results depend on; `UNKNOWN` if not installed."""
    return {name: version_of(name) for name in _PACKAGES}


def version_of(package: str) -> str:
    """Return the version of an installed package; `UNKNOWN` if it is not installed."""
    from importlib import metadata  # slow to import, and few commands need it

    for name in (package, f"{package}-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return UNKNOWN
