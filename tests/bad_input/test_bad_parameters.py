"""Parameters of the constructor."""

import inspect
import re

import numpy as np
import pytest
import torch
from bad_input_tools import MAKERS, SMALL, error_of, refuses
from sklearn.base import clone

from sklearn_rnn import RNNClassifier, RNNRegressor

BAD_PARAMETERS = {
    "cell": ["foo", 3, None, int],
    "nonlinearity": ["sigmoid", None],
    "hidden_size": [0, -1, 2.5, "8", None, (), (3, -1), (3, 1.5), [0], (3, "a")],
    "num_layers": [0, 2.0, None],
    "bidirectional": ["yes", None],
    "pooling": ["avg", None],
    "conv_channels": [0, -1, 1.5, "a", (), (3, 0), [2.5]],
    "conv_kernel_size": [0, 3.5, None],
    "conv_stride": [0, 1.5, None],
    "embedding_dim": [0, -1, 1.5, "a"],
    "dropout": [1, 1.5, -0.1, np.nan, None],
    "optimizer": ["foo", 3, None, int],
    "learning_rate": [0, -1, np.nan, np.inf, "fast", None],
    "learning_rate_schedule": ["step", 3],
    "weight_decay": [-1, np.nan, None],
    "max_grad_norm": [0, -1, np.nan],
    "batch_size": [0, -1, 1.5, "auto", None],
    "max_epochs": [0, 1.5, None],
    "tol": [-1, np.nan, None],
    "n_iter_no_change": [0, 1.5, None],
    "early_stopping": ["yes", None],
    "validation_fraction": [0, 1, 1.5, np.nan, None],
    "warm_start": ["yes", None],
    "device": ["gpu", "", 3, None, "meta"],
    "callbacks": [3, "a", [3]],
    "random_state": [-1, 1.5, "a"],
    "verbose": [-1, 1.5, "a"],
    "class_weight": ["foo", 3, {5: 1}, {0: -1, 1: 1}, {0: np.nan, 1: 1}],
    "loss": ["foo", None, 3],
    "quantile": [0, 1, 1.5, -0.5, np.nan, None],
}


@pytest.mark.parametrize("make", MAKERS)
def test_every_parameter_has_bad_values_here(make):
    assert set(inspect.signature(make).parameters) <= set(BAD_PARAMETERS)


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_PARAMETERS.items() for value in values],
    ids=lambda value: value if isinstance(value, str) else repr(value),
)
def test_a_bad_value_of_a_parameter_is_named(cube, y, name, value):
    make = RNNRegressor if name in ("loss", "quantile") else RNNClassifier
    estimator = make(**{**SMALL, name: value})
    message = error_of(estimator.fit, cube, y)
    assert re.search(rf"\b{name}\b", message), message
    if name != "class_weight":  # of which scikit-learn prints a part
        came = value if isinstance(value, str) else repr(value)
        assert re.search(rf"must be .*Got '?{re.escape(came)}'? instead", message)


@pytest.mark.parametrize("name", ["cell", "optimizer", "device", "callbacks"])
def test_a_bad_value_leaves_the_fitted_estimator_as_it_was(classifier, cube, y, name):
    expected = classifier.fit(cube, y).predict_proba(cube)
    classifier.set_params(**{name: 3})
    with refuses(f"'{name}' parameter"):
        classifier.fit(cube, y)
    np.testing.assert_array_equal(classifier.predict_proba(cube), expected)


def test_partial_fit_checks_parameters_too(estimator, cube, y):
    estimator.set_params(hidden_size=0)
    with refuses("'hidden_size' parameter"):
        estimator.partial_fit(cube, y)


def test_layers_and_sizes_must_agree(estimator, cube, y):
    estimator.set_params(hidden_size=(3, 2), num_layers=3)
    with refuses(r"'num_layers' parameter.*length of hidden_size=\(3, 2\).*Got 3"):
        estimator.fit(cube, y)
    for num_layers in (1, 2):
        estimator.set_params(num_layers=num_layers).fit(cube, y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
@pytest.mark.parametrize("device", ["cuda", "cuda:1", torch.device("cuda")], ids=str)
def test_a_device_that_is_not_here_is_refused(estimator, cube, y, device):
    estimator.set_params(device=device)
    with refuses(f"'device' parameter must be 'auto', 'cpu' or .*Got '{device}'"):
        estimator.fit(cube, y)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_size", 3),
        ("hidden_size", (3, 2)),
        ("num_layers", 2),
        ("conv_channels", 2),
        ("conv_channels", (2, 3)),
        ("conv_kernel_size", 3),
        ("conv_stride", 2),
        ("embedding_dim", 3),
        ("batch_size", 8),
        ("max_epochs", 2),
        ("n_iter_no_change", 2),
        ("random_state", 1),
        ("verbose", 0),
        ("dropout", 0.5),
        ("learning_rate", 0.02),
        ("weight_decay", 0.1),
        ("max_grad_norm", 0.5),
        ("tol", 0.1),
        ("validation_fraction", 0.3),
        ("early_stopping", True),
        ("bidirectional", True),
        ("warm_start", True),
    ],
    ids=str,
)
def test_a_number_of_numpy_is_a_number(estimator, ids, y, name, value):
    """Searches over np.arange and scipy.stats give such."""
    stem = {"conv_channels": 2} if name.startswith("conv_") else {}
    estimator.set_params(**stem)

    def answer(value):
        return clone(estimator).set_params(**{name: value}).fit(ids, y).predict(ids)

    as_numpy = (
        list(np.array(value)) if isinstance(value, tuple) else np.array(value)[()]
    )
    assert type(as_numpy) is not type(value)
    np.testing.assert_array_equal(answer(as_numpy), answer(value))


@pytest.mark.parametrize("cell", [torch.nn.LSTM, torch.nn.Linear, dict])
def test_a_cell_that_takes_no_lengths_is_refused(estimator, sequences, y, cell):
    with refuses("'cell' parameter.*'lstm'.*that takes lengths.*sklearn_rnn.nn"):
        estimator.set_params(cell=cell).fit(sequences, y)
