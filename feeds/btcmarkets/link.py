"""One connection of several that there may be at a time: while it is replaced, both are heard."""

import asyncio

from websockets.asyncio.client import ClientConnection

from feeds.btcmarkets.dialogue import Dialogue


class Link:
    """One connection, from its handshake to its end."""

    def __init__(self, number: int, dialogue: Dialogue) -> None:
        self.number = number
        self.dialogue = dialogue
        self.task: asyncio.Task[None]
        self.socket: ClientConnection | None = None
        self.heard_s = 0.0
        self.is_full = False
        self.read_since_s = float("-inf")
        """Since when it is read without a pause."""
        self.connected = False
        self.refused_once = False
        self.doubts = 0
        """How often one of its streams was found dead."""
        self.told = asyncio.Event()  # the dialogue may have something to ask
        self.took_over = asyncio.Event()  # every market that can be is this one's

    async def end(self) -> None:
        """End it, whatever it is doing, and wait until it has."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
