"""Errors of the parser of arguments → our own sentence, with a hint at what was probably meant."""

import difflib
from pathlib import Path

import typer

from eventlog.printable import printable
from journal.errors import CommandError, UsageError

_MARK = "Got unexpected extra argument"
_PLAINER = {
    "valid int range": "whole number",
    "valid integer": "whole number",
    "valid float range": "number",
    "valid float": "number",
    "extra argument(s)": "extra argument",
}


def refused(error: typer.TyperException, words: list[str]) -> CommandError | None:
    """Return the usage error for an error of the parser; ``words`` are the arguments as typed.

    ``None`` if it was called without arguments, which showed its help.
    """
    context = getattr(error, "ctx", None)
    sentence = _sentence(error)
    if not sentence:
        return None
    path = getattr(context, "command_path", "trader")
    hint = _option(error) or (_journal(context, sentence, words) if context else "")
    hint = f"{hint} {path} --help says what there is.".strip()
    return UsageError(printable(sentence), hint=hint)


def _sentence(error: typer.TyperException) -> str:
    message, form = str(getattr(error, "message", error)), getattr(error, "format_message", None)
    sentence = message if hasattr(error, "possibilities") or form is None else str(form())
    for words, plain in _PLAINER.items():
        sentence = sentence.replace(words, plain)
    return sentence.strip().rstrip(".")


def _option(error: typer.TyperException) -> str:
    """Return a hint at the known option nearest to an unknown one; empty if none is near."""
    named, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    if not named or context is None:
        return ""
    known = [name for option in context.command.params for name in option.opts if name[:1] == "-"]
    near = [name for name in known if name.startswith(named)]
    near = near or difflib.get_close_matches(named, known, n=1)
    return f"Did you mean {near[0]}?" if near else ""


def _journal(context: object, sentence: str, words: list[str]) -> str:
    """Return a hint at the options of journal and home, if one was given as an argument."""
    params = getattr(getattr(context, "command", None), "params", [])
    if not sentence.startswith(_MARK) or not any("--journal" in each.opts for each in params):
        return ""
    from journal.layout import names

    extra = [word for word in words if word in sentence and not word.startswith("-")]
    for word in extra:
        path = Path(word)
        if names(path):
            return f"A home is named with --home: --home {printable(word, 80)}."
        if (path / "log").is_dir():
            return f"A journal is named by its home: --home {path.parent} --journal {path.name}."
    return "A journal is named with --journal NAME, its home with --home DIR."
