"""`save` and `load`."""

import os
import platform
from typing import Any

import numpy as np
import sklearn
import torch
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._persistence._objects import read_object, write_object
from sklearn_rnn._serialization import (
    ValueReader,
    ValueWriter,
    pack,
    read_file,
    unpack,
    write_file,
)
from sklearn_rnn.utils import ANYTHING, Kind, check_state, get_version

_FORMAT = 1  # of the document
_DOCUMENT = {
    "format": Kind(str(_FORMAT), lambda v, s: type(v) is int and v == _FORMAT),
    "versions": Kind(
        "the versions of packages",
        lambda v, s: (
            isinstance(v, dict) and all(isinstance(text, str) for text in v.values())
        ),
    ),
    "object": ANYTHING,
}


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Save a fitted estimator or pipeline to a file from which loading runs no code.

    The file has the format of safetensors: arrays, and a description in JSON. It holds
    parameters, weights, classes, vocabularies, scales, learning curves, the state of
    the optimizer and of the random numbers: a loaded estimator predicts the same, to
    the last bit, and continues with `partial_fit` or ``warm_start=True`` as the saved
    one would.

    It is written under a temporary name in the same folder, synced to the disk and
    renamed: a crash leaves the old file or the new one.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted. An estimator of sklearn_rnn, a transformer of
        :mod:`sklearn_rnn.preprocessing`, or one of scikit-learn's that learn plain
        numbers: scalers, `SimpleImputer`, `OneHotEncoder`, `OrdinalEncoder`, `PCA`,
        `DictVectorizer` and a few others. Or a :class:`~sklearn.pipeline.Pipeline` of
        these.
    path : str or path-like
        Where to write. A file of this name is replaced.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If a part cannot be saved without its code: a class of your own as `cell` or
        `optimizer`, callbacks, a function, another class of estimator. The message
        names the part.
    OSError
        If the file cannot be written.

    See Also
    --------
    load : Loads the file.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import sklearn_rnn
    >>> X, y = np.random.RandomState(0).normal(size=(20, 5, 1)), np.arange(20) % 2
    >>> model = sklearn_rnn.RNNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     sklearn_rnn.save(model, path)
    ...     again = sklearn_rnn.load(path)
    >>> bool((again.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    check_is_fitted(estimator)
    try:
        data = _to_bytes(estimator)
        _from_bytes(data)  # no file is written that could not be loaded
    except ValueError as error:
        name = type(estimator).__name__
        best = hasattr(estimator, "best_estimator_")
        advice = " Save its best_estimator_." if best else ""
        raise ValueError(f"{name} cannot be saved: {error}{advice}") from error
    write_file(path, data)


def load(path: str | os.PathLike[str]) -> Any:
    """Load an estimator or pipeline from a file of :func:`save`, running no code of it.

    Nothing in the file is executed, imported by name or opened. Class and parameters
    come from closed lists; the shape and type of each array is compared with what the
    parameters ask for before the network is allocated; what is unknown is an error. A
    checksum finds damage. It is no signature: a file from an untrusted source can hold
    a model that predicts nonsense, though not one that does harm.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    estimator : estimator or Pipeline
        Fitted. On the device of its `device` parameter, or the CPU if the machine
        does not have it.

    Raises
    ------
    ValueError
        If the file is damaged, of a later version of this package, or not what
        :func:`save` writes. The message names the file and what is wrong.
    OSError
        If the file cannot be read.

    Warns
    -----
    UserWarning
        If transformers of scikit-learn come from another version of it, or the device
        is missing.

    See Also
    --------
    save : Writes the file, with an example.
    """
    try:
        return _from_bytes(read_file(path))
    except OSError:
        raise
    except Exception as error:  # a file may hold anything: no error passes unnamed
        raise ValueError(
            f"{os.fspath(path)!r} is no file that sklearn_rnn.load can read: {error}"
            f"{_advise_on_pickles(path)}"
        ) from error


def _advise_on_pickles(path: str | os.PathLike[str]) -> str:
    if not os.path.isfile(path):
        return ""
    with open(path, "rb") as file:
        start = file.read(2)
    if start not in {b"\x80" + bytes([protocol]) for protocol in range(2, 6)}:
        return ""
    return (
        " It looks like a pickle, of pickle.dump or joblib.dump: their load reads it, "
        "and runs what it contains."
    )


def _to_bytes(estimator: Any) -> bytes:
    writer = ValueWriter(write_object)
    document = {
        "format": _FORMAT,
        "versions": _list_versions(),
        "object": writer.write(estimator, type(estimator).__name__),
    }
    return pack(document, writer.arrays)


def _list_versions() -> dict[str, str]:
    return {
        "sklearn_rnn": get_version(),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _from_bytes(data: bytes) -> Any:
    document, arrays = unpack(data)
    version = document.get("format")
    if type(version) is int and version > _FORMAT:
        raise ValueError(
            f"its format is {version}, of a later version of sklearn_rnn; this one "
            f"reads up to {_FORMAT}."
        )
    content = check_state(document, "the document", _DOCUMENT)["object"]
    if not isinstance(content, dict) or set(content) != {"object"}:
        raise ValueError("the document must hold an estimator.")
    reader = ValueReader(arrays, read_object)
    estimator = reader.read(content)
    reader.finish()
    return estimator
