"""A stand-in for BTC Markets: the same protocol over a real socket, from a market we know.

A *source* (a synthetic market, or a recording) says what is sent and when in market time, the
*subscriptions* say to whom, *faults* say what goes wrong on the way, and the *server* owns the
sockets and the pace.
"""
