"""One fit by several processes of torch.distributed."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import distributed

from sklearn_rnn import (
    RaggedArray,
    RNNClassifier,
    RNNForecaster,
    RNNRegressor,
    RNNTagger,
    RNNTranscriber,
    SequenceSource,
)

if not (distributed.is_available() and distributed.is_gloo_available()):
    pytest.skip("needs gloo", allow_module_level=True)

N_PROCESSES = 2
OPTIONS = {
    "hidden_size": 4,
    "conv_channels": None,
    "batch_size": 7,  # shares of 3 and 4
    "max_epochs": 3,
    "n_iter_no_change": 2,
    "random_state": 0,
}


class Halves(SequenceSource):
    def __init__(self, *data):
        self.data = data

    def __len__(self):
        return 2

    def block(self, i):
        return tuple(values[20 * i : 20 * (i + 1)] for values in self.data)


def fit_all():
    """Return the estimators of all cases, fitted."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 9, 40)
    X = RaggedArray(rng.normal(size=(lengths.sum(), 2)), np.r_[0, lengths.cumsum()])
    weight = rng.uniform(0.1, 3, 40)
    level = np.array([x[:, 0].mean() for x in X])
    tags = [np.where(x[:, 0] > 0, "UP", "DOWN") for x in X]
    classifier = RNNClassifier(**OPTIONS, early_stopping=True)
    plateau = RNNRegressor(**OPTIONS, learning_rate_schedule="plateau")
    return {
        "classes": classifier.fit(X, level > 0, weight),
        "numbers": plateau.fit(X, level),
        "tags": RNNTagger(**OPTIONS).fit(X, tags, weight),
        "crf": RNNTagger(**OPTIONS, crf=True).fit(X, tags),
        "texts": RNNTranscriber(**OPTIONS).fit(X, np.where(level > 0, "ab", "b")),
        "blocks": RNNRegressor(**OPTIONS).fit(Halves(X, level, weight)),
    }


def describe(estimator):
    """Return curves and weights as plain values."""
    weights = estimator.module_.state_dict()
    return {
        "losses": estimator.loss_curve_,
        "scores": estimator.validation_scores_,
        "norms": list(estimator.history_[:, "grad_norm"]),
        "weights": {name: w.numpy().ravel().tolist() for name, w in weights.items()},
    }


def find_errors():
    """Return the messages of what is refused."""
    X, y = np.zeros((8, 3, 1)), np.arange(8.0)
    rank = distributed.get_rank()
    cases = {
        "other data": lambda: RNNRegressor(**OPTIONS).fit(X[rank:], y[rank:]),
        "other seed": lambda: (
            RNNRegressor(**OPTIONS).set_params(random_state=rank).fit(X, y)
        ),
        "few rows": lambda: RNNRegressor(**OPTIONS).set_params(batch_size=1).fit(X, y),
        "checkpoint": lambda: RNNRegressor(**OPTIONS, checkpoint=".").fit(X, y),
        "forecaster": lambda: RNNForecaster(horizon=2, max_epochs=1).fit(
            np.sin(np.arange(200.0)).reshape(1, -1)
        ),
    }
    found = {}
    for name, fit in cases.items():
        try:
            fit()
        except ValueError as error:
            found[name] = str(error)
    return found


def main():
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    result = {name: describe(fitted) for name, fitted in fit_all().items()}
    result["errors"] = find_errors()
    with open(f"{distributed.get_rank()}.json", "w") as file:
        json.dump(result, file)
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What each of two processes of torchrun has learned."""
    folder = tmp_path_factory.mktemp("processes")
    options = ["--standalone", f"--nproc-per-node={N_PROCESSES}"]
    command = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", *options]
    done = subprocess.run(
        [*command, __file__], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{i}.json").read_text()) for i in range(N_PROCESSES)]


@pytest.fixture(scope="module")
def expected():
    return {name: describe(fitted) for name, fitted in fit_all().items()}


CASES = ["classes", "numbers", "tags", "crf", "texts", "blocks"]


@pytest.mark.parametrize("case", CASES)
def test_all_processes_end_with_the_same_weights(results, case):
    assert results[0][case] == results[1][case]


@pytest.mark.parametrize("case", CASES)
def test_two_processes_equal_one_to_rounding(results, expected, case):
    found, one = results[0][case], expected[case]
    for name in ("losses", "scores", "norms"):
        if one[name] is not None:
            np.testing.assert_allclose(found[name], one[name], rtol=1e-4, err_msg=name)
    for name, weight in one["weights"].items():
        np.testing.assert_allclose(
            found["weights"][name], weight, rtol=1e-3, atol=1e-4, err_msg=name
        )


def test_what_processes_cannot_do_together_is_refused(results):
    messages = {
        "other data": "must call fit with the same data",
        "other seed": "the same int as random_state",
        "few rows": "A mini-batch has 1 samples for 2 processes",
        "checkpoint": "Several processes do not support 'checkpoint'",
        "forecaster": "but no other estimator",
    }
    for result in results:
        assert result["errors"].keys() == messages.keys()
        for name, message in messages.items():
            assert message in result["errors"][name]


if __name__ == "__main__":
    main()
