"""The second venue's client: a socket on a thread, replaced when it is lost."""

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Self

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from eventlog.gaps import missed
from eventlog.records import Input, Trade, Undecodable
from feeds.clock import monotonic_s, now_ns
from feeds.deduplicator import TradeDeduplicator
from feeds.errors import ExchangeUnreachable, FeedFailed, UnknownMarket
from feeds.inbox import Inbox
from feeds.options import FeedOptions
from feeds.state import FeedState, MarketState
from feeds.venue import Decoded

TAKE_RECORDS_MAX = 1_024
_LOOK_S = 0.02


class SecondFeed:
    """Records of some markets, from entering the context until `stop`."""

    def __init__(
        self,
        url: str,
        markets: Sequence[str],
        decode: Callable[[str | bytes, int], Decoded | None],
        deduplicators: dict[str, TradeDeduplicator],
        options: FeedOptions,
    ) -> None:
        self._url, self._markets, self._decode = url, tuple(markets), decode
        self._options = options
        self._trades = {each: deduplicators.get(each) or TradeDeduplicator() for each in markets}
        self._room, self._stopping = threading.Event(), threading.Event()
        self._inboxes = {
            each: Inbox(
                records_max=options.queue_records_max,
                bytes_max=options.queue_bytes_max,
                on_room=self._room.set,
            )
            for each in markets
        }
        self._lost_ns: dict[str, int] = {}
        self._heard_ns: int | None = None
        self._heard_s: dict[str, float] = {}
        self._gaps = dict.fromkeys(markets, 0)
        self._connected, self._connections, self._frames, self._undecodable = False, 0, 0, 0
        self._why = "nothing was heard yet"
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._opened.result(self._options.connect_timeout_s)
        except TimeoutError:
            self._leave()
            timeout_s = self._options.connect_timeout_s
            raise ExchangeUnreachable(url=self._url, timeout_s=timeout_s, why=self._why) from None
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        self.stop()
        self._thread.join()

    def take(self, timeout_s: float, market: str | None = None) -> list[Input]:
        return self._inbox(market).take(timeout_s, most=TAKE_RECORDS_MAX)

    def finished(self, market: str | None = None) -> bool:
        return self._inbox(market).finished

    def resync(self, market: str | None = None) -> None:
        """Do nothing: there is no book that could be asked for."""

    def leave(self, market: str) -> None:
        self._inboxes[market].discard()

    def stop(self) -> None:
        self._stopping.set()
        self._room.set()

    @property
    def state(self) -> FeedState:
        markets = {each: self._market_state(each) for each in self._markets}
        return FeedState(
            connected=self._connected,
            connections=self._connections,
            rotations=0,
            frames=self._frames,
            undecodable=self._undecodable,
            queued=sum(each.queued for each in markets.values()),
            last_frame_s=max(self._heard_s.values(), default=None),
            why=self._why,
            loop_lag_s=0.0,
            skew_s=None,
            rest_failures=0,
            cross_checks=0,
            markets=markets,
        )

    def _market_state(self, market: str) -> MarketState:
        return MarketState(
            streaming=self._connected and market in self._heard_s and market not in self._lost_ns,
            why=self._why,
            last_record_s=self._heard_s.get(market),
            queued=len(self._inboxes[market]),
            gaps=self._gaps[market],
            backfilled=0,
            repeated=self._trades[market].repeated,
            hole=False,
        )

    def _inbox(self, market: str | None) -> Inbox:
        return self._inboxes[self._markets[0] if market is None else market]

    def _run(self) -> None:
        failure: Exception | None = None
        try:
            while not self._stopping.is_set():
                with suppress(TimeoutError):
                    self._converse_once()
                self._stopping.wait(self._options.backoff_first_s)
        except UnknownMarket as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller must get it
            failure = FeedFailed(url=self._url, why=repr(error))
        if failure is not None and not self._opened.done():
            self._opened.set_exception(failure)
            failure = None
        for market in self._markets:
            self._inboxes[market].put(self._missed(market, now_ns()))
            self._inboxes[market].close(failure)

    def _converse_once(self) -> None:
        try:
            with connect(self._url, compression=None, max_size=1 << 16) as socket:
                for market in self._markets:
                    socket.send(market)
                self._read(socket)
        except (OSError, WebSocketException) as error:
            self._why = f"{type(error).__name__}: {error}"
        finally:
            self._connected = False
            if self._heard_ns is not None and not self._stopping.is_set():
                for market in self._heard_s:
                    self._lost_ns.setdefault(market, self._heard_ns)

    def _read(self, socket: ClientConnection) -> None:
        heard_s = monotonic_s()
        while not self._stopping.is_set():
            try:
                frame = socket.recv(_LOOK_S)
            except TimeoutError:
                if monotonic_s() - heard_s > self._options.stale_after_s:
                    raise
                continue
            heard_s = monotonic_s()
            self._arrive(frame, heard_s)
            while any(each.is_full for each in self._inboxes.values()):
                self._room.clear()
                if self._stopping.is_set():
                    break
                self._room.wait(_LOOK_S)

    def _arrive(self, frame: str | bytes, heard_s: float) -> None:
        self._heard_ns = received_ns = now_ns()
        self._frames += 1
        decoded = self._decode(frame, received_ns)
        if decoded is None:
            self._answered(json.loads(frame))
            return
        market, record = decoded
        self._undecodable += isinstance(record, Undecodable)
        for name in self._markets if market is None else (market,):
            if isinstance(record, Undecodable):
                self._inboxes[name].put([record])
                continue
            arrivals = self._missed(name, received_ns)
            self._heard_s[name] = heard_s
            if not isinstance(record, Trade) or self._trades[name].add(record.trade_id):
                arrivals.append(record)
            self._inboxes[name].put(arrivals)

    def _answered(self, message: dict[str, str]) -> None:
        if message["k"] == "no":
            raise UnknownMarket(url=self._url, market=message["m"], code=None, message="no")
        if not self._connected:
            self._connected, self._why = True, ""
            self._connections += 1
        if not self._opened.done():
            self._opened.set_result(None)

    def _missed(self, market: str, to_ns: int) -> list[Input]:
        """Return the gap since the connection was lost, once."""
        from_ns = self._lost_ns.pop(market, None)
        if from_ns is None:
            return []
        self._gaps[market] += 1
        why = "the connection was lost"
        return [missed(at_ns=to_ns, from_ns=from_ns, to_ns=to_ns, why=why)]
