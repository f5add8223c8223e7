"""`trader config`: what holds, and which of the places chose it."""

from cli import options
from eventlog.printable import printable
from journal import console


def config(
    set_: options.Set = None,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Show every setting's value, where it comes from, its range and what it means.

    With --journal NAME, also what that journal keeps for ever, where it is another value.
    """
    from eventlog.reader import Reader
    from journal import layout
    from journal.asked.settings import DEFAULT, KNOWN, choices
    from journal.header import rules_of

    chosen = choices(home, set_)
    kept: dict[str, object] = {}
    if name is not None:
        place = layout.find(home, name)
        kept = rules_of(Reader.open(place.log), place).values
    rows = []
    for setting in KNOWN:
        choice = chosen.get(setting.key)
        value = setting.default if choice is None else choice.value
        in_journal = kept.get(setting.name) if setting.section == "engine" else None
        rows.append(
            {
                "key": setting.key,
                "value": value,
                "origin": DEFAULT if choice is None else choice.origin,
                "default": setting.default,
                "low": setting.low,
                "high": setting.high,
                "text": setting.text,
                **({"journal": in_journal} if kept else {}),
            }
        )
    if as_json:
        for row in rows:
            console.put({"message_type": "setting", **row})
        summary = {"settings": len(rows), "chosen": sorted(chosen)}
        console.put({"message_type": "summary", **summary})
        return
    section = ""
    for row in rows:
        if (here := str(row["key"]).partition(".")[0]) != section:
            section = here
            console.echo(f"[{section}]")
        left = f"{str(row['key']).partition('.')[2]} = {printable(str(row['value']))}"
        console.echo(f"  {left:38} {printable(str(row['origin']))}")
        if row.get("journal") not in (None, row["value"]):
            console.echo(f"    the journal {name} keeps {row['journal']}, for ever")
