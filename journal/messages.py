"""Typed messages: how they become lines of ``--json``, and how their fields are documented.

A message is a frozen dataclass. A field that is declared with `said` appears in JSON under its own
name, with its meaning in the schema; any other field does not appear. The class attribute
`MESSAGE_TYPE` names the type of the line; without it the message is the summary. `cli.schemas`
derives the output of `trader schema` from the same fields.
"""

from collections.abc import Mapping
from dataclasses import field, fields, is_dataclass
from typing import Any

MEANS, NAME, MAY_LACK, SPREAD = "means", "name", "may_lack", "spread"
"""Keys of a field's metadata."""

SUMMARY = "summary"
"""The type of the last line that a command prints."""


def said(
    means: str, *, name: str | None = None, may_lack: bool = False, spread: bool = False
) -> Any:
    """Return a dataclass field that appears in JSON.

    Args:
        means: what it means, for the schema.
        name: its name in JSON, where that is a keyword of Python.
        may_lack: it is ``None`` until it is known, and until then not in JSON.
        spread: it holds a message whose fields join those of the outer object, not nested in it.
    """
    metadata = {MEANS: means, NAME: name, MAY_LACK: may_lack, SPREAD: spread}
    return field(default=None, metadata=metadata) if may_lack else field(metadata=metadata)


def as_json(value: Any) -> Any:
    """Return a message, or a value in one, as values that JSON has."""
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
        value, metadata = getattr(message, each.name), each.metadata
        if MEANS not in metadata or (value is None and metadata[MAY_LACK]):
            continue
        if metadata[SPREAD]:
            out |= as_json(value)
        else:
            out[metadata[NAME] or each.name] = as_json(value)
    return out


def message_type_of(kind: type) -> str:
    """Return the type of line that the messages of a class become."""
    return getattr(kind, "MESSAGE_TYPE", SUMMARY)


def line_of(message: Any) -> dict[str, object]:
    """Return a message as a line of ``--json``."""
    return {"message_type": message_type_of(type(message)), **as_json(message)}
