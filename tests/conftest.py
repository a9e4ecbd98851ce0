"""Fixtures and options for all tests."""

import os
import signal
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

# before matplotlib is imported: no window, ever
os.environ.setdefault("MPLBACKEND", "Agg")

# tests run side by side; two threads each would wait for one another
torch.set_num_threads(1)

# a conftest.py holds no doctests, and pytest cannot import two of one name as modules
collect_ignore_glob = ["conftest.py", "*/conftest.py"]

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_addoption(parser):
    parser.addoption("--run-slow", action="store_true", help="run slow tests too")


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "slow" in item.keywords and not config.getoption("--run-slow"):
            item.add_marker(pytest.mark.skip(reason="needs --run-slow"))
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
        if item.get_closest_marker("numba") and find_spec("numba") is None:
            item.add_marker(pytest.mark.skip(reason="needs numba"))


@pytest.fixture(autouse=True)
def _nothing_is_written(tmp_path, monkeypatch):
    """Every test runs in an empty directory, and must leave it empty or its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def ctrl_c():
    """Python's handler of SIGINT, which a shell's background job does not have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def ragged(rng):
    """40 sequences of 2 features and 3 to 12 steps; the first one's level is y."""
    X = [rng.normal(size=(n, 2)).astype("f4") for n in rng.integers(3, 13, 40)]
    y = np.array(["up", "down"] * 20)
    for x, label in zip(X, y, strict=True):
        x[:, 0] += 1 if label == "up" else -1
    return X, y


@pytest.fixture
def shared_data():
    """The folder of real data sets; skips where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared data sets are not here")
    return SHARED_DATA


# A mirror of the public data sets: a real HTTP server on the loopback address --------


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder, well or in the way of `server.fault`."""

    def do_GET(self):
        self.server.paths.append(self.path)
        if self.server.fault is None:
            super().do_GET()
        else:
            with open(self.translate_path(self.path), "rb") as file:
                self.server.fault(self, file.read())

    def log_message(self, *args):
        pass


class Mirror(ThreadingHTTPServer):
    """Counts what is asked for; `fault(handler, body)` answers badly if it is set."""

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=folder))
        self.paths, self.fault = [], None
        self.url = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def serve():
    """Return a function that serves a folder until the test ends."""
    servers = []

    def start(folder):
        server = Mirror(folder)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The data home, and nothing in the environment that leads elsewhere."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("SKLEARN_RNN_MIRROR", raising=False)
    monkeypatch.setenv("SKLEARN_RNN_DATA", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def mirror(shared_data, serve, home, monkeypatch):
    """A server of the shared data sets that the fetchers are told to use."""
    server = serve(shared_data)
    monkeypatch.setenv("SKLEARN_RNN_MIRROR", server.url + "/")
    return server
