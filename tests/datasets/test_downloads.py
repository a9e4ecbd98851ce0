"""What is downloaded is right, comes once, and leaves nothing behind when it fails."""

import errno
import gzip
import hashlib
import os
import re
import socket
import sys
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from sklearn_rnn import datasets
from sklearn_rnn.datasets import _downloads
from sklearn_rnn.datasets._downloads import RemoteFile, fetch_file

CONTENT = b"one line\n" * 10_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def source(tmp_path, serve, home):
    """A server of one file, plain and gzipped."""
    folder = tmp_path / "server" / "set"
    folder.mkdir(parents=True)
    (folder / "lines.txt").write_bytes(CONTENT)
    (folder / "lines.txt.gz").write_bytes(gzip.compress(CONTENT))
    return serve(folder.parent)


@pytest.fixture
def file(source):
    return RemoteFile("set", "lines.txt", f"{source.url}/set/lines.txt", SHA256)


def contents_of(home):
    return sorted(str(path.relative_to(home)) for path in home.rglob("*"))


def nothing_listens():
    """Return an address at which nobody answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


# What goes wrong on the way: answers of the server


def send(handler, body, length=None):
    handler.send_response(200)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    handler.end_headers()
    handler.wfile.write(body)


def damage(handler, body):
    send(handler, b"?" + body[1:], len(body))


def break_off(handler, body):
    send(handler, body[: len(body) // 2], len(body))


def break_off_unnoticed(handler, body):
    send(handler, body[: len(body) // 2])  # nobody was told how long it is


def refuse(handler, body):
    handler.send_error(503)


def be_unwanted(handler, body):
    send(handler, b"<html>Please log in to this network</html>")


FAULTS = [damage, break_off, break_off_unnoticed, refuse, be_unwanted]
every_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)


# Files ------------------------------------------------------------------------------


def test_the_first_call_downloads_and_the_second_needs_no_network(file, source, home):
    path = fetch_file(file, None)
    assert path == home / "set" / "lines.txt"
    assert path.read_bytes() == CONTENT
    source.shutdown()
    source.server_close()
    assert fetch_file(file, None) == path
    assert source.paths == ["/set/lines.txt"]
    assert contents_of(home) == ["set", "set/lines.txt"]


def test_a_data_home_that_is_named_goes_before_the_environment(file, home, tmp_path):
    assert fetch_file(file, tmp_path / "mine").is_relative_to(tmp_path / "mine")
    assert not home.exists()


def test_a_file_put_there_by_hand_is_taken(file, source, home):
    (home / "set").mkdir(parents=True)
    (home / "set" / "lines.txt").write_bytes(CONTENT)
    fetch_file(file, None)
    assert source.paths == []


def test_a_file_that_was_damaged_on_disk_is_fetched_again(file, home):
    path = fetch_file(file, None)
    path.write_bytes(CONTENT[:-1])
    assert fetch_file(file, None).read_bytes() == CONTENT


@pytest.mark.parametrize("name", [None, "lines.txt.gz"], ids=["plain", "gzipped"])
def test_a_mirror_goes_before_the_original(name, source, home, monkeypatch):
    monkeypatch.setenv("SKLEARN_RNN_MIRROR", source.url)
    file = RemoteFile("set", "lines.txt", nothing_listens(), SHA256, mirror_name=name)
    assert fetch_file(file, None).read_bytes() == CONTENT
    assert source.paths == [f"/set/{name or 'lines.txt'}"]


def test_a_server_may_unpack_on_the_way(source, home, monkeypatch):
    """Some say "Content-Encoding: gzip" of .gz files, and clients unpack them."""

    def say_that_it_is_packed(handler, body):
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        handler.wfile.write(body)

    source.fault = say_that_it_is_packed
    monkeypatch.setenv("SKLEARN_RNN_MIRROR", source.url)
    file = RemoteFile("set", "lines.txt", "", SHA256, mirror_name="lines.txt.gz")
    assert fetch_file(file, None).read_bytes() == CONTENT


@every_fault
@pytest.mark.parametrize("name", [None, "lines.txt.gz"], ids=["plain", "gzipped"])
def test_what_arrives_wrong_is_an_error_that_leaves_nothing(
    fault, name, source, home, monkeypatch
):
    source.fault = fault
    monkeypatch.setenv("SKLEARN_RNN_MIRROR", source.url)
    file = RemoteFile("set", "lines.txt", "", SHA256, mirror_name=name)
    with pytest.raises(OSError, match=r"no part of it was kept. Try again") as caught:
        fetch_file(file, None)
    assert f"{source.url}/set/{name or 'lines.txt'}" in str(caught.value)
    assert contents_of(home) == []
    source.fault = None  # and the next try is as good as a first
    assert fetch_file(file, None).read_bytes() == CONTENT


def test_a_wrong_checksum_is_called_so(file, source):
    source.fault = damage
    with pytest.raises(OSError, match=r"the expected lines.txt.*SHA256 hash"):
        fetch_file(file, None)


def test_a_failure_leaves_other_files_alone(file, source, home):
    path = fetch_file(file, None)
    (home / "set" / "other.txt").touch()
    path.unlink()
    source.fault = break_off
    with pytest.raises(OSError, match="Could not download"):
        fetch_file(file, None)
    assert contents_of(home) == ["set", "set/other.txt"]


def test_an_older_file_survives_a_failed_update(file, source, home):
    path = fetch_file(file, None)
    path.write_bytes(b"an older version")
    source.fault = break_off
    with pytest.raises(OSError, match="Could not download"):
        fetch_file(file, None)
    assert path.read_bytes() == b"an older version"


def test_ctrl_c_leaves_nothing_half_written(file, home, monkeypatch):
    def interrupt(url, target, _):
        Path(target).write_bytes(CONTENT[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(_downloads, "_download_unpacked", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch_file(file, None)
    assert not any(path.is_file() for path in home.rglob("*"))


def test_without_pooch_the_error_says_how_to_get_it(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-rnn\[datasets\]"'):
        fetch_file(file, None)


# Data sets --------------------------------------------------------------------------

FETCHERS = [
    getattr(datasets, name) for name in datasets.__all__ if name.startswith("fetch_")
]
every_fetcher = pytest.mark.parametrize("fetch", FETCHERS, ids=lambda f: f.__name__)


@every_fetcher
def test_without_a_network_the_error_says_what_to_do(fetch, home, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", nothing_listens())  # never the true address
    with pytest.raises(OSError, match="set SKLEARN_RNN_MIRROR") as caught:
        fetch()
    assert re.match(
        r"Could not download https://(raw\.githubusercontent|github)\.com/",
        str(caught.value),
    )
    assert contents_of(home) == []


@every_fetcher
@every_fault
def test_a_mirror_that_fails_leaves_nothing(fetch, fault, mirror, home):
    mirror.fault = fault
    with pytest.raises(OSError, match=mirror.url):
        fetch()
    assert contents_of(home) == []


@every_fetcher
def test_a_data_set_is_downloaded_once(fetch, mirror, home):
    fetch()
    asked = list(mirror.paths)
    assert 0 < len(asked) == len(set(asked))
    mirror.shutdown()
    mirror.server_close()
    fetch()
    assert mirror.paths == asked
    assert all(path.is_file() or path.parent == home for path in home.rglob("*"))


@pytest.mark.parametrize("kind", [str, Path])
def test_a_fetcher_takes_a_data_home(kind, mirror, home, tmp_path):
    datasets.fetch_monthly_sunspots(data_home=kind(tmp_path / "mine"))
    assert contents_of(tmp_path / "mine")[0] == "monthly_sunspots"
    assert not home.exists()
    with pytest.raises(ValueError, match="'data_home' parameter of fetch_monthly"):
        datasets.fetch_monthly_sunspots(data_home=3)


def test_clearing_takes_the_data_sets_and_nothing_else(mirror, home):
    for fetch in FETCHERS:
        fetch()
    (home / "notes.txt").touch()
    (home / "other").mkdir()
    datasets.clear_data_home()
    assert contents_of(home) == ["notes.txt", "other"]


# The data home ----------------------------------------------------------------------


def test_the_data_home_is_made_where_it_should_be(tmp_path, monkeypatch):
    monkeypatch.delenv("SKLEARN_RNN_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # what Windows calls it
    assert datasets.get_data_home() == str(tmp_path / "sklearn_rnn_data")
    assert datasets.get_data_home("~/mine") == str(tmp_path / "mine")
    monkeypatch.setenv("SKLEARN_RNN_DATA", str(tmp_path / "a" / "b"))
    assert datasets.get_data_home() == str(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


# A full disk ------------------------------------------------------------------------


class FullDisk:
    """A file that takes some bytes, and then no more."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, data):
        part = bytes(data)[: self.room]
        self.room -= len(part)
        self.file.write(part)
        if len(part) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return len(part)


def fill_target(monkeypatch):
    def open_full(path, mode="r"):
        return FullDisk(open(path, mode), room=1000)

    monkeypatch.setattr(_downloads, "open", open_full, raising=False)


def fill_temporary_folder(monkeypatch):
    def make_full_file():
        return FullDisk(TemporaryFile(), room=1000)

    monkeypatch.setattr(_downloads, "TemporaryFile", make_full_file)


every_disk = pytest.mark.parametrize(
    "fill", [fill_target, fill_temporary_folder], ids=lambda fill: fill.__name__
)


@every_disk
def test_a_full_disk_is_an_error_that_leaves_nothing(fill, file, home, monkeypatch):
    with monkeypatch.context() as patch:
        fill(patch)
        with pytest.raises(
            OSError, match=r"no part of it was kept.*No space"
        ) as caught:
            fetch_file(file, None)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(home / "set" / "lines.txt")
    assert contents_of(home) == []
    assert fetch_file(file, None).read_bytes() == CONTENT


@every_disk
def test_an_older_file_survives_a_full_disk(fill, file, home, monkeypatch):
    path = fetch_file(file, None)
    path.write_bytes(b"an older version")
    fill(monkeypatch)
    with pytest.raises(OSError, match="no part of it was kept"):
        fetch_file(file, None)
    assert path.read_bytes() == b"an older version"
    assert contents_of(home) == ["set", "set/lines.txt"]


@every_fetcher
@every_disk
def test_a_full_disk_leaves_nothing_of_a_data_set(
    fill, fetch, mirror, home, monkeypatch
):
    fill(monkeypatch)
    with pytest.raises(OSError, match=r"no part of it was kept.*No space"):
        fetch()
    assert contents_of(home) == []
