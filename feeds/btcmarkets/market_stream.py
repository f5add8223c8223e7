"""One market's stream: its arrivals, its connection, and what may be missing."""

from collections.abc import Sequence

from eventlog.gaps import missed
from eventlog.records import Gap, Input, Tick, Trade
from feeds.btcmarkets.crosscheck import CrossCheck
from feeds.btcmarkets.link import Link
from feeds.deduplicator import TradeDeduplicator
from feeds.inbox import Inbox
from feeds.state import MarketState


class MarketStream:
    """One market's arrivals, its known trades, and the connection that it comes from."""

    def __init__(self, inbox: Inbox, deduplicator: TradeDeduplicator) -> None:
        self.inbox = inbox
        self.deduplicator = deduplicator
        self.source: Link | None = None
        self.why = "nothing was heard yet"
        self.is_doubted = False
        """Whether its stream was found dead, and only snapshots have come since."""
        self.last_record_s: float | None = None
        self.last_received_ns: int | None = None
        self.last_exchange_ns: int | None = None
        self.check: CrossCheck | None = None
        self._missing_since: tuple[int, str] | None = None
        self._gaps = 0
        self._backfilled = 0

    def state(self, *, status: str | None = None) -> MarketState:
        """Return the state of the market; ``status`` is the exchange's."""
        return MarketState(
            streaming=self.source is not None and not self.why,
            why=self.why,
            last_record_s=self.last_record_s,
            queued=len(self.inbox),
            gaps=self._gaps,
            backfilled=self._backfilled,
            repeated=self.deduplicator.repeated,
            hole=self.deduplicator.behind is not None,
            status=status,
        )

    def note(self, record: Input, *, heard_s: float) -> None:
        """Register a record of the stream, before it is used."""
        self.last_record_s, self.last_received_ns = heard_s, record.received_ns
        if isinstance(record, Tick):
            self.last_exchange_ns = record.exchange_ns

    def lose(self, why: str, *, heard_ns: int | None) -> None:
        """Register a loss: records may be missed from now on; ``heard_ns`` is of the last frame."""
        self.why, self.is_doubted = why, False
        if self.source is None:
            return
        self.source = None
        self.deduplicator.lose()
        if heard_ns is not None and self._missing_since is None:
            self._missing_since = (heard_ns, why)

    def missed(self, to_ns: int) -> list[Input]:
        """Return the gap since something was lost, once."""
        if self._missing_since is None:
            return []
        from_ns, why = self._missing_since
        self._missing_since = None
        return [self._counted(missed(at_ns=to_ns, from_ns=from_ns, to_ns=to_ns, why=why))]

    def unfilled(self, at_ns: int, *, began_ns: int) -> list[Input]:
        """Return a gap for a hole that stays open: trades may be missing that were not found."""
        if self.deduplicator.behind is None:
            return []
        since = (
            f"trades after {self.deduplicator.behind}"
            if self.deduplicator.behind >= 0
            else "trades"
        )
        why = f"{since} were not compared with REST"
        return [self._gap(at_ns, min(self.deduplicator.sure_ns or began_ns, at_ns), at_ns, why)]

    def interrupt(self, *, at_ns: int, from_ns: int, to_ns: int, why: str) -> None:
        """Record a gap while the stream itself continues."""
        self.inbox.put([self._gap(at_ns, from_ns, to_ns, why)])

    def doubt(self, why: str) -> None:
        """Register the stream as dead since its last record, though the connection is alive."""
        self.lose(why, heard_ns=self.last_received_ns)
        self.is_doubted = True

    def fill(self, fetched: Sequence[Input]) -> None:
        """Take fetched records, of which the stream may have brought some meanwhile."""
        kept = [
            record
            for record in fetched
            if not isinstance(record, Trade) or self.deduplicator.add(record.trade_id)
        ]
        self._backfilled += sum(isinstance(record, Trade) for record in kept)
        self.inbox.put(kept)

    def _gap(self, at_ns: int, from_ns: int, to_ns: int, why: str) -> Gap:
        return self._counted(Gap(received_ns=at_ns, from_ns=from_ns, to_ns=to_ns, why=why))

    def _counted(self, gap: Gap) -> Gap:
        self._gaps += 1
        return gap
