"""What every command says with ``--json``, field by field, as JSON Schema (draft 2020-12).

A command writes JSON Lines on stdout. Every line has a ``message_type``; the last is a ``summary``,
or of several journals one each (but ``exchange`` only says where it listens). New messages and
fields may come; readers pass over what they do not know. A fatal end is an ``exit_error`` on
stderr. Times ending in ``_ns`` are nanoseconds since 1970 UTC, money is text with
eight decimals where it is exact, shares are numbers from 0 to 1.

What a command says are typed messages (`journal.messages`); their schemas are derived from the
fields of these types. Of a few that are not typed yet the fields are written below, a line each:
name, type, what it means. A type that ends in ``?`` may be null.
"""

from dataclasses import fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from analysis import summaries as told
from analysis.figures import ReportSummary
from journal import messages, summaries
from journal.asked.diagnostics import Check
from journal.messages import message_type_of

_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
    "array": {"type": "array"},
    "any": {},
}

_MESSAGES: dict[str, dict[str, str]] = {
    "evaluate": {
        "summary": """
            source                    string    what it was evaluated on
            horizon_ms                integer   how far ahead a direction is predicted
            parameters                object    of the engine
            ticks                     integer   how many were decided on
            seconds                   number    of the engine's own run
            forecasters               array     each one's figures, the engine's first
            curves                    object    log-loss over time, of the engine and its network
            adapting                  array     where the rule is known to change: what follows
            labels                    integer   directions that were known later
            engine_labels             integer   those that the engine scored itself
            engine_hits               integer   and foresaw
            accounts                  array     paper accounts: net and gross, and who else's
            market_gain               number?   of the price itself, over all that was asked
            not_installed             array     baselines that are not there for want of a package
        """,
    },
}

_SAID: dict[str, tuple[type, ...]] = {
    "status": (told.StatusSummary,),
    "why": (told.DecisionSummary, told.DecisionFeaturesSummary),
    "log": (summaries.RecordSaid, summaries.RecordsShown),
    "report": (ReportSummary,),
    "compare": (told.Comparison,),
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
    "exchange": (summaries.Listening,),
    "init": (summaries.Initialised,),
    "config": (summaries.SettingSaid, summaries.KeptSettingSaid, summaries.Configured),
    "doctor": (Check, summaries.Diagnosed),
    "error": (summaries.ExitError,),
}
"""The messages of a command; of several that are the same line, it is one or the other."""

COMMANDS = (*sorted({*_SAID, *_MESSAGES} - {"error"}), "error")
"""What has a schema: the commands, and ``error`` for the last line of one that failed."""


def schema(command: str) -> dict[str, Any]:
    """Return the schema of one line that a command says."""
    kinds = [_message(kind, text) for kind, text in _MESSAGES.get(command, {}).items()]
    said = _SAID.get(command, ())
    kinds += [
        _line(kind, [each for each in said if message_type_of(each) == kind])
        for kind in dict.fromkeys(map(message_type_of, said))
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"trader {command} --json",
        "oneOf": kinds,
    }


def _message(kind: str, text: str) -> dict[str, Any]:
    properties: dict[str, Any] = {"message_type": {"const": kind}}
    required = ["message_type"]
    for line in text.strip().splitlines():
        if not line.strip():
            continue
        name, kinds, means = line.split(maxsplit=2)
        if not kinds.endswith("*"):
            required.append(name)
        kinds = kinds.removesuffix("*")
        described = dict(_TYPES[kinds.removesuffix("?")])
        if kinds.endswith("?"):
            described["type"] = [described["type"], "null"]
        properties[name] = {**described, "description": means}
    return {"type": "object", "title": kind, "properties": properties, "required": required}


def _line(kind: str, types: list[type]) -> dict[str, Any]:
    """Return the schema of a line; what only some of its types have may be absent."""
    objects = [_object(each) for each in types]
    properties = {name: told for each in objects for name, told in each["properties"].items()}
    required = [name for name in properties if all(name in each["required"] for each in objects)]
    return {
        "type": "object",
        "title": kind,
        "properties": {"message_type": {"const": kind}, **properties},
        "required": ["message_type", *required],
    }


def _object(of: type) -> dict[str, Any]:
    """Return the schema of a dataclass, from its fields' types and what they are said to mean."""
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
    """Return the schema of a type as fields of summaries have it."""
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
