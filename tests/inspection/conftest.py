"""Axes for the displays."""

import pytest


@pytest.fixture
def pyplot():
    """matplotlib.pyplot; figures are closed after the test."""
    plt = pytest.importorskip("matplotlib.pyplot")
    yield plt
    plt.close("all")
