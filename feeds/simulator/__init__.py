"""A simulator of BTC Markets: the same protocol over a real socket, from a known market.

A *source* (a synthetic market, or a recording) determines what is sent and when in market time, the
*subscriptions* to whom, the *faults* what goes wrong on the way; the *server* owns the sockets and
the pace.
"""
