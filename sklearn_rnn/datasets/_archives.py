"""Data sets whose source has many files: one archive becomes plain arrays.

The archive of a commit is downloaded and converted to one .npz file. GitHub does not
guarantee the bytes of the archive, so the checksum is that of the arrays. A mirror
provides the .npz file.
"""

import hashlib
import os
import tarfile
import wave
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn.datasets._downloads import (
    RemoteFile,
    download,
    explained_errors,
    fetch_file,
    mirror_url,
)


@dataclass(frozen=True)
class ArrayFile:
    """Arrays in one file, converted from an archive.

    Parameters
    ----------
    dtypes : dict of str
        Names of the arrays and their types in the checksum.
    sha256 : str
        Checksum of the arrays, one after the other.
    read_archive : callable
        ``read_archive(path)`` returns a dict of the arrays in an archive.
    """

    dtypes: dict[str, str]
    sha256: str
    read_archive: Callable[[Path], dict[str, NDArray]]

    def fetch(
        self, file: RemoteFile, data_home: str | PathLike[str] | None
    ) -> dict[str, NDArray]:
        """Return the arrays, and download them if necessary.

        Parameters
        ----------
        file : RemoteFile
            URL of the archive, and name and checksum of the .npz file on a mirror.
        data_home : str or path-like or None
            See :func:`get_data_home`.

        Raises
        ------
        OSError
            If the download fails or has the wrong checksum. No files are left behind.
        """
        path = file.path_in(data_home)
        arrays = self._load(path)
        if arrays is None:
            if mirror_url(file):
                fetch_file(file, data_home)
            else:
                self._convert_archive(file.url, path)
            arrays = self._load(path)
            assert arrays is not None  # its checksum was just verified
        return arrays

    def _load(self, path: Path) -> dict[str, NDArray] | None:
        """Return the arrays, or None if they are missing or invalid."""
        try:
            with path.open("rb") as file, np.load(file) as contents:
                arrays = {name: contents[name] for name in self.dtypes}
        except (OSError, EOFError, KeyError, ValueError, BadZipFile, zlib.error):
            return None
        return arrays if self._checksum(arrays) == self.sha256 else None

    def _convert_archive(self, url: str, path: Path) -> None:
        """Download the archive and save its arrays."""
        with explained_errors(url, path):
            path.parent.mkdir(exist_ok=True)
            with TemporaryDirectory(dir=path.parent) as folder:
                archive, converted = Path(folder, "a.tar.gz"), Path(folder, path.name)
                with archive.open("wb") as file:
                    download(url, file)
                arrays = self.read_archive(archive)
                if self._checksum(arrays) != self.sha256:
                    raise ValueError("the checksum of its values differs")
                np.savez_compressed(converted, **arrays)
                os.replace(converted, path)

    def _checksum(self, arrays: dict[str, NDArray]) -> str:
        sha256 = hashlib.sha256()
        for name, dtype in self.dtypes.items():
            sha256.update(np.ascontiguousarray(arrays[name], dtype=dtype))
        return sha256.hexdigest()


def read_recordings(path: Path, folder: str) -> dict[str, NDArray[np.int16]]:
    """Return the samples of the WAV files in a folder of an archive, by name.

    Parameters
    ----------
    path : Path
        Archive.
    folder : str
        Name of the folder. Its other files are ignored.

    Returns
    -------
    recordings : dict of ndarray
        Samples of each file, of 16 bits. The names have no ``.wav``.

    Raises
    ------
    ValueError
        If a file is not a WAV file.
    """
    recordings = {}
    with tarfile.open(path) as archive:
        for member in filter(tarfile.TarInfo.isfile, archive):
            *_, parent, name = member.name.split("/")
            if parent == folder and name.endswith(".wav"):
                samples = _read_samples(archive.extractfile(member))
                recordings[name.removesuffix(".wav")] = samples
    return recordings


def _read_samples(file: Any) -> NDArray[np.int16]:
    try:
        with wave.open(file, "rb") as recording:
            content = recording.readframes(recording.getnframes())
    except wave.Error as error:
        raise ValueError(f"a recording is not a WAV file: {error}") from error
    return np.frombuffer(content, "<i2")
