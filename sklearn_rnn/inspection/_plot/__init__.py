"""One display a file."""
