"""A websocket of bounded appetite, over real sockets."""

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.sync.server import ServerConnection

from feeds.bounds import FRAMES_BETWEEN_MAX, BoundedConnection, bounded
from tests.support.loopback import Script


def said(url: str, messages: int) -> tuple[list[str], str]:
    """Return what was received on a connection, and why it was given up."""

    async def hear() -> tuple[list[str], str]:
        heard: list[str] = []
        async with bounded(url, compression=None, ping_interval=None) as socket:
            assert isinstance(socket, BoundedConnection)
            try:
                while len(heard) < messages:
                    heard.append(str(await asyncio.wait_for(socket.recv(), 20.0)))
            except ConnectionClosed:
                pass
            return heard, socket.why

    return asyncio.run(hear())


def send_pings(connection: ServerConnection, count: int) -> None:
    """Send pings without waiting for their answers."""
    ping = Frame(Opcode.PING, b"").serialize(mask=False, extensions=[])
    connection.socket.sendall(ping * count)


@pytest.mark.parametrize(
    ("count", "why"), [(FRAMES_BETWEEN_MAX, ""), (FRAMES_BETWEEN_MAX + 1, "x")]
)
def test_frames_between_two_messages_are_counted(
    count: int, why: str, serve_script: Script
) -> None:
    """As many as are allowed, each time anew; one more ends the connection."""

    def talk(connection: ServerConnection) -> None:
        for number in range(2):
            send_pings(connection, count)
            connection.send(f"{number}")
        connection.recv()

    heard, given_up = said(serve_script(talk), 2)

    assert heard == ([] if why else ["0", "1"])
    assert bool(given_up) == bool(why)
    assert not why or f"more than {FRAMES_BETWEEN_MAX} control frames" in given_up


def test_no_answer_leads_elsewhere() -> None:
    """A redirect is a refusal, whatever it names."""

    async def served() -> list[str]:
        targets: list[str] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            targets.append((await reader.readuntil(b"\r\n\r\n")).decode().split(" ")[1])
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(WebSocketException):
                await bounded(f"ws://127.0.0.1:{port}/here")
        return targets

    assert asyncio.run(served()) == ["/here"]
