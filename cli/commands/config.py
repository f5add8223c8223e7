"""`trader config`: the settings in force, and where each one comes from."""

from collections.abc import Iterator

from cli import options
from cli.answer import answer
from journal.summaries import KeptSettingSaid, SettingSaid


def config(
    set_: options.Set = None,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Show every setting: its value, where the value comes from, its range and its meaning.

    With --journal NAME, also the values that this journal keeps for ever, where they differ.
    """
    from journal.asked.configuration import configuration

    found = configuration(home, set_, name)
    section = ""
    for setting in found.settings:
        answer(setting, _lines(setting, section, name), as_json=as_json)
        section = _section(setting)
    answer(found.summary, as_json=as_json)


def _lines(setting: SettingSaid, section: str, name: str | None) -> Iterator[str]:
    """Yield a setting as text, after the head of its section if it is the first one there."""
    if _section(setting) != section:
        yield f"[{_section(setting)}]"
    left = f"{setting.key.partition('.')[2]} = {setting.value}"
    yield f"  {left:38} {setting.origin}"
    kept = setting.journal if isinstance(setting, KeptSettingSaid) else None
    if kept not in (None, setting.value):
        yield f"    the journal {name} keeps {kept}, for ever"


def _section(setting: SettingSaid) -> str:
    return setting.key.partition(".")[0]
