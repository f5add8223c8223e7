"""What the name of an export says: records in some form, the network, or curves."""

import difflib
from pathlib import Path

from analysis.export.tables import SUFFIXES, Form, form_of
from eventlog.printable import printable
from journal.errors import UsageError

MODEL = ".keras"


def chosen(out: Path, name: str) -> Form | None:
    """Return the form of records that a name ends in; ``None`` for a model or a directory.

    Raises:
        UsageError: if it ends in anything else.
    """
    form = form_of(name)
    if form is not None or (name == out.name and out.suffix in ("", MODEL)):
        return form
    known = [*SUFFIXES, MODEL]
    near = difflib.get_close_matches(Path(name).suffix, known, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    hint += f"Known: {', '.join(known)}, .csv and .jsonl also with .gz or .zst, or a directory."
    suffix = printable("".join(Path(name).suffixes[-2:]), 40)
    raise UsageError(f"{printable(str(out), 200)}: no form ends in {suffix}", hint=hint)


def target_of(out: Path, name: str) -> Path:
    """Return the file that is written: of a directory, that of a journal's curves in it.

    >>> target_of(Path("x.csv"), "A").name, target_of(Path("x"), "A").as_posix()
    ('x.csv', 'x/events.out.tfevents.A')
    """
    return out if out.suffix else out / f"events.out.tfevents.{name}"


def is_text(form: Form) -> bool:
    """Say whether a terminal can show it.

    >>> is_text(Form(".csv")), is_text(Form(".csv", ".gz")), is_text(Form(".parquet"))
    (True, False, False)
    """
    return form.suffix != ".parquet" and not form.compression
