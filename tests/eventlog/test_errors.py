"""The errors of the log: one tree, sentences with facts, hints for people."""

import inspect
import pickle
import subprocess
import sys
from pathlib import Path

from eventlog import errors
from eventlog.errors import Corrupt, EventLogError, Locked


def test_every_error_is_in_the_tree_and_has_a_hint() -> None:
    """Each class descends from the one root, is shown in the tree, and says what to do."""
    members = inspect.getmembers(errors, inspect.isclass)
    classes = [cls for _, cls in members if cls.__module__ == errors.__name__]
    for cls in classes:
        assert issubclass(cls, EventLogError)
        assert cls.__name__ in (errors.__doc__ or "")
        assert cls is EventLogError or cls.hint


def test_the_sentence_says_where_what_and_what_was_compared() -> None:
    """The text has the path, the offset, the message, and both values; digests as hex."""
    error = Corrupt("it is bad", path=Path("/x"), offset=7, expected=b"\x01", actual=2)

    assert str(error) == "/x, offset 7: it is bad (expected 01, found 2)"
    assert (error.path, error.offset, error.expected, error.actual) == (Path("/x"), 7, b"\x01", 2)


def test_a_sentence_without_an_offset_has_none() -> None:
    """What is not known is not said; a hint can be given for one case."""
    error = Locked("it is taken", path=Path("/x"), hint="Wait.")

    assert str(error) == "/x: it is taken"
    assert error.hint == "Wait."
    assert Locked.hint != "Wait."


def test_errors_and_vocabulary_are_light() -> None:
    """Whoever catches errors or makes records does not load Arrow, nor anything TensorFlow."""
    code = (
        "import sys, eventlog, eventlog.errors, eventlog.records; print('pyarrow' in sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert loaded.stdout.strip() == "False"


def test_an_error_survives_the_way_between_processes() -> None:
    """A child process raises the same error, with the same fields, in its parent."""
    error = Corrupt("damaged", path=Path("log"), offset=7, expected=b"a", actual=b"b")

    again = pickle.loads(pickle.dumps(error))

    assert type(again) is Corrupt
    assert (str(again), again.offset, again.hint) == (str(error), 7, error.hint)
