"""Fixtures and options for all tests."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

# before matplotlib is imported: no window, ever
os.environ.setdefault("MPLBACKEND", "Agg")

# tests run side by side; two threads each would wait for one another
torch.set_num_threads(1)

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_addoption(parser):
    parser.addoption("--run-slow", action="store_true", help="run slow tests too")


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "slow" in item.keywords and not config.getoption("--run-slow"):
            item.add_marker(pytest.mark.skip(reason="needs --run-slow"))
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(autouse=True)
def _nothing_is_written(tmp_path, monkeypatch):
    """Every test runs in an empty directory, and must leave it empty or its own."""
    monkeypatch.chdir(tmp_path)


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
