"""BTC Markets, WebSocket v2 and REST v3: the protocol sans I/O, and the connection."""
