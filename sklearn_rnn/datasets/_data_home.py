"""Where downloaded data sets are kept."""

import os
import shutil
from os import PathLike
from pathlib import Path

_DATA_SETS = (
    "cmapss_fd001",
    "japanese_vowels",
    "monthly_sunspots",
    "names",
    "natops",
    "physionet2012",
    "sst2",
)


def get_data_home(data_home: str | PathLike[str] | None = None) -> str:
    """Return the folder that downloaded data sets are kept in.

    It is made if it is not there. Each data set has a folder of its own in it.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder. By default, what the environment variable ``SKLEARN_RNN_DATA``
        says, or else ``~/sklearn_rnn_data``. ``~`` is the user's home.

    Returns
    -------
    data_home : str
        The path of the folder.

    See Also
    --------
    clear_data_home : Delete what was downloaded.

    Examples
    --------
    >>> import os
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_rnn.datasets import get_data_home
    >>> with TemporaryDirectory() as folder:
    ...     home = get_data_home(os.path.join(folder, "data"))
    ...     os.path.isdir(home)
    True
    """
    if data_home is None:
        data_home = os.environ.get("SKLEARN_RNN_DATA") or "~/sklearn_rnn_data"
    home = Path(data_home).expanduser()
    home.mkdir(parents=True, exist_ok=True)
    return str(home)


def clear_data_home(data_home: str | PathLike[str] | None = None) -> None:
    """Delete the data sets that were downloaded.

    Only the folders of the data sets go. Whatever else is in the data home stays, and
    so does the data home.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder. By default, what the environment variable ``SKLEARN_RNN_DATA``
        says, or else ``~/sklearn_rnn_data``. ``~`` is the user's home.

    See Also
    --------
    get_data_home : The folder that downloaded data sets are kept in.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_rnn.datasets import clear_data_home
    >>> with TemporaryDirectory() as folder:
    ...     clear_data_home(folder)
    """
    home = Path(get_data_home(data_home))
    for name in _DATA_SETS:
        if (home / name).is_dir():
            shutil.rmtree(home / name)
