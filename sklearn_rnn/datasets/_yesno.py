"""yesno: recordings of eight words each, "yes" or "no" in Hebrew.

The public source has 60 WAV files, which are converted to plain arrays.
"""

from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklearn_rnn._sequences import RaggedArray, lengths_to_offsets
from sklearn_rnn.datasets._archives import ArrayFile, read_recordings
from sklearn_rnn.datasets._bunch import DATA_HOME, SUBSET, as_bunch
from sklearn_rnn.datasets._downloads import RemoteFile
from sklearn_rnn.utils import validate_params

_FILE = RemoteFile(
    "yesno",
    "yesno.npz",
    "https://github.com/keighrim/kaldi-yesno-tutorial/archive/"
    "f4e2910de0d3b58f5f3b5cd10a8e57712c60b34a.tar.gz",
    "b3fcbbd959226cc948682eb20300476f8917bea648a4034cca2338a01603b05c",  # of the .npz
)
_ARRAYS = {
    "samples": "<i2",  # all recordings, end to end
    "offsets": "<i8",  # samples of recording i: offsets[i] to offsets[i + 1]
    "names": "<U15",  # the words, as in "0_1_1_0_0_1_1_0": 1 is yes, 0 is no; sorted
}
_ARRAYS_SHA256 = "ef8e818821062041b01ae82a81f4d7e81411559562249cef2cf894cdf92d2aa0"
_SAMPLING_RATE = 8000
_WORDS = {"0": "no", "1": "yes"}
_N_TRAIN = 31  # those that begin with "no"
_ROWS = {
    "train": slice(_N_TRAIN),
    "test": slice(_N_TRAIN, None),
    "all": slice(None),
}


@validate_params(
    {**SUBSET, **DATA_HOME, "return_X_y": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def fetch_yesno(
    *,
    subset: str = "train",
    data_home: str | PathLike[str] | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[RaggedArray, list[str]]:
    """Load yesno: recordings of eight words each (speech recognition).

    Downloaded once, with pooch: ``pip install "sklearn-rnn[datasets]"``. The data are
    60 recordings of a man who says "yes" or "no" eight times, in Hebrew, with pauses
    between the words. A transcriber learns them in seconds.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Part of the split of the source: the 31 recordings that begin with "no", the
        29 that begin with "yes", or all of them, in this order.
    data_home : str or path-like, default=None
        Folder for the files. By default, see :func:`get_data_home`.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes:

        - data : RaggedArray of shape (n_samples, None, 1), float32, samples from -1 to
          1. :class:`~sklearn_rnn.preprocessing.AudioFeatures` converts them to spectra.
        - target : list of n_samples str, the eight words of each, in English, with
          spaces between them.
        - sampling_rate : int, 8,000 samples per second.
        - DESCR : str, the description, with licence and citation.
    (data, target) : tuple
        Only if `return_X_y` is True.

    Raises
    ------
    OSError
        If the download fails. No files are left behind.

    See Also
    --------
    fetch_spoken_digits : Single words, by six speakers.
    read_wav : Samples of other recordings.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_yesno
    >>> words = fetch_yesno(subset="test")  # doctest: +SKIP
    >>> print(words.data.shape, words.target[1])  # doctest: +SKIP
    (29, None, 1) yes no no no no no no yes
    """
    arrays = ArrayFile(_ARRAYS, _ARRAYS_SHA256, _read_archive).fetch(_FILE, data_home)
    values = arrays["samples"][:, np.newaxis].astype(np.float32) / 2**15
    target = [" ".join(map(_WORDS.get, name.split("_"))) for name in arrays["names"]]
    return as_bunch(
        "yesno",
        return_X_y,
        data=RaggedArray(values, arrays["offsets"])[_ROWS[subset]],
        target=target[_ROWS[subset]],
        sampling_rate=_SAMPLING_RATE,
    )


def _read_archive(path: Path) -> dict[str, NDArray]:
    """Read the recordings, sorted by name."""
    recordings = read_recordings(path, "waves_yesno")
    names = sorted(recordings)
    signals = [recordings[name] for name in names]
    contents = {
        "samples": np.concatenate(signals),
        "offsets": lengths_to_offsets([len(one) for one in signals]),
        "names": np.array(names),
    }
    return {name: contents[name].astype(dtype) for name, dtype in _ARRAYS.items()}
