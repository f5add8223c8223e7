"""The step's machine code, for tests that need it: had, or the sentence that says why not."""

from engine.executor.choice import Choice
from engine.executor.native import NativeStep
from engine.executor.selection import executor_of, select
from engine.parameters import Shape
from journal.compile_cache import SHELF


def native_of(shape: Shape) -> NativeStep:
    """Return the step of a shape without TensorFlow, whatever ran it in this process before.

    Raises:
        NoExecutor: if this machine cannot run it so.
    """
    found = executor_of(shape)
    if not isinstance(found, NativeStep):
        select(Choice.NATIVE, SHELF)
        try:
            found = executor_of(shape)
        finally:
            select(Choice.AUTO, SHELF)
    assert isinstance(found, NativeStep)
    return found
