"""Plain values of Python and NumPy as JSON and arrays, and back.

None, bool, int, finite float, str and lists are themselves. Everything else is an
object of one key, the kind of value, from the closed tables of this file.
"""

import math
import sys
from collections.abc import Callable, Collection
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_rnn._serialization._safetensors import DTYPES

_NUMERIC = {np.dtype(code).newbyteorder("=") for code in DTYPES.values()}
_TYPES: dict[str, type] = {  # classes that are values of a parameter
    **{name: getattr(np, name) for name in ("float32", "float64", "int32", "int64")},
    **{"int": int, "float": float},
}
_UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as")
_N_KEYS = 624  # of a Mersenne twister
_MANY = 64  # values of a list, from which on they become an array


class ValueWriter:
    """Turn values into JSON, and arrays aside.

    Parameters
    ----------
    write_object : callable
        ``write_object(value, place, writer)`` returns a dict for a value of no kind
        that is known here, or raises ValueError.

    Attributes
    ----------
    arrays : dict of str to ndarray
        By name, which is the place of the array among the values.
    """

    def __init__(self, write_object: Callable[[Any, str, Any], Any]) -> None:
        self.arrays: dict[str, NDArray] = {}
        self._write_object = write_object

    def write(self, value: Any, place: str) -> Any:
        """Return a value as JSON; `place` names it in errors."""
        if value is None or type(value) in (bool, int, str):
            return value
        if isinstance(value, float) and type(value) is float:
            return value if math.isfinite(value) else {"float": str(value)}
        for kind, write in _WRITERS.items():
            if isinstance(value, kind):
                return write(self, value, place)
        return {"object": self._write_object(value, place, self)}

    def store(self, array: NDArray, name: str) -> str:
        """Put an array aside, and return its name."""
        if name in self.arrays:
            raise ValueError(f"{name} stands twice among the values.")
        self.arrays[name] = array
        return name

    def _write_list(self, values: list[Any], place: str) -> Any:
        kinds = {type(value) for value in values} if len(values) >= _MANY else set()
        if kinds == {int} or kinds == {float}:
            return {"numbers": self.store(np.array(values), place)}
        if kinds != {str}:
            return [self.write(v, f"{place}.{i}") for i, v in enumerate(values)]
        texts = [value.encode("utf-8", "surrogatepass") for value in values]
        lengths = np.array([len(text) for text in texts], np.int64)
        joined: NDArray = np.frombuffer(b"".join(texts), np.uint8)
        names = self.store(joined, f"{place}.utf8"), self.store(lengths, f"{place}.n")
        return {"texts": list(names)}

    def _write_tuple(self, values: tuple[Any, ...], place: str) -> Any:
        return {"tuple": self._write_list(list(values), place)}

    def _write_dict(self, values: dict[Any, Any], place: str) -> Any:
        if len(values) < _MANY and all(type(key) is str for key in values):
            return {
                "dict": {k: self.write(v, f"{place}.{k}") for k, v in values.items()}
            }
        keys, items = list(values), list(values.values())
        return {
            "pairs": [self.write(keys, f"{place}.keys"), self.write(items, place)],
        }

    def _write_scalar(self, value: np.generic, place: str) -> Any:
        if isinstance(value, np.str_):
            return self.write(str(value), place)
        return {"scalar": self.write(np.asarray(value), place)}

    def _write_array(self, array: NDArray, place: str) -> Any:
        array = np.asarray(array)  # a subclass may come
        array = array.astype(array.dtype.newbyteorder("="), order="K")
        kind = array.dtype.kind
        if kind == "O" and array.ndim == 1:
            return {"objects": self._write_list(array.tolist(), place)}
        if kind == "U":
            codes: NDArray = np.array(array, order="C", ndmin=1).view(np.uint32)
            shape = *array.shape, array.itemsize // codes.itemsize
            return {"strings": self.store(codes.reshape(shape), place)}
        if kind in "mM" and np.datetime_data(array.dtype)[1] == 1:
            unit = np.datetime_data(array.dtype)[0]
            times = np.array(array, order="C").view(np.int64)
            return {"times": [self.store(times, place), kind, unit]}
        if array.dtype not in _NUMERIC:
            raise ValueError(f"{place} is a {array.ndim}-D array of {array.dtype}.")
        if array.flags.f_contiguous and not array.flags.c_contiguous:
            return {"columns": self.store(array.T, place)}  # sums may depend on it
        return {"array": self.store(np.array(array, order="C"), place)}

    def _write_random_state(self, value: np.random.RandomState, place: str) -> Any:
        state: Any = value.get_state(legacy=True)
        name, keys, *rest = state
        if name != "MT19937":
            raise ValueError(f"{place} is a RandomState of {name}, not of MT19937.")
        return {"random_state": [self.store(keys, place), *map(self._plain, rest)]}

    @staticmethod
    def _plain(value: Any) -> Any:
        return value.item() if isinstance(value, np.generic) else value

    def _write_type(self, value: type, place: str) -> Any:
        for name, known in _TYPES.items():
            if value is known:
                return {"type": name}
        raise ValueError(f"{place} is {value!r}, a class, whose code is not saved.")

    def _write_dtype(self, value: np.dtype[Any], place: str) -> Any:
        if value not in _NUMERIC and value != np.dtype(object):
            raise ValueError(f"{place} is the dtype {value}.")
        return {"dtype": value.str}

    def _write_device(self, value: torch.device, place: str) -> Any:
        return {"device": str(value)}


_WRITERS: dict[type, Callable[[ValueWriter, Any, str], Any]] = {
    list: ValueWriter._write_list,
    tuple: ValueWriter._write_tuple,
    dict: ValueWriter._write_dict,
    np.generic: ValueWriter._write_scalar,
    np.ndarray: ValueWriter._write_array,
    np.random.RandomState: ValueWriter._write_random_state,
    np.dtype: ValueWriter._write_dtype,
    torch.device: ValueWriter._write_device,
    type: ValueWriter._write_type,
}


class ValueReader:
    """Turn JSON and arrays back into values.

    Parameters
    ----------
    arrays : dict of str to ndarray
        As `ValueWriter` put them aside.
    read_object : callable
        ``read_object(value, reader)`` returns what ``write_object`` made a dict of.
    """

    def __init__(
        self, arrays: dict[str, NDArray], read_object: Callable[[Any, Any], Any]
    ) -> None:
        self._arrays = dict(arrays)
        self._read_object = read_object

    def read(self, value: Any) -> Any:
        """Return a value from JSON."""
        if isinstance(value, list):
            return [self.read(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) != 1 or not {*value} <= {*_READERS, "object"}:
            raise ValueError(f"{list(value)} is no kind of value.")
        ((kind, content),) = value.items()
        if kind == "object":
            return self._read_object(content, self)
        return _READERS[kind](self, content)

    def finish(self) -> None:
        """Raise ValueError if arrays are left."""
        if self._arrays:
            raise ValueError(f"the arrays {list(self._arrays)} belong to nothing.")

    def take(self, name: Any) -> NDArray:
        """Return an array, which can be taken once."""
        if not isinstance(name, str) or name not in self._arrays:
            raise ValueError(f"there is no array {name!r}, or it stands twice.")
        return self._arrays.pop(name)

    def _read_float(self, text: Any) -> float:
        if text not in ("nan", "inf", "-inf"):
            raise ValueError(f"{text!r} is no float beside the finite ones.")
        return float(text)

    def _read_texts(self, names: Any) -> list[str]:
        joined, lengths = map(self.take, _check_list(names, 2))
        if joined.dtype != np.uint8 or lengths.dtype != np.int64:
            raise ValueError(f"{names} must be bytes and lengths.")
        if joined.ndim != 1 or lengths.ndim != 1 or (lengths < 0).any():
            raise ValueError(f"{names} must be bytes and lengths.")
        if sum(lengths.tolist()) != len(joined):
            raise ValueError(f"{names}: the lengths do not add up to the bytes.")
        data, stops = joined.tobytes(), np.cumsum(lengths).tolist()
        return [
            str(data[a:b], "utf-8", "surrogatepass") for a, b in pairwise([0, *stops])
        ]

    def _read_numbers(self, name: Any) -> list[Any]:
        numbers = self.take(name)
        if numbers.dtype not in (np.int64, np.float64) or numbers.ndim != 1:
            raise ValueError(f"{name} must be a row of numbers.")
        return numbers.tolist()

    def _read_list(self, value: Any) -> list[Any]:
        values = self.read(value)
        if not isinstance(values, list):
            raise ValueError("a tuple or array must be made of a list.")
        return values

    def _read_tuple(self, value: Any) -> tuple[Any, ...]:
        return tuple(self._read_list(value))

    def _read_objects(self, value: Any) -> NDArray:
        values = self._read_list(value)
        array = np.empty(len(values), dtype=object)
        for i, value in enumerate(values):
            array[i] = value  # at once, arrays of equal length would make a table
        return array

    def _read_dict(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError("a dict must be an object of JSON.")
        return {key: self.read(item) for key, item in value.items()}

    def _read_pairs(self, value: Any) -> dict[Any, Any]:
        keys, items = (self._read_list(part) for part in _check_list(value, 2))
        if len(keys) != len(items) or not all(map(_is_plain, keys)):
            raise ValueError("a dict must have a plain key for each value.")
        if len(set(keys)) < len(keys):
            raise ValueError("a key stands twice in one dict.")
        return dict(zip(keys, items, strict=True))

    def _read_scalar(self, value: Any) -> Any:
        array = self.read(value)
        if not isinstance(array, np.ndarray) or array.ndim or array.dtype.kind == "O":
            raise ValueError("a scalar must be an array of no dimension.")
        return array[()]

    def _read_array(self, name: Any) -> NDArray:
        return self.take(name)

    def _read_columns(self, name: Any) -> NDArray:
        return self.take(name).T

    def _read_strings(self, name: Any) -> NDArray:
        codes = self.take(name)
        if codes.dtype != np.uint32 or codes.ndim == 0 or codes.shape[-1] == 0:
            raise ValueError(f"{name} must be code points.")
        if codes.max(initial=0) > sys.maxunicode:
            raise ValueError(f"{name} has numbers that are no code points.")
        return codes.view(f"U{codes.shape[-1]}")[..., 0]

    def _read_times(self, value: Any) -> NDArray:
        name, kind, unit = _check_list(value, 3)
        times = self.take(name)
        if times.dtype != np.int64 or kind not in ("m", "M") or unit not in _UNITS:
            raise ValueError(f"{name} must be times in one of {_UNITS}.")
        return times.view(np.dtype(f"{kind}8[{unit}]"))

    def _read_random_state(self, value: Any) -> np.random.RandomState:
        name, position, has_gauss, gauss = _check_list(value, 4)
        keys = self.take(name)
        if keys.dtype != np.uint32 or keys.shape != (_N_KEYS,):
            raise ValueError(f"{name} must be the {_N_KEYS} keys of a RandomState.")
        if type(position) is not int or not 0 <= position <= _N_KEYS:
            raise ValueError(f"{position!r} is no position of a RandomState.")
        if has_gauss not in (0, 1) or not isinstance(gauss, float | int):
            raise ValueError("has_gauss and gauss of a RandomState must be numbers.")
        random_state = np.random.RandomState(0)
        random_state.set_state(("MT19937", keys, position, has_gauss, gauss))
        return random_state

    def _read_type(self, name: Any) -> type:
        return _TYPES[_check_among(name, _TYPES)]

    def _read_dtype(self, code: Any) -> np.dtype[Any]:
        known = {dtype.str: dtype for dtype in (*_NUMERIC, np.dtype(object))}
        return known[_check_among(code, known)]

    def _read_device(self, name: Any) -> torch.device:
        if not isinstance(name, str):
            raise ValueError(f"{name!r} is no device.")
        return torch.device(name)


_READERS: dict[str, Callable[[ValueReader, Any], Any]] = {
    "float": ValueReader._read_float,
    "texts": ValueReader._read_texts,
    "numbers": ValueReader._read_numbers,
    "tuple": ValueReader._read_tuple,
    "objects": ValueReader._read_objects,
    "dict": ValueReader._read_dict,
    "pairs": ValueReader._read_pairs,
    "scalar": ValueReader._read_scalar,
    "array": ValueReader._read_array,
    "columns": ValueReader._read_columns,
    "strings": ValueReader._read_strings,
    "times": ValueReader._read_times,
    "random_state": ValueReader._read_random_state,
    "type": ValueReader._read_type,
    "dtype": ValueReader._read_dtype,
    "device": ValueReader._read_device,
}


def _check_list(value: Any, length: int) -> list[Any]:
    if not isinstance(value, list) or len(value) != length:
        raise ValueError(
            f"{length} values must stand in a list. Got {value!r} instead."
        )
    return value


def _check_among(name: Any, known: Collection[str]) -> str:
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"{name!r} is not among {sorted(known)}.")
    return name


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | np.generic)
