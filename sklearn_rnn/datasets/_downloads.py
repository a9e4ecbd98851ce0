"""Files of data sets: downloaded once, checked, kept."""

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
        Where it is in the data home.
    url : str
        Where the original is.
    sha256 : str
        Checksum of the original, and so of the file in the data home.
    mirror_name : str, default=None
        Its name in `folder` on a mirror, if that is not `name`. What comes gzipped is
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
    """Return the path of a file in the data home, downloading it if need be.

    Parameters
    ----------
    file : RemoteFile
        What to fetch. A file with this checksum in the data home is not fetched again.
    data_home : str or path-like or None
        As in :func:`get_data_home`.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    OSError
        If the download fails or is not what was expected; nothing is left behind then.
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


def mirror_url(file: RemoteFile) -> str | None:
    """Return the address of a file on the mirror, or None if no mirror is set."""
    mirror = os.environ.get("SKLEARN_RNN_MIRROR")
    if not mirror:
        return None
    return f"{mirror.rstrip('/')}/{file.folder}/{file.mirror_name or file.name}"


def import_pooch() -> Any:
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            "The fetch_* functions download with pooch, which is not installed: pip "
            'install "sklearn-rnn[datasets]".'
        ) from error
    return pooch


def download(url: str, file: IO[bytes]) -> None:
    """Write what `url` sends to an open file."""
    import requests  # which pooch brings; its own downloader leaves sockets open

    with requests.get(url, stream=True, timeout=30) as response:
        response.raise_for_status()
        for chunk in response.iter_content(2**16):
            file.write(chunk)


def _download_unpacked(url: str, path: str, _: Any) -> None:
    with TemporaryFile() as file:
        download(url, file)
        file.seek(0)
        # not by the name: some servers say "Content-Encoding: gzip" of a .gz file, and
        # then it is unpacked already
        is_gzipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        with open(path, "wb") as target:
            source = gzip.GzipFile(fileobj=file) if is_gzipped else file
            shutil.copyfileobj(source, target)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # another file of the data set is in it
        folder.rmdir()


@contextmanager
def explained_errors(url: str, path: Path) -> Iterator[None]:
    """Say what can be done when `path` cannot be had from `url`.

    A ValueError or LookupError inside means that what came is not what was expected.
    """
    import_pooch()  # which brings requests
    from requests import RequestException

    try:
        yield
    # some of these are ValueErrors too
    except (RequestException, *_DAMAGED) as error:
        problem, cause = f"Could not download {url}", error
    except (ValueError, LookupError) as error:
        problem, cause = f"What came from {url} is not the {path.name} expected", error
    except OSError as error:
        _remove_if_empty(path.parent)
        reason = error.strerror or str(error)
        raise OSError(
            error.errno,
            f"Could not write {path.name}, and nothing of it was kept. See to the space"
            " and the permissions of the data home and of the folder of temporary "
            "files, or set SKLEARN_RNN_DATA to another data home. The reason: "
            f"{reason}",
            str(path),
        ) from error
    else:
        return
    _remove_if_empty(path.parent)
    raise OSError(
        f"{problem}, and nothing of it was kept. Try again; see to the network (behind "
        "a proxy, to HTTPS_PROXY); set SKLEARN_RNN_MIRROR to the base URL of a mirror; "
        f"or put the file at {path} yourself. The reason: {type(cause).__name__}: "
        f"{cause}"
    ) from cause
