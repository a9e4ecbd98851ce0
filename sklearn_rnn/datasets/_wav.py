"""Recordings in WAV files, read by the standard library."""

import wave
from os import PathLike, fspath

import numpy as np
from numpy.typing import NDArray


def read_wav(path: str | PathLike[str]) -> tuple[NDArray[np.float32], int]:
    """Read a recording from a WAV file.

    Parameters
    ----------
    path : str or path-like
        Path of the file, with uncompressed samples of 8, 16, 24 or 32 bits.

    Returns
    -------
    samples : ndarray of shape (n_samples,) or (n_samples, n_channels)
        Samples as float32, from -1 to 1. One dimension if there is one channel.
    sampling_rate : int
        Samples per second.

    Raises
    ------
    ValueError
        If the file is not a WAV file, or is compressed.

    Examples
    --------
    >>> import wave
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_rnn.datasets import read_wav
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "two.wav"
    ...     with wave.open(str(path), "wb") as file:
    ...         file.setparams((1, 2, 8000, 0, "NONE", ""))
    ...         file.writeframes(b"\\x00\\x40\\x00\\xc0")
    ...     samples, sampling_rate = read_wav(path)
    >>> samples.tolist(), sampling_rate
    ([0.5, -0.5], 8000)
    """  # noqa: D301
    try:
        with wave.open(fspath(path), "rb") as file:
            n_channels, width = file.getnchannels(), file.getsampwidth()
            sampling_rate = file.getframerate()
            content = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(
            f"{fspath(path)} is not a WAV file of uncompressed samples: {error}."
        ) from error
    samples = _to_floats(content[: len(content) // width * width], width)
    whole = samples[: len(samples) // n_channels * n_channels]
    return (whole if n_channels == 1 else whole.reshape(-1, n_channels)), sampling_rate


def _to_floats(content: bytes, width: int) -> NDArray[np.float32]:
    """Return samples from -1 to 1; those of 8 bits are not signed."""
    if width == 1:
        return (np.frombuffer(content, np.uint8).astype(np.float32) - 128) / 128
    raw = np.frombuffer(content, np.uint8).reshape(-1, width)
    wide = np.zeros((len(raw), 4), np.uint8)
    wide[:, 4 - width :] = raw  # the most significant bytes
    return wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
