"""The CMU Pronouncing Dictionary: words and their phonemes."""

import re
from os import PathLike

from sklearn.utils import Bunch

from sklearn_rnn.datasets._bunch import DATA_HOME, as_bunch
from sklearn_rnn.datasets._downloads import RemoteFile, fetch_lines
from sklearn_rnn.utils import validate_params

_FILE = RemoteFile(
    "cmudict",
    "cmudict.dict",
    "https://raw.githubusercontent.com/cmusphinx/cmudict/"
    "0f8072f814306c5ee4fbf992ed853601b12c01f9/cmudict.dict",
    "81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22",
    mirror_name="cmudict.dict.gz",
)


@validate_params(
    {**DATA_HOME, "return_X_y": ["boolean"]}, prefer_skip_nested_validation=True
)
def fetch_cmudict(
    *,
    data_home: str | PathLike[str] | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[list[str], list[str]]:
    """Load CMUdict: English words and their phonemes (transcription).

    Downloaded once, with pooch: ``pip install "sklearn-rnn[datasets]"``. The data are
    135,166 pronunciations of 126,052 words, in alphabetical order. A word with several
    pronunciations occurs once for each of them. There is no published split; hold out
    words, with all their pronunciations.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder for the files. By default, see :func:`get_data_home`.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes:

        - data : list of 135,166 str, the words in lower case, some with digits,
          apostrophes, full stops or hyphens.
        - target : list of 135,166 str, the phonemes of each, 39 different ones, with
          spaces between them. Vowels end in their stress: 0 (none), 1 or 2.
        - DESCR : str, the description, with licence and citation.
    (data, target) : tuple
        Only if `return_X_y` is True.

    Raises
    ------
    OSError
        If the download fails. No files are left behind.

    See Also
    --------
    fetch_names : Words and their nationality.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_cmudict
    >>> words = fetch_cmudict()  # doctest: +SKIP
    >>> i = words.data.index("sequence")  # doctest: +SKIP
    >>> words.target[i]  # doctest: +SKIP
    'S IY1 K W AH0 N S'
    """
    lines = [line.partition("#")[0].split() for line in fetch_lines(_FILE, data_home)]
    return as_bunch(
        "cmudict",
        return_X_y,
        data=[re.sub(r"\(\d+\)$", "", word) for word, *_ in lines],
        target=[" ".join(phonemes) for _, *phonemes in lines],
    )
