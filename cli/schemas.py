"""What every command says with ``--json``, field by field, as JSON Schema (draft 2020-12).

A command writes JSON Lines on stdout. Every line has a ``message_type``; the last is a ``summary``,
or of several journals one each (but ``exchange`` only says where it listens). New messages and
fields may come; readers pass over what they do not know. A fatal end is an ``exit_error`` on
stderr. Times ending in ``_ns`` are nanoseconds since 1970 UTC, money is text with
eight decimals where it is exact, shares are numbers from 0 to 1.

What a command says are typed messages (`journal.messages`); their schemas are derived from the
fields of these types.
"""

from dataclasses import fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from analysis import summaries as analysis_summaries
from analysis.figures import ReportSummary
from journal import messages, summaries
from journal.messages import message_type_of

_SAID: dict[str, tuple[type, ...]] = {
    "status": (analysis_summaries.StatusSummary,),
    "why": (analysis_summaries.DecisionSummary, analysis_summaries.DecisionFeaturesSummary),
    "log": (summaries.RecordSaid, summaries.RecordsShown),
    "report": (ReportSummary,),
    "compare": (analysis_summaries.Comparison,),
    "checkpoints": (
        *(summaries.CheckpointSaid, summaries.CheckpointDamagedSaid),
        summaries.CheckpointsKept,
    ),
    "export": (
        *(summaries.RecordsExported, summaries.ModelExported),
        summaries.CurvesExported,
    ),
    "verify": (summaries.Verification,),
    "repair": (summaries.Repaired,),
    "replay": (summaries.Replayed, summaries.Forked),
    "live": (summaries.SessionSummary,),
    "import": (summaries.ImportSummary,),
    "backfill": (summaries.BackfillSummary,),
    "exchange": (summaries.Listening,),
    "evaluate": (analysis_summaries.EvaluationSummary,),
    "init": (summaries.Initialised,),
    "config": (summaries.SettingSaid, summaries.KeptSettingSaid, summaries.Configured),
    "doctor": (summaries.Check, summaries.Diagnosed),
    "error": (summaries.ExitError,),
}
"""The messages of each command; types with the same ``message_type`` are variants of one line."""

COMMANDS = (*sorted({*_SAID} - {"error"}), "error")
"""What has a schema: the commands, and ``error`` for the last line of one that failed."""


def schema(command: str) -> dict[str, Any]:
    """Return the schema of one line of a command's output."""
    said = _SAID.get(command, ())
    kinds = [
        _line(kind, [each for each in said if message_type_of(each) == kind])
        for kind in dict.fromkeys(map(message_type_of, said))
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"trader {command} --json",
        "oneOf": kinds,
    }


def _line(kind: str, types: list[type]) -> dict[str, Any]:
    """Return the schema of a line; fields that only some of its types have may be absent."""
    objects = [_object(each) for each in types]
    properties = {
        name: described for each in objects for name, described in each["properties"].items()
    }
    required = [name for name in properties if all(name in each["required"] for each in objects)]
    return {
        "type": "object",
        "title": kind,
        "properties": {"message_type": {"const": kind}, **properties},
        "required": ["message_type", *required],
    }


def _object(of: type) -> dict[str, Any]:
    """Return the schema of a dataclass, from the types and the descriptions of its fields."""
    types, properties, required = get_type_hints(of), {}, []
    for each in fields(of):
        how = each.metadata
        if messages.MEANS not in how or how[messages.SPREAD]:
            continue
        name, kind = how[messages.NAME] or each.name, types[each.name]
        described = _type(_without_none(kind) if how[messages.MAY_LACK] else kind)
        properties[name] = {**described, "description": how[messages.MEANS]}
        if not how[messages.MAY_LACK]:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}


_JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}
_JSON_TYPES |= {dict: "object", list: "array", tuple: "array"}


def _type(kind: Any) -> dict[str, Any]:
    """Return the schema of the type of a field."""
    if kind is Any or kind is object:
        return {}
    if (bare := _without_none(kind)) != kind:
        described = _type(bare)
        return {**described, "type": [described["type"], "null"]}
    if is_dataclass(kind) and isinstance(kind, type):
        return _object(kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"type": "string"}
    described = {"type": _JSON_TYPES[get_origin(kind) or kind]}
    parts = [part for part in get_args(kind) if part is not ...]
    if described["type"] == "array" and parts:
        return {**described, "items": _type(parts[0])}
    if described["type"] == "object" and parts:
        return {**described, "additionalProperties": _type(parts[1])}
    return described


def _without_none(kind: Any) -> Any:
    if get_origin(kind) not in (Union, UnionType):
        return kind
    (bare,) = (part for part in get_args(kind) if part is not NoneType)
    return bare
