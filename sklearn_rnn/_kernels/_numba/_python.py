"""The parts of the kernels that are LLVM instructions, once more in NumPy.

With them, the source of the kernels runs as Python: in a debugger, with prints, line by
line. See the page on the kernels in the documentation.
"""

import ctypes
import inspect
import time
from functools import partial
from types import SimpleNamespace

import numpy as np

_UNKNOWN_LENGTH = 2**36  # of an array whose length no caller passes


def _make_array_at(dtype):
    def array_at(pointer, shape):
        if shape == (0,) and pointer != 0:
            shape = (_UNKNOWN_LENGTH,)
        n_bytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        if n_bytes == 0 or pointer == 0:
            return np.empty(shape, dtype)
        memory = (ctypes.c_char * n_bytes).from_address(pointer)
        return np.frombuffer(memory, dtype).reshape(shape)

    return array_at


floats_at = _make_array_at(np.float32)
doubles_at = _make_array_at(np.float64)
integers_at = _make_array_at(np.int64)
words_at = _make_array_at(np.int32)
bytes_at = _make_array_at(np.uint8)


def move(pointer, n_bytes):
    """Return the pointer, moved by so many bytes."""
    return pointer + int(n_bytes)


def pointer_in(pointers, index):
    """Return the pointer with this number among those that lie there."""
    return int(integers_at(pointers, (index + 1,))[index])


def nothing():
    """Return the pointer that stands for a missing argument."""
    return 0


def is_given(pointer):
    """Whether the pointer stands for an argument."""
    return pointer != 0


def read_flag(pointer):
    """Return the integer there, as other threads have set it."""
    return int(integers_at(pointer, (1,))[0])


def read_clock():
    """Return the time of a monotonic clock, in ns."""
    return time.monotonic_ns()


def write_flag(pointer, number):
    """Set the integer there."""
    integers_at(pointer, (1,))[0] = number


def exchange(pointer, old, new):
    """Replace the integer there by a new one if it is the old one; return whether."""
    if read_flag(pointer) != old:
        return False
    write_flag(pointer, new)
    return True


def call(function, n_arguments, numbers):
    """Call the function at an address with so many numbers, which lie at another."""
    kinds = [ctypes.c_void_p] * 2 + [ctypes.c_int64] * n_arguments
    ignored = (ctypes.c_int64 * 2)()
    places = ctypes.addressof(ignored), ctypes.addressof(ignored) + 8
    arguments = integers_at(numbers, (n_arguments,)).tolist()
    ctypes.CFUNCTYPE(ctypes.c_int32, *kinds)(function)(*places, *arguments)


def call_linked(entry):
    """Return ``call(arguments)``: an entry of another group, with a tuple."""
    return lambda arguments: entry(*arguments)


def shift_to_exponent(number):
    """Return the bits of a double, shifted to the left by 52, as a double."""
    bits = np.float64(number).view(np.uint64) << np.uint64(52)
    return bits.view(np.float64)


class Floats:
    """One vector as an array, with the methods of its compiled twin."""

    def __init__(self, value):
        self.value = value

    def like(self, number):
        """Return the same number everywhere; a vector as it is."""
        if isinstance(number, Floats):
            return number
        return Floats(np.full_like(self.value, number))

    def shifted(self, n_bits):
        """Return the bits, shifted to the left, as numbers."""
        bits = self.value.view(f"u{self.value.itemsize}")
        return Floats((bits << bits.dtype.type(n_bits)).view(self.value.dtype))

    def __add__(self, other):
        return Floats(self.value + self.like(other).value)

    def __sub__(self, other):
        return Floats(self.value - self.like(other).value)

    def __mul__(self, other):
        return Floats(self.value * self.like(other).value)

    def __truediv__(self, other):
        return Floats(self.value / self.like(other).value)

    def __neg__(self):
        return Floats(-self.value)

    def __radd__(self, other):
        return self.like(other) + self

    def __rsub__(self, other):
        return self.like(other) - self

    def __rmul__(self, other):
        return self.like(other) * self

    def __rtruediv__(self, other):
        return self.like(other) / self

    def __lt__(self, other):
        return self.value < self.like(other).value

    def __gt__(self, other):
        return self.value > self.like(other).value


def choose(condition, value, otherwise):
    """Return `value` if ``a < b`` or ``a > b`` holds, element by element."""
    vector = value if isinstance(value, Floats) else otherwise
    value, otherwise = vector.like(value), vector.like(otherwise)
    return Floats(np.where(condition, value.value, otherwise.value))


class _Units:
    """All units of one row: ``units[k]`` is the vector of their gate k."""

    def __init__(self, row, column, size):
        self.row, self.column, self.size = row, column, size

    def _place(self, gate):
        begin = self.column + gate * self.size
        return slice(begin, begin + self.size)

    def __getitem__(self, gate):
        return Floats(self.row[self._place(gate)].copy())

    def __setitem__(self, gate, value):
        self.row[self._place(gate)] = getattr(value, "value", value)


def _units_at(place, i, size):
    """Return the units of row i of a place, as `_vectors.py` describes places."""
    if not isinstance(place, tuple):
        return Floats(place)  # one number for all units, of the type it has
    array, *begin = place
    if not begin:
        return _Units(array.reshape(-1), 0, size)
    if len(begin) == 1:
        return Floats(array[begin[0] + i])
    return _Units(array[begin[0] + i], begin[1], size)


def for_all_units(formula):
    """Return ``run``, which applies a formula to all units of some rows."""

    def run(n_rows, size, places):
        with np.errstate(all="ignore"):
            for i in range(n_rows):
                formula(*(_units_at(place, i, size) for place in places))

    return run


def sum_over_units(formula):
    """Return ``run``, which also stores the sum of the results over each row."""
    return _reduce_units(formula, np.sum)


def max_over_units(formula):
    """Return ``run``, which also stores the highest of the results of each row."""
    return _reduce_units(formula, partial(np.max, initial=-np.inf))


def _reduce_units(formula, combine):
    def run(n_rows, size, places, results, begin):
        with np.errstate(all="ignore"):
            for i in range(n_rows):
                result = formula(*(_units_at(place, i, size) for place in places))
                results[begin + i] = combine(result.value)

    return run


def add_product(
    fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector, C, c, c_row, n_columns, K
):
    """C += A @ B, or C = A @ B if `fresh`; the arguments are those of `_product.py`."""
    rows, ks = np.arange(n_rows), np.arange(K)
    _add_product(
        fresh, A, a + rows * a_row, ks * a_k, B, b, b_k, b_vector, C, c + rows * c_row,
        n_columns,
    )  # fmt: skip


def _add_product(fresh, A, rows_of_a, ks_of_a, B, b, b_k, b_vector, C, rows_of_c, n):
    from sklearn_rnn._kernels._constants import WIDTH

    A, B, C = (matrix.reshape(-1) for matrix in (A, B, C))
    lanes = 4 * WIDTH // C.itemsize
    for of_a, of_c in zip(rows_of_a, rows_of_c, strict=True):
        for j in range(n // lanes):
            begin = of_c + j * lanes
            total = np.zeros(lanes, C.dtype) if fresh else C[begin:][:lanes].copy()
            for k, k_of_a in enumerate(ks_of_a):
                row = B[b + j * b_vector + k * b_k :][:lanes]
                total += A[of_a + k_of_a] * row
            C[begin:][:lanes] = total


def add_product_by_rows(
    fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector, C, c, c_row, n_columns, K,
    places, begin,
):  # fmt: skip
    """`add_product`, where row i of A is row places[begin + i]."""
    rows = a + places[begin : begin + n_rows] * a_row
    _add_product(
        fresh, A, rows, np.arange(K) * a_k, B, b, b_k, b_vector, C,
        c + np.arange(n_rows) * c_row, n_columns,
    )  # fmt: skip


def add_product_by_k(
    fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector, C, c, c_row, n_columns, K,
    places, begin,
):  # fmt: skip
    """`add_product`, where column k of A is column places[begin + k]."""
    rows, ks = np.arange(n_rows), places[begin : begin + K] * a_k
    _add_product(
        fresh, A, a + rows * a_row, ks, B, b, b_k, b_vector, C, c + rows * c_row,
        n_columns,
    )  # fmt: skip


def add_product_to_rows(
    fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector, C, c, c_row, n_columns, K,
    places, begin,
):  # fmt: skip
    """`add_product`, where row i of C is row places[begin + i]."""
    rows = c + places[begin : begin + n_rows] * c_row
    _add_product(
        fresh, A, a + np.arange(n_rows) * a_row, np.arange(K) * a_k, B, b, b_k,
        b_vector, C, rows, n_columns,
    )  # fmt: skip


def transpose(A, a, a_row, n_rows, n_columns, B, b, b_row):
    """Set B = A.T; the arguments are those of `_transposition.py`."""
    A, B = A.reshape(-1), B.reshape(-1)
    rows, columns = np.arange(n_rows), np.arange(n_columns)
    values = A[a + rows[:, np.newaxis] * a_row + columns]
    B[b + columns[:, np.newaxis] * b_row + rows] = values.T


def sum_positive(planes, channels, n_channels, places, begin, end, low, high):
    """Return the sums over some columns, see `_random_convolutions.py`."""
    memory = planes.reshape(-1)
    rows = channels[:n_channels, np.newaxis] * planes.shape[1]
    windows, *steps = (
        memory[rows + place + np.arange(begin, end)].sum(0) for place in places
    )
    with np.errstate(all="ignore"):
        value = windows + 3 * sum(steps)
        above = value - low, value - high
        return tuple(np.where(v < 0, np.float32(0), v).sum() for v in above)


class PythonLibrary(SimpleNamespace):
    """The functions of a group, by name, as Python: for debugging."""

    def __init__(self, entries):
        super().__init__(**{entry.__name__: _take_integers(entry) for entry in entries})


def _take_integers(entry):
    """Return the entry; arguments may be numbers of ctypes and NumPy."""
    n = len(inspect.signature(entry).parameters)

    def call(*arguments):
        assert len(arguments) == n, entry.__name__
        return entry(*(int(getattr(a, "value", a)) for a in arguments))

    return call
