"""A mirror of the public data sets: a real HTTP server on the loopback address."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest


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
