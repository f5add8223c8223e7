"""Whatever bytes a file has, it is read or refused with a sentence that names it."""

import gzip
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
import zstandard

from feeds.errors import TableUnreadable
from feeds.files.layout import Layout
from feeds.files.survey import begun, completed

AT_S = 1_700_000_000
MUTANTS = 60


def sources(directory: Path) -> dict[str, bytes]:
    count = 1_000
    table = pa.table(
        {
            "at": [AT_S + row for row in range(count)],
            "bid": [1.5 + row % 7 for row in range(count)],
            "ask": [str(2.5 + row % 7) for row in range(count)],
            "side": ["buy" if row % 2 else "sell" for row in range(count)],
        }
    )
    made = {}
    packings: dict[str, dict[str, Any]] = {
        "plain.parquet": {"row_group_size": 300},
        "sums.parquet": {"compression": "zstd", "write_page_checksum": True},
    }
    for name, choices in packings.items():
        pyarrow.parquet.write_table(table, directory / name, **choices)
        made[name] = (directory / name).read_bytes()
    rows = b"at,bid,ask\n" + b"".join(b"%d,1.5,2.5\n" % (AT_S + row) for row in range(count))
    frame = (
        b'{"at":%d,"frame":{"marketId":"A-B","timestamp":"2023-11-14T22:13:29.000Z","tradeId":%d,'
        b'"price":"1","volume":"1","messageType":"trade","side":"Bid"}}\n'
    )
    frames = b"".join(frame % (AT_S + row, row) for row in range(100))
    return {
        **made,
        "x.csv": rows,
        "x.csv.gz": gzip.compress(rows),
        "x.csv.zst": zstandard.compress(rows),
        "x.jsonl": frames,
        "x.jsonl.zst": zstandard.compress(frames),
    }


def mutant(content: bytes, draws: random.Random) -> bytes:
    """Return what a disk, a copy or a person may make of bytes."""
    made = bytearray(content)
    for _ in range(draws.choice((1, 1, 3, 20))):
        place, kind = draws.randrange(len(made)), draws.random()
        if kind < 0.6:
            made[place] ^= 1 << draws.randrange(8)
        elif kind < 0.7:
            del made[place + 1 :]
        elif kind < 0.8:
            del made[place : place + draws.randrange(1, 50)]
            made = made or bytearray(b"a")
        else:
            made[place:place] = draws.randbytes(draws.randrange(1, 40))
    return bytes(made)


@pytest.mark.parametrize("seed", range(4))
def test_damage_is_a_refusal_or_a_record(tmp_path: Path, seed: int) -> None:
    draws = random.Random(seed)
    known = sources(tmp_path)
    read = refused = 0
    for _ in range(MUTANTS):
        name = draws.choice(sorted(known))
        path = tmp_path / name
        path.write_bytes(mutant(known[name], draws))
        try:
            found = completed(begun(path, "A-B", Layout()))
        except TableUnreadable as error:
            refused += str(path) in str(error)
        else:
            read += 1
            assert found.rows == found.records + sum(found.left_out.values())
            assert found.records == found.understood + sum(found.refused.values())
    assert read + refused == MUTANTS, "a refusal names the file"
    assert min(read, refused) > 0
