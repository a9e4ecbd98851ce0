"""One document and arrays in the format of safetensors, with a checksum over all bytes.

The file is the length of the header (8 bytes), the header as JSON, and the bytes of the
arrays end to end. Any reader of safetensors gets the arrays. This one is stricter: what
is not written here is not read. https://github.com/huggingface/safetensors
"""

import hashlib
import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = {
    "BOOL": "?",
    **{"U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8"},
    **{"I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8"},
    **{"F16": "<f2", "F32": "<f4", "F64": "<f8"},
}
_NAMES = {np.dtype(code): name for name, code in DTYPES.items()}
_LARGEST_HEADER = 8 * 2**20  # bytes: JSON takes some twenty times its size in memory
_LARGEST_NDIM = 32
_ALIGNMENT = 8
_START = b'{"__metadata__":{"checksum":"'
_CHECKSUM_AT = 8 + len(_START)
_N_DIGITS = 64  # of SHA-256 in hexadecimal
_NO_CHECKSUM = "0" * _N_DIGITS


def pack(document: Any, arrays: dict[str, NDArray]) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    document : object
        Of dicts, lists, str, int, finite float, bool and None.
    arrays : dict of str to ndarray
        Of the dtypes in `DTYPES`.
    """
    header: dict[str, Any] = {
        "__metadata__": {"checksum": _NO_CHECKSUM, "document": _dump(document)}
    }
    parts, start = [], 0
    # wide numbers first: each array is aligned for readers that map the file
    for name, array in sorted(arrays.items(), key=lambda pair: -pair[1].itemsize):
        data = array.tobytes()
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [start, start + len(data)],
        }
        start += len(data)
        parts.append(data)
    head = _dump(header).encode("ascii")
    head += b" " * (-len(head) % _ALIGNMENT)
    if len(head) > _LARGEST_HEADER:
        raise ValueError(
            f"what is saved beside arrays takes {len(head)} bytes, and "
            f"{_LARGEST_HEADER} is the limit."
        )
    data = b"".join([len(head).to_bytes(8, "little"), head, *parts])
    return seal(data)


def seal(data: bytes) -> bytes:
    """Return the bytes of a file with the checksum of its content."""
    end = _CHECKSUM_AT + _N_DIGITS
    return data[:_CHECKSUM_AT] + _compute_checksum(data) + data[end:]


def unpack(data: bytes) -> tuple[Any, dict[str, NDArray]]:
    """Return document and arrays, or raise ValueError if a byte is not as written."""
    head, body = _split(data)
    if data[_CHECKSUM_AT:][:_N_DIGITS] != _compute_checksum(data):
        raise ValueError(
            "the checksum is not that of the content: the file was damaged or changed."
        )
    header = _parse(head, "the header")
    metadata = header.pop("__metadata__")
    if (
        not isinstance(metadata, dict)
        or set(metadata) != {"checksum", "document"}
        or not isinstance(metadata["document"], str)
    ):
        raise ValueError("the metadata must be a checksum and a document.")
    arrays = _read_arrays(header, body)
    return _parse(metadata["document"], "the document"), arrays


def _split(data: bytes) -> tuple[str, memoryview]:
    """Return the header and the bytes of the arrays."""
    if len(data) < _CHECKSUM_AT + _N_DIGITS or not data[8:].startswith(_START):
        raise ValueError("it does not begin as a file of sklearn_rnn.save does.")
    length = int.from_bytes(data[:8], "little")
    if length > _LARGEST_HEADER:
        raise ValueError(
            f"the header should have {length} bytes; {_LARGEST_HEADER} is the limit."
        )
    if length > len(data) - 8:
        raise ValueError(f"the header should have {length} bytes: the file is cut off.")
    view = memoryview(data)
    try:
        return str(view[8 : 8 + length], "ascii"), view[8 + length :]
    except UnicodeDecodeError:
        raise ValueError("the header must be ASCII.") from None


def _compute_checksum(data: bytes) -> bytes:
    """Return the checksum of all bytes, with zeros in its own place."""
    view = memoryview(data)
    digest = hashlib.sha256(view[:_CHECKSUM_AT])
    digest.update(_NO_CHECKSUM.encode())
    digest.update(view[_CHECKSUM_AT + _N_DIGITS :])
    return digest.hexdigest().encode()


def _dump(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _parse(text: str, what: str) -> Any:
    """Read a JSON object, stricter than `json`: no key twice, no NaN, no infinity."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no number of JSON.")

    def read_float(digits: str) -> float:
        value = float(digits)
        return value if math.isfinite(value) else refuse(digits)

    def read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key stands twice in one object.")
        return dict(pairs)

    try:
        value = json.loads(
            text,
            parse_constant=refuse,
            parse_float=read_float,
            object_pairs_hook=read_object,
        )
    except RecursionError:
        raise ValueError(f"{what} is nested too deeply.") from None
    except ValueError as error:
        raise ValueError(f"{what} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be an object of JSON.")
    return value


def _read_arrays(header: dict[str, Any], body: memoryview) -> dict[str, NDArray]:
    """Return copies of the arrays, which lie end to end and fill the body."""
    arrays, start = {}, 0
    for name, entry in header.items():
        dtype, shape, stop = _read_entry(name, entry, start)
        if stop > len(body):
            raise ValueError(
                f"the array {name!r} should end after the end of the file."
            )
        arrays[name] = _read_array(name, dtype, shape, body[start:stop])
        start = stop
    if start != len(body):
        raise ValueError(f"{len(body) - start} bytes belong to no array.")
    return arrays


def _read_entry(
    name: str, entry: Any, start: int
) -> tuple[np.dtype[Any], list[int], int]:
    """Return dtype, shape and end of an array that begins where another one ended."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"the array {name!r} must have dtype, shape and data_offsets.")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        raise ValueError(f"the array {name!r} has the dtype {code!r}.")
    if not _are_sizes(shape) or len(shape) > _LARGEST_NDIM:
        raise ValueError(f"the array {name!r} has the shape {shape!r}.")
    dtype = np.dtype(DTYPES[code])
    stop = start + dtype.itemsize * math.prod(shape)
    if not _are_sizes(offsets) or offsets != [start, stop]:
        raise ValueError(
            f"the array {name!r}, {code} of shape {shape}, must have the offsets "
            f"{[start, stop]}. Got {offsets!r} instead."
        )
    return dtype, shape, stop


def _read_array(
    name: str, dtype: np.dtype[Any], shape: list[int], data: memoryview
) -> NDArray:
    if dtype.kind == "b" and np.frombuffer(data, np.uint8).max(initial=0) > 1:
        raise ValueError(f"the array {name!r} has a byte that is no bool.")
    # native byte order, writable, and aligned
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(v) is int and v >= 0 for v in value)
