"""What numba compiles; nothing here is imported once that is done."""
