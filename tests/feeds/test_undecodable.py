"""What is kept of a frame that says nothing."""

from hashlib import sha256

from feeds.undecodable import RAW_BYTES_KEPT_MAX, undecodable


def test_the_beginning_is_kept_and_the_rest_is_named() -> None:
    """By how much there was and by its digest, so that the frame can be known again."""
    raw = b"x" * (RAW_BYTES_KEPT_MAX + 1)

    record = undecodable(raw, 7, "no JSON")

    assert (record.received_ns, record.raw) == (7, raw[:RAW_BYTES_KEPT_MAX])
    assert record.why.startswith(f"no JSON (the first {RAW_BYTES_KEPT_MAX} of {len(raw)} bytes")
    assert sha256(raw).hexdigest() in record.why


def test_a_text_without_utf8_is_kept_as_what_it_is() -> None:
    assert undecodable("\ud800", 0, "").raw == b"\xed\xa0\x80"
