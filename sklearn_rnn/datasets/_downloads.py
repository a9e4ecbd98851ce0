"""Files of data sets: downloaded once, verified and stored."""

import gzip
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from sklearn_rnn.datasets._data_home import get_data_home

_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError)


@dataclass(frozen=True)
class RemoteFile:
    """A file of a data set.

    Parameters
    ----------
    folder, name : str
        Subfolder of the data home, and file name in it.
    url : str
        URL of the original.
    sha256 : str
        Checksum of the original, and of the file in the data home.
    mirror_name : str, default=None
        Name in `folder` on a mirror, if it differs from `name`. Gzipped files are
        unpacked.
    """

    folder: str
    name: str
    url: str
    sha256: str
    mirror_name: str | None = None

    def path_in(self, data_home: str | PathLike[str] | None) -> Path:
        return Path(get_data_home(data_home), self.folder, self.name)


def fetch_file(file: RemoteFile, data_home: str | PathLike[str] | None) -> Path:
    """Return the path of a file in the data home, and download it if necessary.

    Parameters
    ----------
    file : RemoteFile
        File to fetch. If the data home has a file with this checksum, nothing is
        downloaded.
    data_home : str or path-like or None
        See :func:`get_data_home`.

    Returns
    -------
    path : Path
        Path of the file.

    Raises
    ------
    OSError
        If the download fails or has the wrong checksum. No files are left behind.
    ImportError
        If pooch is not installed.
    """
    path = file.path_in(data_home)
    url = mirror_url(file) or file.url
    with explained_errors(url, path):
        import_pooch().retrieve(
            url,
            known_hash=f"sha256:{file.sha256}",
            fname=file.name,
            path=path.parent,
            downloader=_download_unpacked,
        )
    return path


def fetch_lines(file: RemoteFile, data_home: str | PathLike[str] | None) -> list[str]:
    """Return the lines of a text file that are not blank, without outer spaces."""
    text = fetch_file(file, data_home).read_text(encoding="utf-8")
    return [line.strip() for line in text.split("\n") if line.strip()]


def mirror_url(file: RemoteFile) -> str | None:
    """Return the URL of a file on the mirror, or None if no mirror is set."""
    mirror = os.environ.get("SKLEARN_RNN_MIRROR")
    if not mirror:
        return None
    return f"{mirror.rstrip('/')}/{file.folder}/{file.mirror_name or file.name}"


def import_pooch() -> Any:
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            "The fetch_* functions require pooch, which is not installed: pip install "
            '"sklearn-rnn[datasets]".'
        ) from error
    return pooch


def download(url: str, file: IO[bytes]) -> None:
    """Download `url` to an open file."""
    import requests  # a dependency of pooch, whose own downloader leaves sockets open

    with requests.get(url, stream=True, timeout=30) as response:
        response.raise_for_status()
        for chunk in response.iter_content(2**16):
            file.write(chunk)


def _download_unpacked(url: str, path: str, _: Any) -> None:
    with TemporaryFile() as file:
        download(url, file)
        file.seek(0)
        # not by the name: some servers send a .gz file with "Content-Encoding: gzip",
        # and it is already unpacked
        is_gzipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        with open(path, "wb") as target:
            source = gzip.GzipFile(fileobj=file) if is_gzipped else file
            shutil.copyfileobj(source, target)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # it contains another file of the data set
        folder.rmdir()


@contextmanager
def explained_errors(url: str, path: Path) -> Iterator[None]:
    """Suggest remedies in the error if `path` cannot be downloaded from `url`.

    A ValueError or LookupError in the block means that the downloaded content is
    invalid.
    """
    import_pooch()  # requests is its dependency
    from requests import RequestException

    try:
        yield
    # some of these are ValueErrors too
    except (RequestException, *_DAMAGED) as error:
        problem, cause = f"Could not download {url}", error
    except (ValueError, LookupError) as error:
        problem, cause = f"{url} did not return the expected {path.name}", error
    except OSError as error:
        _remove_if_empty(path.parent)
        reason = error.strerror or str(error)
        raise OSError(
            error.errno,
            f"Could not write {path.name}; no part of it was kept. Check the free space"
            " and the permissions of the data home and of the folder for temporary "
            "files, or set SKLEARN_RNN_DATA to another data home. The reason: "
            f"{reason}",
            str(path),
        ) from error
    else:
        return
    _remove_if_empty(path.parent)
    raise OSError(
        f"{problem}; no part of it was kept. Try again; check the network (behind a "
        "proxy, HTTPS_PROXY); set SKLEARN_RNN_MIRROR to the base URL of a mirror; or "
        f"put the file at {path} yourself. The reason: {type(cause).__name__}: {cause}"
    ) from cause
