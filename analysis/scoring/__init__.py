"""One definition of each score, how sure it is, and how it is smoothed."""
