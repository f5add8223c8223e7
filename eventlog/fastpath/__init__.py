"""Arrow, where its general way costs too much; each with a benchmark of what it buys."""
