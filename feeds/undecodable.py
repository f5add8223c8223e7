"""The record of a frame that cannot be decoded: its bytes up to a bound, and the reason."""

from hashlib import sha256

from eventlog.records import Undecodable
from feeds.loss import reason_text

RAW_BYTES_KEPT_MAX = 64 * 1024
"""Bytes of an undecodable frame that are recorded. Of a longer one the reason also gives the length
and the digest."""


def undecodable(frame: str | bytes, received_ns: int, why: str) -> Undecodable:
    """Return the record of a frame that cannot be decoded, with ``why`` as the reason."""
    # A text may have lone surrogates, which UTF-8 cannot encode: they are recorded unchanged.
    raw = frame if isinstance(frame, bytes) else frame.encode("utf-8", "surrogatepass")
    why = reason_text(why)
    if len(raw) > RAW_BYTES_KEPT_MAX:
        kept = f"the first {RAW_BYTES_KEPT_MAX} of {len(raw)} bytes are kept"
        why = f"{why} ({kept}; SHA-256 of all {sha256(raw).hexdigest()})"
    return Undecodable(received_ns=received_ns, raw=raw[:RAW_BYTES_KEPT_MAX], why=why)
