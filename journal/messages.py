"""How a typed message becomes a line of ``--json``, and where its fields say what they mean.

A message is a frozen dataclass. Its fields are declared with `said`: a field's name is its name in
JSON, and a field that is not `said` is not in JSON. `MESSAGE_TYPE` of the class says which line it
is; without one it is the summary. `cli.schemas` derives from the same fields what `trader schema`
prints.
"""

from collections.abc import Mapping
from dataclasses import field, fields, is_dataclass
from typing import Any

MEANS, NAME, MAY_LACK, SPREAD = "means", "name", "may_lack", "spread"
"""Keys of a field's metadata."""

SUMMARY = "summary"
"""The type of the last line that a command says."""


def said(
    means: str, *, name: str | None = None, may_lack: bool = False, spread: bool = False
) -> Any:
    """Return a field with its meaning, and with its name in JSON where Python takes that itself.

    A field that ``may_lack`` is ``None`` until it is known, and until then not in JSON. What is in
    a field that is ``spread`` stands beside the other fields, not below a name of its own.
    """
    metadata = {MEANS: means, NAME: name, MAY_LACK: may_lack, SPREAD: spread}
    return field(default=None, metadata=metadata) if may_lack else field(metadata=metadata)


def as_json(value: Any) -> Any:
    """Return a message, or whatever is in it, as JSON can hold it."""
    if is_dataclass(value) and not isinstance(value, type):
        return _as_object(value)
    if isinstance(value, Mapping):
        return {name: as_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    return value


def _as_object(message: Any) -> dict[str, object]:
    out: dict[str, object] = {}
    for each in fields(message):
        found, how = getattr(message, each.name), each.metadata
        if MEANS not in how or (found is None and how[MAY_LACK]):
            continue
        if how[SPREAD]:
            out |= as_json(found)
        else:
            out[how[NAME] or each.name] = as_json(found)
    return out


def message_type_of(kind: type) -> str:
    """Return which line the messages of a class are."""
    return getattr(kind, "MESSAGE_TYPE", SUMMARY)


def line_of(message: Any) -> dict[str, object]:
    """Return a message as a line of ``--json``."""
    return {"message_type": message_type_of(type(message)), **as_json(message)}
