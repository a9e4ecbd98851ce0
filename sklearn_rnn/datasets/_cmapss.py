"""C-MAPSS FD001: engines that run until they fail."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklearn_rnn._sequences import RaggedArray, lengths_to_offsets
from sklearn_rnn.datasets._bunch import DATA_HOME, SUBSET, SUBSETS, as_bunch
from sklearn_rnn.datasets._downloads import RemoteFile, fetch_file
from sklearn_rnn.utils import check_pandas_support, validate_params

_SOURCE = (
    "https://raw.githubusercontent.com/MostafaMousivand/Predictive-Maintenance-with-"
    "LSTM/36afd646a7e245fc94a5cb52081e0b4a7b910102/data/"
)
_STEPS = {
    "train": RemoteFile(
        "cmapss_fd001",
        "train_FD001.txt",
        _SOURCE + "train_FD001.txt",
        "c0fd38f73b764980c56b5dc0abbc0a98d888fdc757a8eaef5acfc1f7ac21805f",
        mirror_name="train_FD001.txt.gz",
    ),
    "test": RemoteFile(
        "cmapss_fd001",
        "test_FD001.txt",
        _SOURCE + "test_FD001.txt",
        "3cda7109ce17bafb5443f2ac926cfcf88154b941b8c4cf95eb55d1ddd6f52851",
        mirror_name="test_FD001.txt.gz",
    ),
}
_REMAINING = RemoteFile(
    "cmapss_fd001",
    "RUL_FD001.txt",
    _SOURCE + "RUL_FD001.txt",
    "a19c8ec94931949d0485bdc35118206e9c81c4547b422efb9cf86f4ceddbceca",
)
_FEATURES = [f"setting_{i}" for i in range(1, 4)] + [
    f"sensor_{i}" for i in range(1, 22)
]


@validate_params(
    {**SUBSET, **DATA_HOME, "return_X_y": ["boolean"], "as_frame": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def fetch_cmapss_fd001(
    *,
    subset: str = "train",
    data_home: str | PathLike[str] | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Load C-MAPSS FD001: the remaining useful life of turbofan engines (regression).

    Downloaded once, with pooch: ``pip install "sklearn-rnn[datasets]"``. The data are
    200 simulated engines, each a sequence of flights (cycles) with 3 settings and 21
    sensors: 100 run until they fail, 100 are truncated before. The target is the number
    of remaining cycles after each cycle. It is usually capped at 125, and the error is
    usually measured after the last cycle of each test engine.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Part of the published split: the 100 engines that run until they fail, the 100
        truncated engines, or both.
    data_home : str or path-like, default=None
        Folder for the files. By default, see :func:`get_data_home`.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.
    as_frame : bool, default=False
        Whether `data` is a long pandas table, with one row per cycle.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes:

        - data : RaggedArray of shape (n_engines, None, 24), float32; with `as_frame` a
          DataFrame with the columns "unit" and "cycle" and the 24 features, float64.
          A few values of the training part are missing (NaN).
        - target : RaggedArray of shape (n_engines, None, 1), integers: the number of
          remaining cycles after each cycle; with `as_frame` a Series, "RUL".
        - frame : DataFrame, data and target; only with `as_frame`.
        - unit : ndarray of shape (n_engines,), the number of each engine: 1 to 100 in
          each part; in "all", the test engines have the numbers 101 to 200.
        - feature_names : list of 24 str.
        - target_names : list, ``["RUL"]``.
        - DESCR : str, the description, with licence and citation.
    (data, target) : tuple
        Only if `return_X_y` is True.

    Raises
    ------
    OSError
        If the download fails. No files are left behind.

    See Also
    --------
    fetch_monthly_sunspots : One long series.
    fetch_physionet2012 : Missing values and irregular times.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_cmapss_fd001
    >>> engines = fetch_cmapss_fd001(subset="test")  # doctest: +SKIP
    >>> engines.data  # doctest: +SKIP
    RaggedArray(n_samples=100, n_features=24, n_steps=31..303, dtype=float32)
    >>> engines.target[0][-1]  # doctest: +SKIP
    array([112])
    """
    parts = [_read_part(part, data_home) for part in SUBSETS[subset]]
    lengths = np.concatenate([lengths for _, lengths, _ in parts])
    values = np.concatenate([values for values, _, _ in parts])
    remaining = np.concatenate([after for _, _, after in parts])
    unit = np.arange(1, len(lengths) + 1)
    names = {"feature_names": list(_FEATURES), "target_names": ["RUL"], "unit": unit}
    if as_frame:
        tables = _as_tables(values, np.repeat(unit, lengths), remaining)
        return as_bunch("cmapss_fd001", return_X_y, **tables, **names)
    offsets = lengths_to_offsets(lengths)
    return as_bunch(
        "cmapss_fd001",
        return_X_y,
        data=RaggedArray(values[:, 2:].astype(np.float32), offsets),
        target=RaggedArray(remaining, offsets),
        **names,
    )


def _read_part(
    part: str, data_home: str | PathLike[str] | None
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the table, the cycles of each engine, and the remaining cycles."""
    values = _read_table(fetch_file(_STEPS[part], data_home))
    lengths = np.unique(values[:, 0], return_counts=True)[1]
    at_end = np.zeros(len(lengths), dtype=np.int64)
    if part == "test":
        at_end = np.loadtxt(fetch_file(_REMAINING, data_home), dtype=np.int64)
    cycle = values[:, 1].astype(np.int64)
    return values, lengths, np.repeat(at_end + lengths, lengths) - cycle


def _read_table(path: Path) -> NDArray[np.float64]:
    """Read 26 columns of numbers; the source writes missing values in three ways."""
    text = path.read_text(encoding="utf-8")
    for missing in ("'N/A'", "None", "NAN"):
        text = text.replace(missing, "nan")
    return np.array(text.split(), dtype=np.float64).reshape(-1, 26)


def _as_tables(
    values: NDArray[np.float64], unit: NDArray[np.int64], remaining: NDArray[np.int64]
) -> dict[str, Any]:
    pd = check_pandas_support("fetch_cmapss_fd001 with as_frame=True")
    data = pd.DataFrame(values[:, 2:], columns=_FEATURES)
    data.insert(0, "unit", unit)
    data.insert(1, "cycle", values[:, 1].astype(np.int64))
    target = pd.Series(remaining, name="RUL")
    return {"data": data, "target": target, "frame": data.assign(RUL=target)}
