"""An exchange on loopback that sends bytes, not frames: whatever a test wants to be sent."""

import base64
import hashlib
import itertools
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

PATIENCE_S = 20.0
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Peer:
    """One connection of a client: its request, and what is sent to it."""

    def __init__(self, number: int, connection: socket.socket, ending: threading.Event) -> None:
        self.number = number
        self.ending = ending
        self._connection = connection
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(65_536)
            if not part:
                raise ConnectionError("the client left")
            head += part
        lines = head.decode("latin-1").split("\r\n")
        self.target = lines[0].split(" ")[1]
        pairs = (line.partition(":") for line in lines[1:] if line)
        self.headers = {name.strip().lower(): value.strip() for name, _, value in pairs}

    @property
    def is_websocket(self) -> bool:
        return self.headers.get("upgrade", "").lower() == "websocket"

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def accept(self, *, headers: bytes = b"") -> None:
        """Answer the handshake as it should be."""
        key = self.headers["sec-websocket-key"] + _GUID
        accepted = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send(SWITCHING + headers + b"Sec-WebSocket-Accept: " + accepted.encode() + b"\r\n\r\n")

    def say(self, message: object) -> None:
        self.send(frame(json.dumps(message).encode()))

    def reply(self, body: bytes, *, status: str = "200 OK", headers: bytes = b"") -> None:
        """Answer a call to REST."""
        length = f"Content-Length: {len(body)}\r\nConnection: close\r\n".encode()
        self.send(f"HTTP/1.1 {status}\r\n".encode() + length + headers + b"\r\n" + body)

    def asked(self, word: bytes, *, within_s: float) -> bool:
        """Return whether a request with this word comes within a time; frames are masked."""
        self._connection.settimeout(within_s)
        try:
            data = self._connection.recv(65_536)
        except TimeoutError:
            return False
        finally:
            self._connection.settimeout(PATIENCE_S)
        if not data:
            raise ConnectionError("the client left")
        return any(word in _unmasked(data[at:]) for at in range(len(data)) if data[at] == 0x81)

    def wait(self) -> None:
        """Wait until the client leaves, or the test does."""
        self._connection.settimeout(0.05)
        while not self.ending.is_set():
            with suppress(TimeoutError):
                if not self._connection.recv(65_536):
                    return


def _unmasked(data: bytes) -> bytes:
    """Return the text of a client's frame, however short."""
    at = {126: 4, 127: 10}.get(data[1] & 0x7F if len(data) > 1 else 0, 2)
    mask, text = data[at : at + 4], data[at + 4 :]
    return bytes(each ^ mask[place % 4] for place, each in enumerate(text)) if mask else b""


def frame(data: bytes, *, opcode: int = 1, first: int = 0x80) -> bytes:
    """Return a frame; ``first`` has the flags: 0x80 is the last one, 0x40 a compressed one."""
    size = len(data)
    if size < 126:
        return struct.pack("!BB", first | opcode, size) + data
    if size < 1 << 16:
        return struct.pack("!BBH", first | opcode, 126, size) + data
    return struct.pack("!BBQ", first | opcode, 127, size) + data


@contextmanager
def hostile(talk: Callable[[Peer], object]) -> Iterator[str]:
    """Serve a function that is given each connection; yield the URL of the websocket."""
    ending = threading.Event()
    threads: list[threading.Thread] = []

    def carry(number: int, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(PATIENCE_S)
            talk(Peer(number, connection, ending))

    def accept() -> None:
        for number in range(10_000):
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=carry, args=(number, connection)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield f"ws://127.0.0.1:{server.getsockname()[1]}/v2"
        finally:
            ending.set()
            server.shutdown(socket.SHUT_RDWR)
            for thread in (accepting, *threads):
                thread.join(PATIENCE_S)


def endless(peer: Peer, blob: bytes) -> None:
    while not peer.ending.is_set():
        peer.send(blob)


SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def slow_handshake(peer: Peer) -> None:
    for byte in itertools.chain(SWITCHING, itertools.repeat(ord("x"))):
        if peer.ending.wait(0.02):
            return
        peer.send(bytes([byte]))


def _endless_handshake(peer: Peer) -> None:
    peer.send(SWITCHING)
    for number in itertools.count():
        peer.send(b"X-%d: %s\r\n" % (number, b"a" * 1_000))


def _endless_refusal(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 503 no\r\nTransfer-Encoding: chunked\r\n\r\n")
    endless(peer, b"10000\r\n" + b"a" * 65_536 + b"\r\n")


def _redirect(location: bytes, *, status: bytes = b"302 Found") -> Callable[[Peer], None]:
    def answer(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 " + status + b"\r\nLocation: " + location + b"\r\n")
        peer.send(b"Content-Length: 0\r\n\r\n")

    return answer


DOORS: dict[str, Callable[[Peer], object]] = {
    "redirect to no name": _redirect(b"ws://a..b/"),
    "redirect to a file": _redirect(b"file:///etc/passwd"),
    "redirect to nothing": _redirect(b""),
    "redirect elsewhere": _redirect(b"ws://127.0.0.1:9/v2", status=b"308 Permanent"),
    "redirect of bytes": _redirect(b"\xff\xfe\xe9://[::1"),
    "redirect to a port": _redirect(b"ws://127.0.0.1:99999999/"),
    "header of bytes": lambda peer: peer.send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: \xff\xfe\r\nConnection: Upgrade\r\n\r\n"
    ),
    "reason of bytes": lambda peer: peer.send(b"HTTP/1.1 101 \xff\xfe\x1b[31m\r\n\r\n"),
    "no HTTP": lambda peer: peer.send(b"\x15\x03\x01\x00\x02\x02\x28"),
    "status of letters": lambda peer: peer.send(b"HTTP/1.1 abc d\r\n\r\n"),
    "length of letters": lambda peer: peer.send(b"HTTP/1.1 200 x\r\nContent-Length: x\r\n\r\n"),
    "length below zero": lambda peer: peer.send(b"HTTP/1.1 200 x\r\nContent-Length: -5\r\n\r\n"),
    "length without end": lambda peer: peer.send(
        b"HTTP/1.1 200 x\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n"
    ),
    "extension not offered": lambda peer: peer.send(
        SWITCHING + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    ),
    "nothing": lambda peer: None,
    "slow": slow_handshake,
    "endless headers": _endless_handshake,
    "endless body": _endless_refusal,
}
"""Answers to a handshake that are none."""
