"""The account of the faults that were injected, and the table that says what became of them."""

from collections import Counter

DETECTED, HARMLESS, SILENT, LOST = "detected", "harmless", "silent", "lost"
OUTCOMES = (DETECTED, HARMLESS, SILENT)

Tally = Counter[tuple[str, str]]
"""(Kind of fault, what became of it) → how many; under `LOST`, how many acknowledged records.

*Detected*: a check reported it, or a writer or reader refused, with file and cause. *Harmless*:
everything acknowledged is there, in order, once, and nothing else. *Silent*: neither.
"""


def table(tally: Tally, about: str) -> str:
    """Return the account as a table in Markdown: a line a kind of fault; then what made it."""
    lines = [
        "| fault | injected | detected | harmless | silent | acknowledged records lost |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    kinds = sorted({kind for kind, _ in tally})
    accounts = {kind: [tally[kind, each] for each in (*OUTCOMES, LOST)] for kind in kinds}
    accounts["**all**"] = [sum(column) for column in zip(*accounts.values(), strict=True)]
    for kind, counts in accounts.items():
        numbers = [sum(counts[: len(OUTCOMES)]), *counts]
        lines.append(f"| {kind} | {' | '.join(f'{number:,}' for number in numbers)} |")
    return "\n".join([*lines, "", about, ""])
