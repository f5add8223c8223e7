"""Every kind of cause has a class, and every class has one exit code."""

import inspect

import pytest

from cli.exit_codes import Exit, code_of
from journal import errors
from journal.errors import CommandError

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, CommandError) and kind is not CommandError
]


VERSIONS = {errors.JournalIncompatible, errors.ProgramUnsuitable}
"""Two classes of one exit code: a journal of another version, and another Python or TensorFlow."""


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_class_has_an_exit_code_of_its_own(kind: type[CommandError]) -> None:
    others = [each for each in CLASSES if each is not kind and {each, kind} != VERSIONS]

    assert code_of(kind("why")) not in {Exit.OK, Exit.BUG}
    assert code_of(kind("why")) not in {code_of(other("why")) for other in others}


def test_an_error_carries_its_sentence_and_a_hint() -> None:
    error = CommandError("what is the matter", hint="what to do")

    assert (str(error), error.hint) == ("what is the matter", "what to do")


def test_the_module_shows_every_class_in_its_tree() -> None:
    tree = inspect.getdoc(errors) or ""

    assert [kind.__name__ for kind in CLASSES if kind.__name__ not in tree] == []
