"""Learning-rate schedules: the rate in each epoch."""

import numpy as np
import pytest
from training_tools import make_classifier


def test_onecycle_rises_and_falls(ragged):
    rates = [row["lr"] for row in make_classifier(max_epochs=20).fit(*ragged).history_]
    peak = int(np.argmax(rates))
    assert rates[0] == pytest.approx(0.01 / 25)
    assert 4 <= peak <= 8
    assert rates[peak] == pytest.approx(0.01, rel=0.1)
    assert rates[-1] < 0.001
