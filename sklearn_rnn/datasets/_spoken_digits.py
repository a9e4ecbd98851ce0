"""The Free Spoken Digit Dataset: recordings of single digits.

The public source has 3,000 WAV files, which are converted to plain arrays.
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
    "fsdd",
    "fsdd.npz",
    "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/"
    "26eb9aaf76e81b692f806f9140c2d2777410d7a1.tar.gz",
    "3d60f84f68563bd7ed2381900c35b5c89adcc14c12d6076d498455a4d313d71c",  # of the .npz
)
_ARRAYS = {
    "signal_hi": "i1",  # all recordings, end to end: samples are 256 * hi + lo
    "signal_lo": "u1",
    "offsets": "<i8",  # samples of recording i: offsets[i] to offsets[i + 1]
    "digit": "u1",
    "speaker": "u1",  # its index in _SPEAKERS
    "index": "u1",  # which of the speaker's 50 recordings of the digit
}
_ARRAYS_SHA256 = "c92d3bf6eedf3652c421a8375e02f7b7b57c8faae016e6eb30d450fd73b5e880"
_SAMPLING_RATE = 8000
_SPEAKERS = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
_N_TEST = 5  # recordings of a digit by a speaker, the first ones


@validate_params(
    {**SUBSET, **DATA_HOME, "return_X_y": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def fetch_spoken_digits(
    *,
    subset: str = "train",
    data_home: str | PathLike[str] | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[RaggedArray, NDArray[np.int64]]:
    """Load the Free Spoken Digit Dataset (classification, or speech recognition).

    Downloaded once, with pooch: ``pip install "sklearn-rnn[datasets]"``. The data are
    3,000 recordings of single digits in English by six speakers, of 0.14 to 2.3
    seconds. Recordings of one speaker can be joined, for sequences of digits. A test
    with the voices of the training is easier than one with new voices.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Part of the published split: 2,700 or 300 recordings, or all of them, in this
        order. All six speakers are in both parts.
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
        - target : ndarray of shape (n_samples,), the digits, 0 to 9.
        - speaker : ndarray of shape (n_samples,), 0 to 5.
        - speaker_names : list of 6 str.
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
    fetch_yesno : Sequences of words, by one speaker.
    read_wav : Samples of other recordings.
    fetch_japanese_vowels : Recordings as cepstral coefficients.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_spoken_digits
    >>> digits = fetch_spoken_digits(subset="test")  # doctest: +SKIP
    >>> print(digits.data.shape, digits.target[0])  # doctest: +SKIP
    (300, None, 1) 0
    """
    arrays = ArrayFile(_ARRAYS, _ARRAYS_SHA256, _read_archive).fetch(_FILE, data_home)
    is_test = arrays["index"] < _N_TEST
    train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    rows = {"train": train, "test": test, "all": np.append(train, test)}[subset]
    signal = arrays["signal_hi"].astype(np.int16) * 256 + arrays["signal_lo"]
    values = signal[:, np.newaxis].astype(np.float32) / 2**15
    return as_bunch(
        "spoken_digits",
        return_X_y,
        data=RaggedArray(values, arrays["offsets"])[rows],
        target=arrays["digit"][rows].astype(np.int64),
        speaker=arrays["speaker"][rows].astype(np.int64),
        speaker_names=list(_SPEAKERS),
        sampling_rate=_SAMPLING_RATE,
    )


def _read_archive(path: Path) -> dict[str, NDArray]:
    """Read the recordings, sorted by speaker, digit and index."""
    recordings = {}
    for name, samples in read_recordings(path, "recordings").items():
        digit, speaker, index = name.split("_")
        recordings[_SPEAKERS.index(speaker), int(digit), int(index)] = samples
    keys = sorted(recordings)
    signals = [recordings[key] for key in keys]
    signal = np.concatenate(signals)
    speaker, digit, index = np.array(keys).T
    contents = {
        "signal_hi": signal >> 8,
        "signal_lo": signal & 255,
        "offsets": lengths_to_offsets([len(one) for one in signals]),
        "digit": digit,
        "speaker": speaker,
        "index": index,
    }
    return {name: contents[name].astype(dtype) for name, dtype in _ARRAYS.items()}
