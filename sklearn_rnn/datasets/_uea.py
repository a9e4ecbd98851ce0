"""JapaneseVowels and NATOPS, in the versions of the UEA archive."""

from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklearn_rnn._sequences import RaggedArray, lengths_to_offsets
from sklearn_rnn.datasets._bunch import DATA_HOME, SUBSET, SUBSETS, as_bunch
from sklearn_rnn.datasets._downloads import RemoteFile, fetch_file
from sklearn_rnn.datasets._ts import read_ts
from sklearn_rnn.utils import validate_params

_AEON = (
    "https://raw.githubusercontent.com/aeon-toolkit/aeon/"
    "a101ddc8b35a65441609b45c9bcce5aeafa0c131/aeon/datasets/data/JapaneseVowels/"
)
_JAPANESE_VOWELS = {
    "train": RemoteFile(
        "japanese_vowels",
        "JapaneseVowels_TRAIN.ts",
        _AEON + "JapaneseVowels_TRAIN.ts",
        "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
    ),
    "test": RemoteFile(
        "japanese_vowels",
        "JapaneseVowels_TEST.ts",
        _AEON + "JapaneseVowels_TEST.ts",
        "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
    ),
}
_DISJOINT_CNN = (
    "https://raw.githubusercontent.com/Navidfoumani/Disjoint-CNN/"
    "38180ccc1f050a3fee6961f5b4ea3bc132016ab3/Multivariate_ts/NATOPS/"
)
_NATOPS = {
    "train": RemoteFile(
        "natops",
        "NATOPS_TRAIN.ts",
        _DISJOINT_CNN + "NATOPS_TRAIN.ts",
        "3567f0aa297e89327215ee1147537e06f7bdc51f48ac8d2c39aaa34fb1eab1b7",
        mirror_name="NATOPS_TRAIN.ts.gz",
    ),
    "test": RemoteFile(
        "natops",
        "NATOPS_TEST.ts",
        _DISJOINT_CNN + "NATOPS_TEST.ts",
        "3a9a41a948c30d19db6b9e0ec44d946d42199c4f8724c2aa6e8b71b28612404e",
        mirror_name="NATOPS_TEST.ts.gz",
    ),
}
_PLACES = ("hand_tip", "elbow", "wrist", "thumb")


@validate_params(
    {**SUBSET, **DATA_HOME, "return_X_y": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def fetch_japanese_vowels(
    *,
    subset: str = "train",
    data_home: str | PathLike[str] | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[RaggedArray, NDArray[np.int64]]:
    """Load JapaneseVowels: speaker recognition for nine men (classification, ragged).

    Downloaded once, with pooch: ``pip install "sklearn-rnn[datasets]"``. The data are
    640 utterances with 7 to 29 steps and 12 features.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Part of the published split: 270 utterances, 370 utterances or both.
    data_home : str or path-like, default=None
        Folder for the files. By default, see :func:`get_data_home`.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes:

        - data : RaggedArray of shape (n_samples, None, 12), float32.
        - target : ndarray of shape (n_samples,), integers from 0 to 8.
        - feature_names : list of 12 str.
        - target_names : list of 9 str, the speakers "1" to "9".
        - DESCR : str, the description, with licence and citation.
    (data, target) : tuple
        Only if `return_X_y` is True.

    Raises
    ------
    OSError
        If the download fails. No files are left behind.

    See Also
    --------
    fetch_natops : Sequences of equal length.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_japanese_vowels
    >>> vowels = fetch_japanese_vowels()  # doctest: +SKIP
    >>> vowels.data  # doctest: +SKIP
    RaggedArray(n_samples=270, n_features=12, n_steps=7..26, dtype=float32)
    >>> vowels.target_names[vowels.target[0]]  # doctest: +SKIP
    '1'
    """
    X, labels = _read_subset(_JAPANESE_VOWELS, subset, data_home)
    return as_bunch(
        "japanese_vowels",
        return_X_y,
        data=X,
        target=labels.astype(np.int64) - 1,
        feature_names=[f"coefficient_{i}" for i in range(1, 13)],
        target_names=[str(i) for i in range(1, 10)],
    )


@validate_params(
    {**SUBSET, **DATA_HOME, "return_X_y": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def fetch_natops(
    *,
    subset: str = "train",
    data_home: str | PathLike[str] | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Load NATOPS: aircraft handling signals from body sensors (classification).

    Downloaded once, with pooch: ``pip install "sklearn-rnn[datasets]"``. The data are
    360 gestures with 51 steps and 24 features, the positions of hands, elbows, wrists
    and thumbs.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Part of the published split: 180 gestures, another 180 gestures or both.
    data_home : str or path-like, default=None
        Folder for the files. By default, see :func:`get_data_home`.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes:

        - data : ndarray of shape (n_samples, 51, 24), float32.
        - target : ndarray of shape (n_samples,), integers from 0 to 5.
        - feature_names : list of 24 str.
        - target_names : list of 6 str, the signals.
        - DESCR : str, the description, with licence and citation.
    (data, target) : tuple
        Only if `return_X_y` is True.

    Raises
    ------
    OSError
        If the download fails. No files are left behind.

    See Also
    --------
    fetch_japanese_vowels : Sequences of different length.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_natops
    >>> natops = fetch_natops()  # doctest: +SKIP
    >>> natops.data.shape  # doctest: +SKIP
    (180, 51, 24)
    >>> natops.target_names  # doctest: +SKIP
    ['I have command', 'All clear', 'Not clear', 'Spread wings', 'Fold wings',
     'Lock wings']
    """
    X, labels = _read_subset(_NATOPS, subset, data_home)
    return as_bunch(
        "natops",
        return_X_y,
        data=X.values.reshape(len(X), X.common_length, X.n_features),
        target=labels.astype(np.float64).astype(np.int64) - 1,
        feature_names=[
            f"{place}_{side}_{axis}"
            for place in _PLACES
            for side in ("left", "right")
            for axis in "xyz"
        ],
        target_names=[
            "I have command",
            "All clear",
            "Not clear",
            "Spread wings",
            "Fold wings",
            "Lock wings",
        ],
    )


def _read_subset(
    files: dict[str, RemoteFile], subset: str, data_home: Any
) -> tuple[RaggedArray, NDArray[np.str_]]:
    parts = [read_ts(fetch_file(files[name], data_home)) for name in SUBSETS[subset]]
    values = np.concatenate([X.values for X, _ in parts])
    lengths = np.concatenate([X.lengths for X, _ in parts])
    labels = np.concatenate([y for _, y in parts])
    return RaggedArray(values, lengths_to_offsets(lengths)), labels
