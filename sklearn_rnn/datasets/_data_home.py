"""The folder of downloaded data sets."""

import os
import shutil
from os import PathLike
from pathlib import Path

_DATA_SETS = (
    "cmapss_fd001",
    "cmudict",
    "fsdd",
    "japanese_vowels",
    "jsb_chorales",
    "monthly_sunspots",
    "multi30k",
    "names",
    "natops",
    "nottingham",
    "physionet2012",
    "sst2",
    "tinyshakespeare",
    "yesno",
)


def get_data_home(data_home: str | PathLike[str] | None = None) -> str:
    """Return the path of the folder for downloaded data sets.

    The folder is created if it does not exist. It has one subfolder per data set.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder. By default, the value of the environment variable
        ``SKLEARN_RNN_DATA`` or, if it is not set, ``~/sklearn_rnn_data``. ``~`` is
        expanded to the user's home folder.

    Returns
    -------
    data_home : str
        Path of the folder.

    See Also
    --------
    clear_data_home : Delete the downloaded data sets.

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
    """Delete the downloaded data sets.

    Only the subfolders of the data sets are deleted. The data home and other files in
    it are kept.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder. By default, the value of the environment variable
        ``SKLEARN_RNN_DATA`` or, if it is not set, ``~/sklearn_rnn_data``. ``~`` is
        expanded to the user's home folder.

    See Also
    --------
    get_data_home : Path of the folder for downloaded data sets.

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
