"""Multi30k: sentences in English and German."""

from os import PathLike

from sklearn.utils import Bunch

from sklearn_rnn.datasets._bunch import DATA_HOME, as_bunch
from sklearn_rnn.datasets._downloads import RemoteFile, fetch_lines
from sklearn_rnn.utils import StrOptions, validate_params

_SOURCE = (
    "https://raw.githubusercontent.com/multi30k/dataset/"
    "a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw/"
)
_PARTS = {"train": "train", "val": "val", "test": "test_2016_flickr"}
_FILES = {
    name: RemoteFile("multi30k", name, f"{_SOURCE}{name}.gz", sha256, f"{name}.gz")
    for name, sha256 in {
        "train.en": "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
        "train.de": "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
        "val.en": "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
        "val.de": "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
        "test_2016_flickr.en": (
            "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182"
        ),
        "test_2016_flickr.de": (
            "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16"
        ),
    }.items()
}


@validate_params(
    {
        "subset": [StrOptions({*_PARTS, "all"})],
        **DATA_HOME,
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def fetch_multi30k(
    *,
    subset: str = "train",
    data_home: str | PathLike[str] | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[list[str], list[str]]:
    """Load Multi30k: descriptions of images in English and German (translation).

    Downloaded once, with pooch: ``pip install "sklearn-rnn[datasets]"``. The data are
    31,014 pairs of sentences, as they were written: with capital letters, and with
    punctuation beside the words.

    Parameters
    ----------
    subset : {"train", "val", "test", "all"}, default="train"
        Part of the published split: 29,000, 1,014 or 1,000 pairs, or all of them, in
        this order. The test part is that of 2016.
    data_home : str or path-like, default=None
        Folder for the files. By default, see :func:`get_data_home`.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes:

        - data : list of n_samples str, in English, without outer spaces.
        - target : list of n_samples str, in German, without outer spaces.
        - DESCR : str, the description, with licence and citation.
    (data, target) : tuple
        Only if `return_X_y` is True.

    Raises
    ------
    OSError
        If the download fails. No files are left behind.

    See Also
    --------
    fetch_cmudict : Spelled words and their phonemes.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_multi30k
    >>> pairs = fetch_multi30k(subset="test")  # doctest: +SKIP
    >>> pairs.data[0]  # doctest: +SKIP
    'A man in an orange hat starring at something.'
    >>> pairs.target[0]  # doctest: +SKIP
    'Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt.'
    """
    parts = list(_PARTS) if subset == "all" else [subset]
    english, german = (
        [
            line
            for part in parts
            for line in fetch_lines(_FILES[f"{_PARTS[part]}.{language}"], data_home)
        ]
        for language in ("en", "de")
    )
    return as_bunch("multi30k", return_X_y, data=english, target=german)
