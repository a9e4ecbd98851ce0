"""Names and sentences: sequences of characters and of words."""

from os import PathLike

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklearn_rnn.datasets._bunch import DATA_HOME, as_bunch
from sklearn_rnn.datasets._downloads import RemoteFile, fetch_lines
from sklearn_rnn.utils import StrOptions, validate_params

_PRACTICAL_PYTORCH = (
    "https://raw.githubusercontent.com/spro/practical-pytorch/"
    "c520c52e68e945d88fff563dba1c028b6ec0197b/data/names/"
)
_NATIONALITIES = {
    "Arabic": "6f424a8dbe51cbbbabab7a57d38b617210125e4e3991f3c657cb79b8f104bafc",
    "Chinese": "09ba8f1f7e38dbc99372d461b26ad4433b811fc6bfa6a3ecca6fe11a9a777465",
    "Czech": "e17ab0ec47616a72c39cb85c783f70c3663ab64488721e5d8378f146d2226be7",
    "Dutch": "924f32b635170eae561f84538632138fc07d4c8bbd70ba3fb980de1ecc4d2af3",
    "English": "9cca037066d3d5989e24bc01801416162de506b5e28e15b7c092a47905d29bf2",
    "French": "81e65b36c60ed5b89a17422f6edcadbb89546f38ad69e960e64e7ba682012a95",
    "German": "7449cd590b97a733e18d613a4155decd77ec35dc5f8aadd7a82204dce4f051db",
    "Greek": "3555b5186de7f401e6d991b088e9e644ca3099116477818c25ab5793801389e6",
    "Irish": "cf8c7013256252a88d2503127b87282a11f21b2ff6db1bded68834c19a1ec058",
    "Italian": "f88414c27d0606a11a678b4859277828c2565d6cc4d9ee932deef6e94f3b35e4",
    "Japanese": "e0e717e114fec3e7eade4d9dabe0067c475f43147e36a22b47902ee76ad9e67f",
    "Korean": "cd54221ccb362a6cba4c78828838cf3268a0e59744767a37cf6ec4b74036b136",
    "Polish": "45bab898af2f60ed3a728bbf6980e28821011a7caa53227553b5785903a40826",
    "Portuguese": "50a8735f41f4f73757c8ce5b16cb0275cd86b2b214bcbc8c9805f508cb131c53",
    "Russian": "0cfe53ac18041e8f63666aa77313e0a3ff378facb132abee052d8ebdc8c3d62c",
    "Scottish": "78d0252711d87d948ea86fe34826c51d2d794a8e52d15b5d6f7b6244d45d62dd",
    "Spanish": "1bcb462ed3316756a85781d68232bddae04498fdddd5d9219c53fd1fbdeba7a7",
    "Vietnamese": "f3f9e4164ab47601178a6e45b216464a64122f49d05541f24bf18a757253281d",
}
_NAMES = [
    RemoteFile("names", f"{name}.txt", f"{_PRACTICAL_PYTORCH}{name}.txt", sha256)
    for name, sha256 in _NATIONALITIES.items()
]
_SENTIMENT = (
    "https://raw.githubusercontent.com/clairett/pytorch-sentiment-classification/"
    "457ffd83de90a9d6d472d8ffc31bbffe40a8b236/data/SST2/"
)
_SST2 = {
    part: RemoteFile("sst2", f"{part}.tsv", f"{_SENTIMENT}{part}.tsv", sha256)
    for part, sha256 in {
        "train": "ec192f833a64da08f475488a77b0d0b47db47acd0f458bd18433fc793b569920",
        "dev": "eddea6b39e601dd4e7a672b53cc40fdf6019fa80522f351206c24340ca5d9359",
        "test": "831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7",
    }.items()
}


@validate_params(
    {**DATA_HOME, "return_X_y": ["boolean"]}, prefer_skip_nested_validation=True
)
def fetch_names(
    *,
    data_home: str | PathLike[str] | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[list[str], NDArray[np.int64]]:
    """Load surnames of 18 nationalities (classification by characters).

    Downloaded once, with pooch: ``pip install "sklearn-rnn[datasets]"``. The data are
    20,050 names of 2 to 20 characters. The classes are imbalanced: nearly half of the
    names are Russian. Some names occur several times, even with several nationalities.
    There is no published split; use a stratified one.

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

        - data : list of 20,050 str, without the trailing spaces of a few names.
        - target : ndarray of shape (20050,), integers from 0 to 17.
        - target_names : list of 18 str, the nationalities.
        - DESCR : str, the description, with licence and citation.
    (data, target) : tuple
        Only if `return_X_y` is True.

    Raises
    ------
    OSError
        If the download fails. No files are left behind.

    See Also
    --------
    fetch_sst2 : Sentences.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_names
    >>> names = fetch_names()  # doctest: +SKIP
    >>> names.data[-1], names.target_names[names.target[-1]]  # doctest: +SKIP
    ('Vuu', 'Vietnamese')
    """
    parts = [fetch_lines(file, data_home) for file in _NAMES]
    return as_bunch(
        "names",
        return_X_y,
        data=[name for part in parts for name in part],
        target=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
        target_names=list(_NATIONALITIES),
    )


@validate_params(
    {
        "subset": [StrOptions({*_SST2, "all"})],
        **DATA_HOME,
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def fetch_sst2(
    *,
    subset: str = "train",
    data_home: str | PathLike[str] | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[list[str], NDArray[np.int64]]:
    """Load SST-2: positive and negative sentences of film reviews (classification).

    Downloaded once, with pooch: ``pip install "sklearn-rnn[datasets]"``. The data are
    9,613 sentences in lower case, with words and punctuation separated by spaces. The
    phrase labels of the treebank are not included.

    Parameters
    ----------
    subset : {"train", "dev", "test", "all"}, default="train"
        Part of the published split: 6,920, 872 or 1,821 sentences, or all of them, in
        this order.
    data_home : str or path-like, default=None
        Folder for the files. By default, see :func:`get_data_home`.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes:

        - data : list of n_samples str.
        - target : ndarray of shape (n_samples,), 0 or 1.
        - target_names : list, ``["negative", "positive"]``.
        - DESCR : str, the description, with licence and citation.
    (data, target) : tuple
        Only if `return_X_y` is True.

    Raises
    ------
    OSError
        If the download fails. No files are left behind.

    See Also
    --------
    fetch_names : Sequences of characters.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_sst2
    >>> sst2 = fetch_sst2(subset="dev")  # doctest: +SKIP
    >>> sst2.data[0], sst2.target_names[sst2.target[0]]  # doctest: +SKIP
    ('one long string of cliches', 'negative')
    """
    parts = list(_SST2) if subset == "all" else [subset]
    lines = [line for part in parts for line in fetch_lines(_SST2[part], data_home)]
    sentences, labels = zip(*(line.split("\t") for line in lines), strict=True)
    return as_bunch(
        "sst2",
        return_X_y,
        data=list(sentences),
        target=np.array(labels, dtype=np.int64),
        target_names=["negative", "positive"],
    )
