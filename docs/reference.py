"""The reference pages, generated from the code when the site is built: never out of date."""

import inspect
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import eventlog
from cli import schemas
from cli.exit_codes import MEANINGS
from cli.main import app
from eventlog.records import KINDS
from eventlog.schema import COLUMNS, FIELDS, SCHEMA
from journal.asked.settings import KNOWN, range_of

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Add the pages to the site (an event of MkDocs)."""
    from mkdocs.structure.files import File

    for name, page in PAGES.items():
        files.append(File.generated(config, f"reference/{name}.md", content=page()))
    return files


def commands() -> str:
    """Return every command with its arguments and options, as its help has them."""
    group: Any = typer.main.get_command(app)
    lines = ["# Commands", "", "Every command takes `--home DIR`, `--json` and `-h`.", ""]
    for name, command in sorted(group.commands.items()):
        lines += [f"## trader {name}", "", inspect.cleandoc(command.help or ""), ""]
        rows = [_parameter(each) for each in command.params if not getattr(each, "hidden", False)]
        lines += ["| argument | meaning |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _parameter(parameter: Any) -> str:
    name = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
    if parameter.param_type_name == "argument":
        name = f"`{parameter.human_readable_name}`"
    text = (getattr(parameter, "help", "") or "").strip()
    default, said = parameter.default, getattr(parameter, "show_default", None)
    if isinstance(said, str):  # what holds where the code has no value yet
        return _row(name, f"{text} Default: {said}.")
    shown = default not in (None, False, (), [], "") and not callable(default)
    return _row(name, f"{text} Default: `{default}`." if shown else text)


def configuration() -> str:
    """Return every setting with its range and default."""
    lines = [
        "# Configuration",
        "",
        "The nearer wins: `--set NAME=VALUE`, then the environment, then `HOME/trader.toml`,",
        "then the default.",
        "`trader init` writes a commented file, `trader config` shows what holds and from where.",
        "",
    ]
    for section in dict.fromkeys(setting.section for setting in KNOWN):
        lines += [
            f"## [{section}]",
            "",
            "| name | default | range | meaning |",
            "|---|---|---|---|",
        ]
        lines += [
            _row(f"`{each.name}`", f"`{each.default}`", range_of(each), each.text)
            for each in KNOWN
            if each.section == section
        ]
        lines.append("")
    return "\n".join(lines)


def exit_codes() -> str:
    """Return what each exit code means."""
    lines = ["# Exit codes", "", "| code | name | meaning |", "|---|---|---|"]
    lines += [
        _row(str(int(code)), code.name.lower().replace("_", " "), text)
        for code, text in MEANINGS.items()
    ]
    return "\n".join([*lines, ""])


def records() -> str:
    """Return every kind of record with its columns."""
    types = {each.name: str(each.type).split("<item")[0] for each in SCHEMA}
    lines = [
        "# Records and columns",
        "",
        "A log is one flat table: a row a record, null where a kind does not have a column. Sealed",
        "segments are Parquet files of this table. Every record has `offset`, `kind` and",
        "`received_ns`.",
        "",
    ]
    for kind, record in KINDS.items():
        doc = inspect.getdoc(record) or ""
        lines += [f"## {kind}", "", doc, "", "| column | type |", "|---|---|"]
        lines += [_row(f"`{column}`", types[column]) for _, column in FIELDS[kind]]
        lines.append("")
    assert set(KINDS) == set(COLUMNS), "every kind has columns"
    return "\n".join(lines)


def features() -> str:
    """Return the features by name, with formula and source."""
    from engine.learner import features as module  # loads TensorFlow

    doc = inspect.getdoc(module) or ""
    lines = ["# Features", "", doc, "", "| place | name | formula | source | needs | signed |"]
    lines += ["|---|---|---|---|---|---|"]
    lines += [
        _row(
            str(place),
            f"`{each.name}`",
            each.formula,
            each.source,
            each.needs,
            "yes" if each.signed else "no",
        )
        for place, each in enumerate(module.FEATURES)
    ]
    return "\n".join([*lines, ""])


def json_output() -> str:
    """Return what every command prints with ``--json``."""
    lines = ["# JSON output", "", inspect.getdoc(schemas) or "", ""]
    for command in schemas.COMMANDS:
        lines += [f"## {command}", ""]
        for message in schemas.schema(command)["oneOf"]:
            lines += [f"### {command}: {message['title']}", "", "| field | type | meaning |"]
            lines += ["|---|---|---|", *_fields(message), ""]
    return "\n".join(lines)


def _fields(message: dict[str, Any], within: str = "") -> Iterator[str]:
    for name, described in message["properties"].items():
        if name == "message_type":
            continue
        kind = described.get("type", "any")
        kinds = " or ".join(kind) if isinstance(kind, list) else kind
        yield _row(f"`{within}{name}`", kinds, described.get("description", ""))
        inner = described.get("items", described)
        if "properties" in inner:
            yield from _fields(inner, f"{within}{name}{'[]' if inner is not described else ''}.")


def log_format() -> str:
    """Return the specification of the log, which stands with its code."""
    text = inspect.getdoc(eventlog) or ""
    return f"# Log format\n\n```text\n{text}\n```\n"


def packages() -> str:
    """Return the sizes of the packages and of their longest functions."""
    measured: str = runpy.run_path(str(Path(__file__).with_name("rooms.py")))["page"]()
    return measured


def _row(*cells: str) -> str:
    escaped = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(escaped)} |"


PAGES: dict[str, Callable[[], str]] = {
    "commands": commands,
    "configuration": configuration,
    "exit-codes": exit_codes,
    "records": records,
    "features": features,
    "json": json_output,
    "log-format": log_format,
    "packages": packages,
}
"""Page to what makes it."""
