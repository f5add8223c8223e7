"""Who runs the compiled step: TensorFlow, or the machine code that XLA made of it, alone."""
