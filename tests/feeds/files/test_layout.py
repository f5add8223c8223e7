"""What the columns of a table are called."""

from feeds.files.layout import COLUMNS, Layout


def test_a_column_has_its_own_name_unless_it_is_called_otherwise() -> None:
    """Only what is named otherwise is looked for under that name."""
    layout = Layout({"at": "ts", "bid": "b"})

    found = {column: layout.name(column) for column in COLUMNS}

    assert found == {**dict(zip(COLUMNS, COLUMNS, strict=True)), "at": "ts", "bid": "b"}
    assert layout.time_unit is None
