"""Tiny Shakespeare: one long text."""

from os import PathLike

from sklearn.utils import Bunch

from sklearn_rnn.datasets._bunch import DATA_HOME, SUBSET, as_bunch
from sklearn_rnn.datasets._downloads import RemoteFile, fetch_file
from sklearn_rnn.utils import validate_params

_FILE = RemoteFile(
    "tinyshakespeare",
    "input.txt",
    "https://raw.githubusercontent.com/karpathy/char-rnn/"
    "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
)


@validate_params({**SUBSET, **DATA_HOME}, prefer_skip_nested_validation=True)
def fetch_tinyshakespeare(
    *,
    subset: str = "train",
    data_home: str | PathLike[str] | None = None,
) -> Bunch:
    """Load Tiny Shakespeare: plays as one long text (generation by characters).

    Downloaded once, with pooch: ``pip install "sklearn-rnn[datasets]"``. The text has
    1,115,394 characters, 65 different ones. There is no target.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Part of the usual split: the first 1,003,854 characters (90 %), the other
        111,540, or all of them.
    data_home : str or path-like, default=None
        Folder for the files. By default, see :func:`get_data_home`.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes:

        - data : list of one str, as :class:`~sklearn_rnn.RNNGenerator` reads it.
        - DESCR : str, the description, with licence and citation.

    Raises
    ------
    OSError
        If the download fails. No files are left behind.

    See Also
    --------
    fetch_names : Short sequences of characters.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_tinyshakespeare
    >>> (text,) = fetch_tinyshakespeare().data  # doctest: +SKIP
    >>> text[:14]  # doctest: +SKIP
    'First Citizen:'
    """
    text = fetch_file(_FILE, data_home).read_text(encoding="utf-8")
    n_train = int(0.9 * len(text))
    parts = {"train": text[:n_train], "test": text[n_train:], "all": text}
    return as_bunch("tinyshakespeare", False, data=[parts[subset]])
