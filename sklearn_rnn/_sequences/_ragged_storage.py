"""RaggedArray on disk, and in the memory of Arrow."""

import json
import os
import secrets
import shutil
from typing import Any

import numpy as np
from numpy.typing import NDArray

_VALUES, _OFFSETS, _KIND = "values.npy", "offsets.npy", "kind.json"


def write_folder(
    path: str | os.PathLike[str], values: NDArray, offsets: NDArray, kind: Any
) -> None:
    """Write arrays to a new folder: under another name first, so whole or not at all.

    Raises
    ------
    FileExistsError
        If there is something of this name.
    ValueError
        If the values are objects.
    """
    path = os.path.abspath(path)
    if os.path.exists(path):
        raise FileExistsError(f"{path!r} exists already.")
    if values.dtype.hasobject:
        raise ValueError(
            f"Sequences of {values.dtype} cannot be saved: convert the values to "
            "numbers or to strings."
        )
    temporary = f"{path}.{secrets.token_hex(8)}.tmp"
    os.mkdir(temporary)
    try:
        np.save(os.path.join(temporary, _VALUES), values, allow_pickle=False)
        np.save(os.path.join(temporary, _OFFSETS), offsets, allow_pickle=False)
        with open(os.path.join(temporary, _KIND), "w", encoding="utf-8") as file:
            json.dump(kind, file)
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def read_folder(path: str | os.PathLike[str]) -> tuple[NDArray, NDArray, Any]:
    """Return values, mapped from the disk, offsets, and the kind of sequences.

    Raises
    ------
    ValueError
        If the folder is not one of `write_folder`.
    """
    try:
        with open(os.path.join(path, _KIND), encoding="utf-8") as file:
            kind = json.load(file)
        values = np.load(os.path.join(path, _VALUES), mmap_mode="r", allow_pickle=False)
        offsets = np.load(os.path.join(path, _OFFSETS), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(
            f"{os.fspath(path)!r} is no folder of RaggedArray.save: {error}"
        ) from error
    return values, offsets, kind


def to_large_list(values: NDArray, offsets: NDArray[np.int64]) -> Any:
    """Return a LargeList of FixedSizeList of the same memory."""
    import pyarrow

    flat = pyarrow.array(np.ascontiguousarray(values).reshape(-1))
    steps = pyarrow.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return pyarrow.LargeListArray.from_arrays(pyarrow.array(offsets), steps)


def from_list_array(array: Any) -> tuple[NDArray, NDArray[np.int64]]:
    """Return values and offsets of a list array: of numbers, or of lists of them."""
    import pyarrow

    if isinstance(array, pyarrow.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array, pyarrow.ChunkedArray) and array.num_chunks == 1:
        array = array.chunk(0)
    kind = getattr(array, "type", None)
    is_list = kind is not None and (
        pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind)
    )
    if not is_list:
        raise ValueError(
            "RaggedArray.from_arrow needs a list array of pyarrow, a list a sequence. "
            f"Got {kind if kind is not None else type(array).__name__} instead."
        )
    offsets = array.offsets.to_numpy().astype(np.int64)
    steps, n_features = array.values, 1
    if pyarrow.types.is_fixed_size_list(steps.type):
        n_features = steps.type.list_size
    if array.null_count or steps.null_count:
        raise ValueError("RaggedArray.from_arrow takes no missing sequences or steps.")
    if pyarrow.types.is_fixed_size_list(steps.type):
        steps = steps.flatten()
    if pyarrow.types.is_nested(steps.type) or steps.null_count:
        raise ValueError(
            "The steps of RaggedArray.from_arrow must be numbers, or fixed-size lists "
            f"of them, without missing ones. Got {array.type}."
        )
    values = steps.to_numpy(zero_copy_only=False)
    return values.reshape(-1, n_features), offsets
