"""The subscriptions of one socket on the exchange's side, sans I/O: a message in, answers out.

``subscribe`` replaces everything, ``addSubscription`` adds, ``removeSubscription`` removes (and
with no market, the whole channel). There are no acknowledgements: a book answers with its snapshot,
even if it was subscribed already. A message with any error is refused as a whole, by an ``error``
frame that does not identify the error, and earlier subscriptions stay (wiki, "WebSocket v2", and a
live probe of 2026-09).
"""

import json
from collections.abc import Collection
from dataclasses import dataclass

CHANNELS = ("tick", "trade", "orderbook", "orderbookUpdate", "heartbeat")

_TYPES = ("subscribe", "addSubscription", "removeSubscription")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a message: an ``error`` frame, snapshots of these markets, or nothing."""

    error: str | None = None
    snapshots: tuple[str, ...] = ()


class Subscriptions:
    """The channels of one socket, each with its markets, out of all ``markets``."""

    def __init__(self, markets: Collection[str]) -> None:
        self._known = frozenset(markets)
        self._channels: dict[str, frozenset[str]] = {}

    def receive(self, text: str | bytes) -> Answer:
        """Take one message of the client and return what to answer."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return _error("Unable to parse JSON, please validate the format.")
        if not isinstance(message, dict) or message.get("messageType") not in _TYPES:
            return _error("invalid message type")
        channels = message.get("channels")
        if (
            not isinstance(channels, list)
            or not channels
            or any(c not in CHANNELS for c in channels)
        ):
            return _error("invalid channel names")
        kind, markets = message["messageType"], message.get("marketIds") or []
        if not isinstance(markets, list) or not all(
            isinstance(market, str) and market in self._known for market in markets
        ):
            return _error("invalid marketIds")
        if kind == "removeSubscription":
            self._remove(channels, markets)
            return Answer()
        if not markets and channels != ["heartbeat"]:
            return _error("invalid marketIds")
        if kind == "subscribe":
            self._channels.clear()
        for channel in channels:
            before = self._channels.get(channel, frozenset())
            self._channels[channel] = before.union(markets if channel != "heartbeat" else ())
        return Answer(snapshots=tuple(markets) if "orderbookUpdate" in channels else ())

    def _remove(self, channels: list[str], markets: list[str]) -> None:
        for channel in channels:
            left = self._channels.pop(channel, frozenset()).difference(markets)
            if markets and left:
                self._channels[channel] = left

    def forget(self, market: str) -> None:
        """Drop a market from every channel, as if it had never been subscribed."""
        self._channels = {
            channel: markets - {market} for channel, markets in self._channels.items()
        }

    def wants(self, channel: str, market: str) -> bool:
        """Return whether a market's frames of this channel go to this socket."""
        return market in self._channels.get(channel, ())

    @property
    def has_market(self) -> bool:
        """Whether anything of any market goes to this socket."""
        return any(self._channels.values())

    def heartbeat(self) -> str | None:
        """Return the heartbeat frame, which lists the subscriptions; ``None`` if not wanted."""
        if "heartbeat" not in self._channels:
            return None
        rows: list[dict[str, object]] = []
        for channel, markets in sorted(self._channels.items()):
            rows.append(
                {"name": channel, "marketIds": sorted(markets)} if markets else {"name": channel}
            )
        return json.dumps({"messageType": "heartbeat", "channels": rows}, separators=(",", ":"))


def _error(message: str) -> Answer:
    return Answer(error=json.dumps({"messageType": "error", "code": 3, "message": message}))
