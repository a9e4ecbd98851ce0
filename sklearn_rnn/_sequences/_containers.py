"""The first look at X, y and weights: what they hold, whatever the container."""

import operator
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences._source import SequenceSource

_MAX_NESTING = 4  # lists of samples, of steps, of features, and one more for a message


def read_container(value: Any, name: str) -> Any:
    """Turn tensors into arrays, and refuse what NumPy would misread.

    Parameters
    ----------
    value : object
        X, y or weights, as an estimator got them.
    name : str
        Name in error messages.

    Returns
    -------
    value : object
        The same object, unless tensors are in it: those are arrays then.

    Raises
    ------
    ValueError
        If a value is masked or complex, a tensor holds no data, or a list is nested
        without end.
    TypeError
        If a tensor is of a kind that NumPy cannot hold, or a value is a source.
    """
    if isinstance(value, np.ma.MaskedArray):
        return _refuse_masked(value, name)
    refuse_source(value, name)
    if _is_tensor(value):
        return tensor_to_array(value, name)
    if _is_list(value):
        return _read_list(value, name, depth=1)
    if isinstance(value, np.ndarray) and value.dtype.kind == "c":
        raise _complex_error(name, value.dtype)
    return value


def refuse_source(value: Any, name: str) -> None:
    """Raise TypeError if a value is a source, and no array."""
    if not isinstance(value, SequenceSource):
        return
    raise TypeError(
        f"{name} is a SequenceSource, which only fit of RNNClassifier, RNNRegressor, "
        "RNNTagger and RNNStepRegressor takes, in place of X, y and sample_weight. "
        f"Pass the sequences of a block as {name}: they are source.block(i)[0]. "
        "RaggedArray.open maps one array that is larger than memory."
    )


@contextmanager
def errors_that_name(name: str) -> Iterator[None]:
    """Let every ValueError and TypeError inside name the argument that it is about."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if re.search(rf"\b{name}\b", str(error)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} cannot be read: {error}") from error


def tensor_to_array(tensor: Any, name: str) -> NDArray:
    """Return the numbers of a dense tensor, whatever its device, type and history.

    The negative bit of a view, as of the imaginary part of a conjugate, is resolved, a
    gradient is left behind, and floats of less than 32 bits become float32.
    """
    if "sparse" in str(tensor.layout):
        whole = name.partition("[")[0]
        raise TypeError(
            f"Sparse data was passed for {whole}, but dense data is required."
        )
    if tensor.is_meta:
        raise ValueError(
            f"{name} is a tensor on the device 'meta', which holds no data."
        )
    if tensor.dtype.is_complex:
        raise _complex_error(name, str(tensor.dtype).removeprefix("torch."))
    tensor = tensor.detach().cpu()
    if tensor.dtype.is_floating_point and tensor.dtype.itemsize < 4:
        tensor = tensor.float()
    try:
        return tensor.resolve_neg().numpy()
    except (TypeError, RuntimeError, NotImplementedError) as error:
        raise TypeError(
            f"{name} must be a tensor of a type that NumPy can hold. Got "
            f"{tensor.dtype} instead: {error}"
        ) from error


def _read_list(value: Any, name: str, depth: int) -> Any:
    """Read each element of a list, a tuple or an array of objects."""
    if depth > _MAX_NESTING:
        raise ValueError(
            f"{name} is nested too deeply, or contains itself: lists may stand in "
            f"lists {_MAX_NESTING} levels deep at most."
        )
    kinds = set(map(type, value))  # fast: most lists hold numbers or plain arrays
    if any(issubclass(kind, complex | np.complexfloating) for kind in kinds):
        raise _complex_error(name, "complex")
    arrays = any(hasattr(k, "dtype") and not issubclass(k, np.generic) for k in kinds)
    holds_objects = arrays and any(map(is_object_array, value))
    if not holds_objects and not any(map(_needs_reading, kinds)):
        return value
    old = list(value)
    new = [_read_element(v, f"{name}[{i}]", depth) for i, v in enumerate(old)]
    return value if all(map(operator.is_, new, old)) else new


def _read_element(value: Any, name: str, depth: int) -> Any:
    if _is_list(value):
        return _read_list(value, name, depth + 1)
    return read_container(value, name)


def _needs_reading(kind: type) -> bool:
    return issubclass(kind, list | tuple | np.ma.MaskedArray) or _is_tensor_type(kind)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) or is_object_array(value)


def is_object_array(value: Any) -> bool:
    """Whether this is an array of objects, of NumPy or, as a Series, of pandas."""
    dtype = getattr(value, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype.kind == "O" and value.ndim > 0


def _is_tensor(value: Any) -> bool:
    return _is_tensor_type(type(value))


def _is_tensor_type(kind: type) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and issubclass(kind, torch.Tensor)


def _complex_error(name: str, kind: Any) -> ValueError:
    return ValueError(f"Complex data not supported: {name} is {kind}.")


def _refuse_masked(array: Any, name: str) -> Any:
    if np.ma.is_masked(array):
        raise ValueError(
            f"{name} has masked values, which would be lost. Fill them, or leave them "
            "out. RaggedArray.from_padded(X, lengths) cuts padding off X."
        )
    return array
