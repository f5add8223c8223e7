"""The engine: a deterministic function from records to decisions.

`loop.run` carries an `engine.Engine` over a source of records; `step.step` processes one tick.
Nothing here reads a clock, a socket, a file or the environment, with two exceptions: `arithmetic`
sets the variables that TensorFlow reads when it loads, and `checkpoint` writes states to the
directory it is given. Nothing here knows whether the records come from an exchange or from a log.
"""
