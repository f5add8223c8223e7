"""The record of a frame that says nothing: what of it is kept, and why it was not understood."""

from hashlib import sha256

from eventlog.records import Undecodable
from feeds.loss import told

RAW_BYTES_KEPT_MAX = 64 * 1024
"""How much of an undecodable frame is kept; where more was sent, the reason says how much, and
its digest."""


def undecodable(frame: str | bytes, received_ns: int, why: str) -> Undecodable:
    """Return the record of a frame that says nothing: its beginning, and how much there was."""
    # A text can hold lone surrogates, which have no UTF-8: they are kept as what they are.
    raw = frame if isinstance(frame, bytes) else frame.encode("utf-8", "surrogatepass")
    why = told(why)
    if len(raw) > RAW_BYTES_KEPT_MAX:
        kept = f"the first {RAW_BYTES_KEPT_MAX} of {len(raw)} bytes are kept"
        why = f"{why} ({kept}; SHA-256 of all {sha256(raw).hexdigest()})"
    return Undecodable(received_ns=received_ns, raw=raw[:RAW_BYTES_KEPT_MAX], why=why)
