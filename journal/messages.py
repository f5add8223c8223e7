"""How a typed message becomes a line of ``--json``, and where its fields say what they mean.

A field's name is its name in JSON; `cli.schemas` derives from fields what `trader schema` prints.
"""

from collections.abc import Mapping
from dataclasses import field, fields, is_dataclass
from typing import Any

MEANS, NAME, MAY_LACK = "means", "name", "may_lack"
"""Keys of a field's metadata."""


def said(means: str, *, name: str | None = None, may_lack: bool = False) -> Any:
    """Return a field with its meaning, and with its name in JSON where Python takes that itself.

    A field that ``may_lack`` is ``None`` until it is known, and until then not in JSON.
    """
    metadata = {MEANS: means, NAME: name, MAY_LACK: may_lack}
    return field(default=None, metadata=metadata) if may_lack else field(metadata=metadata)


def as_json(value: Any) -> Any:
    """Return a summary, and whatever is in it, as JSON can hold it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            each.metadata.get(NAME) or each.name: as_json(found)
            for each in fields(value)
            for found in [getattr(value, each.name)]
            if found is not None or not each.metadata.get(MAY_LACK)
        }
    if isinstance(value, Mapping):
        return {name: as_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    return value


def summary_of(value: Any) -> dict[str, object]:
    """Return the last line of ``--json``."""
    return {"message_type": "summary", **as_json(value)}
