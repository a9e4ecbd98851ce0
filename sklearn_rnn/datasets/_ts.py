"""The .ts format of aeon and sktime."""

import gzip
from os import PathLike, fspath

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences import RaggedArray


def read_ts(path: str | PathLike[str]) -> tuple[RaggedArray, NDArray[np.str_]]:
    r"""Read sequences and their labels from a .ts file.

    Each line is one case. Dimensions are separated by colons and values by commas. The
    last field is the class label.

    Parameters
    ----------
    path : str or path-like
        Path of the file. A file whose name ends in ``.gz`` is decompressed.

    Returns
    -------
    X : RaggedArray
        Cases as float32, with dimensions as features.
    y : ndarray of shape (n_samples,)
        Labels, as strings.

    Raises
    ------
    ValueError
        If the file has no ``@data`` section, or the dimensions of a case differ in
        length.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_rnn.datasets import read_ts
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "two.ts"
    ...     _ = path.write_text("@data\n1,2,3:4,5,6:a\n7,8:9,10:b\n")
    ...     X, y = read_ts(path)
    >>> X
    RaggedArray(n_samples=2, n_features=2, n_steps=2..3, dtype=float32)
    >>> y
    array(['a', 'b'], dtype='<U1')
    """
    opener = gzip.open if fspath(path).endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    start = next((i for i, line in enumerate(lines) if line.lower() == "@data"), None)
    if start is None:
        raise ValueError(f"{fspath(path)} is not a .ts file: it has no line '@data'.")
    sequences, labels = [], []
    for number, line in enumerate(lines[start + 1 :], start + 2):
        if not line or line.startswith("#"):
            continue
        *dimensions, label = line.split(":")
        rows = [np.array(d.split(","), dtype=np.float32) for d in dimensions]
        if len({len(row) for row in rows}) != 1:
            raise ValueError(
                f"{fspath(path)}, line {number}: the dimensions of a case must have "
                f"the same length. Got lengths {[len(row) for row in rows]}."
            )
        sequences.append(np.stack(rows, axis=1))
        labels.append(label)
    return RaggedArray.from_sequences(sequences), np.array(labels)
