"""One market's life over all sessions: open, restore, record, replay, verify, repair."""
