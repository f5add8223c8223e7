"""The commands, a file each: arguments in, one call, text and exit codes out."""
