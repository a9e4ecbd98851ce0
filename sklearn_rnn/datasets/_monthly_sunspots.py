"""Monthly sunspot numbers: one long series."""

from os import PathLike

import numpy as np
from sklearn.utils import Bunch

from sklearn_rnn.datasets._bunch import DATA_HOME, as_bunch
from sklearn_rnn.datasets._downloads import RemoteFile, fetch_file
from sklearn_rnn.utils import check_pandas_support, validate_params

_FILE = RemoteFile(
    "monthly_sunspots",
    "monthly-sunspots.csv",
    "https://raw.githubusercontent.com/jbrownlee/Datasets/"
    "d20fcb6402ae34e653d4513b00f39257bb37ed7f/monthly-sunspots.csv",
    "c4ec8cc57d9f6fb6ecdb3e1f37f25b6f4badd5124c55931052b0cd2fc3bc71f3",
)


@validate_params(
    {**DATA_HOME, "as_frame": ["boolean"]}, prefer_skip_nested_validation=True
)
def fetch_monthly_sunspots(
    *,
    data_home: str | PathLike[str] | None = None,
    as_frame: bool = False,
) -> Bunch:
    """Load the monthly sunspot numbers, 1749 to 1983 (forecasting).

    Downloaded once, with pooch: ``pip install "sklearn-rnn[datasets]"``. The data are
    one series of 2,820 months, with a cycle of about 11 years. There is no separate
    target; :func:`~sklearn_rnn.preprocessing.make_windows` cuts the series into windows
    with targets.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder for the files. By default, see :func:`get_data_home`.
    as_frame : bool, default=False
        Whether `data` is a pandas table.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes:

        - data : ndarray of shape (2820, 1); with `as_frame` a DataFrame with the
          columns "month", the first day of the month, and "sunspots".
        - frame : DataFrame, the same; only with `as_frame`.
        - months : ndarray of shape (2820,), datetime64[M].
        - feature_names : list, ``["sunspots"]``.
        - DESCR : str, the description, with licence and citation.

    Raises
    ------
    OSError
        If the download fails. No files are left behind.

    See Also
    --------
    fetch_cmapss_fd001 : Many series, with a target at each step.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_monthly_sunspots
    >>> sunspots = fetch_monthly_sunspots()  # doctest: +SKIP
    >>> print(sunspots.months[-1], sunspots.data[-1])  # doctest: +SKIP
    1983-12 [33.4]
    """
    text = fetch_file(_FILE, data_home).read_text(encoding="utf-8")
    rows = [line.replace('"', "").split(",") for line in text.splitlines()[1:]]
    months = np.array([month for month, _ in rows], dtype="datetime64[M]")
    data = np.array([[number] for _, number in rows], dtype=np.float64)
    contents = {"data": data}
    if as_frame:
        pd = check_pandas_support("fetch_monthly_sunspots with as_frame=True")
        first_days = months.astype("datetime64[s]")
        frame = pd.DataFrame({"month": first_days, "sunspots": data[:, 0]})
        contents = {"data": frame, "frame": frame}
    return as_bunch(
        "monthly_sunspots",
        False,
        **contents,
        months=months,
        feature_names=["sunspots"],
    )
