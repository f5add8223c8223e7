"""What every command says with ``--json``, field by field, as JSON Schema (draft 2020-12).

A command writes JSON Lines on stdout. Every line has a ``message_type``; the last is a ``summary``,
or of several journals one each (but ``exchange`` only says where it listens). New messages and
fields may come; readers pass over what they do not know. A fatal end is an ``exit_error`` on
stderr. Times ending in ``_ns`` are nanoseconds since 1970 UTC, money is text with
eight decimals where it is exact, shares are numbers from 0 to 1.

Below, a field is a line: its name, its type, what it means. A type that ends in ``?`` may be null,
one that ends in ``*`` may be absent.
"""

from typing import Any

_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
    "array": {"type": "array"},
    "any": {},
}

_SCORES = """
    labels                    integer   labels scored: directions that were known later
    log_loss                  number?   mean log-loss of the direction
    baseline_log_loss         number?   the same of the running share of rises
    accuracy                  number?   share of directions foreseen
"""

_OUTCOME = """
    equity                    string?   the paper account, in the quote currency
    fingerprint               string?   of the weights, 16 hexadecimal digits
"""

_MESSAGES: dict[str, dict[str, str]] = {
    "status": {
        "summary": """
            journal                   string    its name
            paper                     boolean   always true: nothing here can place an order
            state                     string    empty, running, stopped or killed
            records                   integer   durable records
            session                   integer?  number of the newest session
            last_record_ns            integer?  when the last record was received
            last_record_age_s         number?   how long ago that is
            recent_ticks_per_s        number?   pace of the newest records
            recent_labels             integer   labels scored in the newest records
            recent_log_loss           number?   over these
            recent_baseline_log_loss  number?   over these
            recent_accuracy           number?   over these
            equity                    string?   the paper account
            position                  string?   what it holds of the base currency
            gain                      number?   of the account since the start
            market_gain               number?   of the price itself, since it was first known
            hold_gain                 number?   of holding the stake of one order, costs included
            price                     number?   the mid; of a market of trades alone, the last one
            ticks                     integer?  decided on since the beginning
            fills                     integer?  paper executions since the beginning
            late                      integer?  ticks since the beginning too late to trade on
            milestones                object?   since the beginning: what happened, and how often
            action                    string?   of the last decision
            reason                    string?   of the last decision
            last_decision_offset      integer?  where it stands
            hold_reasons              object    reason to count, in the newest records
            checkpoint_offset         integer?  the newest whole state includes the records up to it
            labels                    integer?  labels scored since the beginning
            log_loss                  number?   over these
            baseline_log_loss         number?   over these
            accuracy                  number?   over these
            free_bytes                integer   room on the disk
            disk_days_left            number?   until it is full, at the pace of the newest records
            health                    object    the newest health sample
            verified                  object?   what the newest verification said
        """,
    },
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
    "report": {
        "summary": """
            journal                   string    its name
            paper                     boolean   always true
            records                   integer   durable records
            ticks                     integer   market inputs that were decided on
            backfilled                integer   trades that came late, which were not
            late                      integer   decided on too late to be traded on
            first_ns                  integer?  when its first record was received, or it began
            last_ns                   integer?  when its last record of the market was received
            parameters                string    their digest
            horizon_ms                integer   how far ahead a direction is predicted
            verified                  object?   what the newest verification said
            learning                  object    labels, log-loss, baseline, accuracy, what was saved
            money                     object    equity; gains net, gross, of the market, of holding
            frozen                    object?   it beside its state of then, which learned no more
            calibration               object    calibration error, Brier score, reliability diagram
            holds                     object    reason to count
            measures                  array     measures of success: name, value, unit, text, note
            sessions                  array     one object each
            checkpoints               array     one object each, with what verification said
            damaged_checkpoints       integer   how many do not check
            gaps                      array     the newest: from_ns, to_ns, why
            milestones                array     the newest of drift, growth: offset, why, detail
            health                    array     the newest samples: offset, received_ns, detail
            counts                    object    how many gaps, milestones, health samples there are
            latency                   object    medians over all samples, and of how many they are
            periods                   array     the journal in equal parts
            words                     array     the answers as sentences
            assumptions               array     about fills and fees, as sentences
            influences                array*    features by influence, the strongest first
            html                      string*   the file that was written
            bytes                     integer*  its size
        """,
    },
    "compare": {
        "summary": """
            a                         object    journal and records of the first
            b                         object    journal and records of the second
            parameters                object    name to both values, where they differ
            paired                    integer   decisions on the same ticks
            parted                    string?   from when on the ticks are not the same
            different_actions         integer   pairs that act otherwise
            first_difference          object?   its ticks, its time, and both decisions
            rows                      array     figures: both, the difference, its 95 % interval
            words                     array     what follows, as sentences
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
    "verify": {
        "summary": """
            records                   integer   durable records
            segments                  integer   files of the log
            checkpoints               integer   whole states
            depth                     string    quick, default or deep
            findings                  array     check, path, offset, message
            uncovered                 array     files that no check speaks for, and why
            verdict                   string    clean, repairable, corrupt, diverged or cannot
        """,
    },
    "replay": {
        "summary": """
            from                      integer*  the first offset that was carried
            to                        integer*  the offset behind the last one
            ticks                     integer*  how many were decided on
            compared                  integer*  effects beside what was recorded
            diverged_at               integer?* the first offset that differs
            difference                object?*  what differs there
            seconds                   number*   without compiling
            ticks_per_second          number*   the pace
            state                     string*   digest of the state at the end
            log_loss                  number?*  mean log-loss of the direction
            baseline_log_loss         number?*  of the running share of rises
            accuracy                  number?*  share of directions foreseen
            equity                    string?*  the paper account
            account                   object?*  it beside others: net, gross, held, random, trips
            fingerprint               string?*  of the weights
            set                       object*   of a fork: what was chosen
            recorded                  object*   of a fork: figures of the origin
            forked                    object*   of a fork: figures of the new journal
        """,
    },
    "live": {
        "summary": f"""
            journal                   string    its name
            session                   integer   its number
            ticks                     integer   decided on since the journal's beginning
            decisions                 integer   the same
            fills                     integer   paper executions since then
            late                      integer   ticks since then that came too late to trade on
            gain                      number?   of the account since then
            market_gain               number?   of the price itself
            hold_gain                 number?   of holding the stake of one order, costs included
            this_session              object    ticks, fills, late, labels, losses, gain of it alone
            first_offset              integer   where the session begins
            last_offset               integer   where it ends
            checkpoint_offset         integer   of the newest whole state
            {_SCORES}
            {_OUTCOME}
            resumed_from              integer?  the state it went on from
            rederived                 integer   ticks of the log's tail that were derived again
            stopped_by                string    a signal, --for, --max-ticks, or a limit
            messages_dropped          integer   what could not be said, for want of a reader
        """,
    },
    "import": {
        "summary": f"""
            journal                   string    its name
            files                     array     each one's name, kind, rows, columns, time_units
            rows                      integer   rows, lines and frames read: records and left_out
            records                   integer   rows that are records now
            resumed_at                integer   how many were there already
            duplicates                integer   trades left out: they were there before, by their id
            left_out                  object    what became no record: why, and how many
            undecodable               integer   records that say that a row made no sense
            refused                   object    what made no sense: why, and how many
            crossed                   integer   quotes whose bid is not below their ask
            noted                     object    what is odd, and was kept for the engine to judge
            ticks                     integer   how many were decided on
            fills                     integer   paper executions
            {_SCORES}
            {_OUTCOME}
            nothing_learned           string?   why there is no label, where there is none
            seconds                   number    without compiling
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
            best_accuracy             number?   the share of directions that can be foreseen
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

COMMANDS = tuple(_MESSAGES)
"""What has a schema: the commands, and ``error`` for the last line of one that failed."""


def schema(command: str) -> dict[str, Any]:
    """Return the schema of one line that a command says."""
    kinds = [_message(kind, text) for kind, text in _MESSAGES[command].items()]
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
