"""What every command says with ``--json``, field by field, as JSON Schema (draft 2020-12).

A command writes JSON Lines on stdout. Every line has a ``message_type``; the last is a ``summary``,
or of several journals one each (but ``exchange`` only says where it listens). New messages and
fields may come; readers pass over what they do not know. A fatal end is an ``exit_error`` on
stderr. Times ending in ``_ns`` are nanoseconds since 1970 UTC, money is text with
eight decimals where it is exact, shares are numbers from 0 to 1.

Below, a field is a line: its name, its type, what it means. A type that ends in ``?`` may be null,
one that ends in ``*`` may be absent. What has a type (`journal.summaries`, `analysis.summaries`)
is not written here: its schema is derived from that.
"""

from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from analysis import summaries as told
from journal import messages, summaries

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
    "why": {
        "summary": """
            offset                    integer   of the decision
            note                      string    why it is not the decision of the offset named
            time_ns                   integer   when its tick was received
            delay_ms                  number?   from then to when it was taken up
            late_ms                   integer   the delay beyond which nothing is traded on a tick
            meaning                   string    its reason as a sentence
            exchange_ns               integer?  the exchange's stamp on its tick
            received_ns               integer   when its tick was received
            cause                     integer   its tick's offset
            action                    string    hold, buy or sell
            reason                    string    the gate that decided
            p_move                    number    that the mid moves within the horizon
            p_up_raw                  number    that it rises if it moves, from the network
            p_up                      number    the same, calibrated
            confidence                number    calibrated probability of the likelier direction
            edge_ppm                  number    expected gain, parts per million
            cost_ppm                  number    of going in and out, parts per million
            fingerprint               string    of the weights that decided
            tick                      object    the tick's own fields
            tick_line                 string    the tick as a line
            before                    array     the newest quote, trade and book before it, as lines
            fills                     array     what came of the order, if there was one
            market_status             string?   what the exchange said of the market before it
            checkpoint_offset         integer?  of the whole state before it
            checkpoint_digest         string?   of that state
            parameters                string    digest of the journal's parameters
            window_s                  number?   the window of the reasons; null: newest records
            reasons                   object    reason to count
            features                  object*   with --features: values, pulls, and the comparison
        """,
    },
    "log": {
        "record": """
            offset                    integer   its place, from 0, dense
            kind                      string    what it is; its other fields follow from that
        """,
        "summary": """
            records                   integer   how many were shown
            end                       integer   the offset behind the last durable record
        """,
    },
    "checkpoints": {
        "checkpoint": """
            offset                    integer   the state includes the records up to it
            problem                   string*   why it does not check; then nothing else is here
            time                      string*   the market's time
            steps                     integer*  training steps since the start
            labels                    integer*  labels scored since the start
            accuracy                  number?*  since the start
            log_loss                  number?*  since the start
            baseline_log_loss         number?*  since the start
            equity                    string*   the paper account
            size_bytes                integer*  of the file
            digest                    string*   of the state
            verified                  string*   what the newest verification said of it
        """,
        "summary": """
            checkpoints               integer   how many are kept
            damaged                   integer   how many of them do not check
        """,
    },
    "export": {
        "summary": """
            file                      string    what was written
            records                   integer*  of a table
            bytes                     integer*  of the file
            points                    integer*  of TensorBoard's curves
            offset                    integer*  after which the network stood so
            weights                   integer*  how many it has
            from_checkpoint           integer*  the state it was derived from
            compared                  integer*  effects compared on the way
        """,
    },
    "init": {"summary": "configuration  string  the file that was written"},
    "config": {
        "setting": """
            key                       string    section and name
            value                     number    what holds
            origin                    string    default, file and line, variable, or --set
            default                   number    what holds if nothing is chosen
            low                       number    the least that may be chosen
            high                      number    the most
            text                      string    what it means
            journal                   number?*  with --journal: what that journal keeps for ever
        """,
        "summary": """
            settings                  integer   how many there are
            chosen                    array     the keys that are not at their default
        """,
    },
    "doctor": {
        "check": """
            name                      string    what was looked at
            verdict                   string    ok, note or problem
            says                      string    what was found
            hint                      string    what to do
        """,
        "summary": """
            checks                    integer   how many
            problems                  array     the names of those that are problems
        """,
    },
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
    "exchange": {
        "listening": """
            url                       string    of its websocket
            scenario                  string?   what the market does
            recording                 string?   or what is played
            best_accuracy             number?   the share of directions that can be predicted
            best_accuracy_is_bound    boolean   or that cannot be exceeded
            horizon_s                 number    over this time
        """,
    },
    "repair": {
        "summary": """
            actions                   array     what is to be done, or was
            applied                   boolean   whether it was
            beyond_repair             array     findings that nothing here mends
        """,
    },
    "error": {
        "exit_error": """
            code                      integer   the exit code
            kind                      string    its name
            message                   string    what is the matter
            hint                      string    what to do
        """,
    },
}

_SUMMARIES: dict[str, tuple[type, ...]] = {
    "status": (told.StatusSummary,),
    "report": (told.ReportSummary,),
    "compare": (told.Comparison,),
    "verify": (summaries.Verification,),
    "replay": (summaries.Replayed, summaries.Forked),
    "live": (summaries.SessionSummary,),
    "import": (summaries.ImportSummary,),
}
"""The types of a command's last line; of several, it is one or the other."""

COMMANDS = (*_SUMMARIES, *_MESSAGES)
"""What has a schema: the commands, and ``error`` for the last line of one that failed."""


def schema(command: str) -> dict[str, Any]:
    """Return the schema of one line that a command says."""
    kinds = [_message(kind, text) for kind, text in _MESSAGES.get(command, {}).items()]
    if command in _SUMMARIES:
        kinds.append(_summary(_SUMMARIES[command]))
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


def _summary(types: tuple[type, ...]) -> dict[str, Any]:
    """Return the schema of a summary; what only some of its types have may be absent."""
    objects = [_object(each) for each in types]
    properties = {name: told for each in objects for name, told in each["properties"].items()}
    required = [name for name in properties if all(name in each["required"] for each in objects)]
    return {
        "type": "object",
        "title": "summary",
        "properties": {"message_type": {"const": "summary"}, **properties},
        "required": ["message_type", *required],
    }


def _object(of: type) -> dict[str, Any]:
    """Return the schema of a dataclass, from its fields' types and what they are said to mean."""
    types, properties, required = get_type_hints(of), {}, []
    for each in fields(of):
        name = each.metadata.get(messages.NAME) or each.name
        may_lack = each.metadata.get(messages.MAY_LACK, False)
        kind = types[each.name]
        described = _type(_without_none(kind) if may_lack else kind)
        properties[name] = {**described, "description": each.metadata[messages.MEANS]}
        if not may_lack:
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
