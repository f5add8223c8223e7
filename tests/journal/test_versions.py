"""Which versions decide about bits."""

from importlib import metadata

from journal.reading.details import UNKNOWN
from journal.versions import version_of, versions


def test_it_is_the_one_that_is_installed() -> None:
    assert version_of("numpy") == metadata.version("numpy")


def test_what_is_not_installed_is_unknown() -> None:
    assert version_of("no-such-package") == UNKNOWN


def test_nothing_that_a_session_needs_is_unknown() -> None:
    assert UNKNOWN not in versions().values()
