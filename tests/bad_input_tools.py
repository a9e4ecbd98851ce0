"""Settings and helpers of the tests of bad input."""

import pytest

from sklearn_rnn import RNNClassifier, RNNRegressor

SMALL = {
    "hidden_size": 2,
    "conv_channels": None,
    "bidirectional": False,
    "max_epochs": 1,
    "random_state": 0,
}
N_SAMPLES, N_STEPS, N_FEATURES = 20, 4, 3
MAKERS = [RNNClassifier, RNNRegressor]


def refuses(match, error=(ValueError, TypeError)):
    """Expect an error; `match` may begin anywhere, and . matches newlines."""
    return pytest.raises(error, match=f"(?s){match}")


def error_of(function, *args):
    with pytest.raises((ValueError, TypeError)) as caught:
        function(*args)
    return str(caught.value)
