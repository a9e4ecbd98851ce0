"""Sources that numba compiles; they are not imported once that is done."""
