"""The watermark: two slots, the newer one counts, and damage to either is said."""

from pathlib import Path

import pytest
from crc32c import crc32c

from eventlog import watermark
from eventlog.watermark import Slots, Watermark, WatermarkFile
from tests.support.simfs import SimFS

HERE = Path("/")
FIRST = Watermark(b"i" * 16, 7, 4, 128, bytes(range(32)), 3, counter=10)


def file_of(*watermarks: Watermark) -> bytes:
    """Return a watermark file with these slots."""
    return b"".join(watermark.to_bytes(one).ljust(4096, b"\0") for one in watermarks)


def test_the_slot_with_the_higher_counter_counts() -> None:
    """Both orders of the slots say the same."""
    second = FIRST._replace(end=8, counter=11)

    assert watermark.from_bytes(file_of(FIRST, second)) == Slots(second, 1, ())
    assert watermark.from_bytes(file_of(second, FIRST)) == Slots(second, 0, ())


@pytest.mark.parametrize("slot", [0, 1])
def test_a_damaged_slot_leaves_the_other_and_is_said(slot: int) -> None:
    """Any flipped bit of a slot is named; the other slot still speaks."""
    data = file_of(FIRST, FIRST._replace(counter=11))
    for bit in range(slot * 4096 * 8, (slot * 4096 + 96) * 8):
        hurt = bytearray(data)
        hurt[bit // 8] ^= 1 << bit % 8
        found = watermark.from_bytes(bytes(hurt))
        assert found.newest is not None
        assert found.newest.counter == 11 - slot
        assert found.damage == (f"the checksum of slot {slot} is wrong",)


def test_other_bytes_of_the_file_are_watched_too() -> None:
    """A bit between the slots, a byte less and a byte more are found."""
    data = file_of(FIRST, FIRST._replace(counter=11))

    assert watermark.from_bytes(data[:200] + b"\1" + data[201:]).damage
    assert watermark.from_bytes(data[:-1]).damage
    assert watermark.from_bytes(data + b"\0").damage
    assert watermark.from_bytes(b"").newest is None


def test_a_slot_of_another_version_is_not_guessed_at() -> None:
    """A slot under a right checksum with another magic or version does not count."""
    other = watermark.to_bytes(FIRST).replace(watermark.MAGIC, b"EVM2")[:-4]
    data = (other + crc32c(other).to_bytes(4, "little")).ljust(4096, b"\0")

    found = watermark.from_bytes(data + file_of(FIRST))

    assert found.newest == FIRST
    assert found.damage == ("slot 0 is of another version",)


def test_a_missing_file_is_damage() -> None:
    """No file, no watermark, and a reason."""
    assert watermark.read(SimFS(), HERE) == Slots(None, 0, ("the watermark file is missing",))


def test_a_note_survives_the_process_and_a_sync_the_power() -> None:
    """What was noted is read at once; what was synced is read after a power cut."""
    fs = SimFS()
    file = held(fs)
    file.write(FIRST._replace(end=8))
    assert ends(fs) == 8
    assert ends(fs.after_power_cut(lambda pending: [])) == 7

    file.sync()
    file.write(FIRST._replace(end=9))

    assert ends(fs) == 9
    assert ends(fs.after_power_cut(lambda pending: [])) == 8
    file.close()


def test_a_slot_in_flight_never_endangers_the_synced_one() -> None:
    """Whatever becomes of unsynced notes, also garbage, the last synced one is still there."""
    fs = SimFS()
    file = held(fs)
    for end in range(8, 14):
        file.write(FIRST._replace(end=end))
        file.write(FIRST._replace(end=end + 100))
        file.sync()
        file.write(FIRST._replace(end=end + 200))
        after = fs.after_power_cut(lambda pending: [])
        garbage = after.names[HERE / watermark.NAME].current
        slot = watermark.read(fs, HERE).slot
        garbage[slot * 4096 : slot * 4096 + 512] = b"\xaa" * 512
        assert ends(after) == end + 100


def held(fs: SimFS) -> WatermarkFile:
    """Return the watermark in the hands of a writer."""
    watermark.create(fs, HERE, FIRST)
    found, file = watermark.read(fs, HERE), WatermarkFile.claim(fs, HERE)
    assert file is not None
    file.begin(FIRST, found)
    return file


@pytest.mark.parametrize("hurt", [0, 50, 4096, 5000])
def test_a_damaged_file_is_written_anew(hurt: int) -> None:
    """Whatever was wrong was judged before: from the opening on both slots check."""
    fs = SimFS()
    watermark.create(fs, HERE, FIRST)
    fs.names[HERE / watermark.NAME].current[hurt] ^= 1
    found, file = watermark.read(fs, HERE), WatermarkFile.claim(fs, HERE)
    assert file is not None
    assert found.damage

    file.begin(FIRST._replace(end=9), found)

    assert not watermark.read(fs, HERE).damage
    assert ends(fs) == 9
    file.write(FIRST._replace(end=10))
    assert ends(fs) == 10
    assert file.is_named()


def test_who_claims_last_is_the_writer() -> None:
    """A claim changes nothing of what the file says, and the one before sees that it was made."""
    fs = SimFS()
    first = held(fs)
    before = fs.read(HERE / watermark.NAME, 0, 1 << 20)
    assert first.is_named()

    second = WatermarkFile.claim(fs, HERE)

    assert second is not None
    assert second.is_named()
    assert not first.is_named()
    first.write(FIRST._replace(end=99))
    assert fs.read(HERE / watermark.NAME, 0, 1 << 20) == before


def test_nothing_is_claimed_where_there_is_no_mark() -> None:
    """That is for recovery to judge."""
    assert WatermarkFile.claim(SimFS(), HERE) is None


def ends(fs: SimFS) -> int:
    """Return what the newest watermark says."""
    newest = watermark.read(fs, HERE).newest
    assert newest is not None
    return newest.end
