"""Constants that the kernels and their callers share: each is written once, here."""

import os

import llvmlite.binding as llvm

# the kernels count cells, losses and links by their positions
CELLS = "rnn_tanh", "rnn_relu", "gru", "lstm", "gru_reset_before"
LOSSES = (
    *("cross_entropy", "binary_cross_entropy", "squared_error", "absolute_error"),
    *("huber", "quantile", "poisson", "gaussian"),
)
LINKS = (
    *("standardize", "embed", "convolve", "recur", "pool", "flatten", "multiply"),
    *("convolve_randomly", "add_ngrams", "attend", "pool_aside", "append"),
    "read_columns",
)
N_SIZES = 8  # of a link, its kind included
N_WEIGHTS = 3  # pointers of a link, at most

# of functions of the machine code, which are compiled when one is first used
GROUPS = "network", "steps", "prediction", "crf", "vocabulary"
# groups whose functions a group calls by their symbols
LINKED = {"prediction": ("network",)}
SYMBOL = "sklearn_rnn_{}"

# of a function of the machine code whose calls are repeated
MOST_ARGUMENTS = 24

# rows that losses and linear layers take at a time: they stay in the cache
BLOCK = 64

# For debugging only. The width of vectors in floats: 4, 8 or 16.
_FORCED_WIDTH = os.environ.get("SKLEARN_RNN_VECTOR_WIDTH")
# "1": the source of the kernels runs as Python, some thousand times slower.
RUNS_AS_PYTHON = os.environ.get("SKLEARN_RNN_PYTHON_KERNELS") == "1"

# what an x86 processor must not use, if vectors are to be as narrow as this
_WITHOUT = {4: ",-avx", 8: ",-avx512f", 16: ""}


def _choose_width(features: dict[str, bool], is_x86: bool) -> int:
    """Return how many floats a vector has: columns of matrices are multiples of it."""
    if _FORCED_WIDTH is not None:
        if _FORCED_WIDTH not in ("4", "8", "16"):
            raise ValueError(
                "The environment variable SKLEARN_RNN_VECTOR_WIDTH must be 4, 8 or 16. "
                f"Got {_FORCED_WIDTH!r} instead."
            )
        return int(_FORCED_WIDTH)
    if features.get("avx512f"):
        return 16
    # 16 registers of 4 floats without AVX; elsewhere 32, which are used in pairs
    return 4 if is_x86 and not features.get("avx") else 8


_HOST = llvm.get_host_cpu_features()
_IS_X86 = llvm.get_process_triple().startswith(("x86", "i686", "amd64"))
WIDTH = _choose_width(_HOST, _IS_X86)
# of the processor, as LLVM takes them
FEATURES = _HOST.flatten()
if _FORCED_WIDTH is not None and _IS_X86:
    FEATURES += _WITHOUT[WIDTH]
