"""A disk that does not wait: for filling logs in a hurry."""

from pathlib import Path

from eventlog.storage import Disk, File


class Unsynced:
    """A file whose syncs are left out: what is measured here is not durability."""

    def __init__(self, file: File) -> None:
        self.pwrite, self.fsync, self.close = file.pwrite, file.fsync, file.close

    def fdatasync(self) -> None:
        """Do not wait."""


class FastDisk(Disk):
    """The real filesystem, without waiting for commits."""

    def open(self, path: Path) -> File:
        return Unsynced(super().open(path))
