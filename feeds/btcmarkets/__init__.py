"""BTC Markets, WebSocket v2: the protocol sans I/O, and the connection that carries it."""
