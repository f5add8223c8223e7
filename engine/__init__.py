"""The present: a deterministic function of the past.

`loop.run` carries an `engine.Engine` over a source of records; `step.step` is what happens at one
tick. Nothing here knows a clock, a socket, a file or the environment (but `arithmetic`, which sets
TensorFlow up, and `checkpoint`, which writes states where it is told), and nothing here knows
whether the records come from an exchange or from a log.
"""
