"""What doctests need: without numba, the kernels cannot be imported."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("numba") else ["sklearn_rnn/_kernels"]
