"""The kernels inside the estimators: to the last bit, and against torch's layers."""

import numpy as np
import pytest
import torch

from sklearn_rnn import RNNClassifier, RNNRegressor, config_context

pytestmark = pytest.mark.numba

CELLS = {
    "tanh": {"cell": "rnn"},
    "relu": {"cell": "rnn", "nonlinearity": "relu"},
    "gru": {"cell": "gru"},
    "lstm": {"cell": "lstm"},
}
POOLINGS = ("last", "mean", "max", "meanmax", "attention")
NETWORKS = {
    "plain": {"conv_channels": None, "bidirectional": False},
    "stem": {"conv_channels": (5, 3), "conv_kernel_size": 3, "conv_stride": 2},
    "two_layers": {"conv_channels": None, "hidden_size": (7, 5), "bidirectional": True},
    "wide": {"conv_channels": 33, "hidden_size": 65, "bidirectional": True},
}
TINY = {"hidden_size": 9, "max_epochs": 1, "random_state": 0}


def make_model(data, **params):
    """A fitted estimator and its sequences; `data` says what they and y are."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 13, 37)
    y = np.arange(37) % 3
    params = {**TINY, **params}
    if data == "tokens":
        X = [rng.integers(0, 9, n) for n in lengths]
        return RNNClassifier(**params, embedding_dim=4).fit(X, y), X
    X = [rng.normal(size=(n, 2)).astype("f4") for n in lengths]
    if data == "labels":
        return RNNClassifier(**params).fit(X, np.arange(3) <= y[:, np.newaxis]), X
    if data == "numbers":
        loss = params.pop("loss", "squared_error")
        return RNNRegressor(**params, loss=loss).fit(X, y + 1.0), X
    return RNNClassifier(**params).fit(X, y), X


def outcome_of(model, X):
    """All that a model says of each sequence, side by side, and its states."""
    columns = [model.encode(X)]
    if isinstance(model, RNNRegressor):
        options = {"return_std": True} if model.loss == "gaussian" else {}
        columns += list(np.atleast_2d(model.predict(X, **options)))
    else:
        columns += [model.predict_proba(X), model.predict_log_proba(X)]
    columns = [c.reshape(len(X), -1) for c in columns]
    return np.hstack(columns), [np.asarray(s) for s in model.hidden_states(X)]


def assert_same(actual, expected, rows):
    np.testing.assert_array_equal(actual[0], expected[0][rows])
    for states, row in zip(actual[1], rows, strict=True):
        np.testing.assert_array_equal(states, expected[1][row])


def assert_exact(model, X, monkeypatch):
    """Predictions are the same to the last bit in any company, and on any threads."""
    monkeypatch.setattr("sklearn_rnn._kernels._threads._WORTH_A_THREAD", 1)
    rng = np.random.default_rng(1)
    expected = outcome_of(model, X)
    before = torch.get_num_threads()
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            orders = [rng.permutation(37), rng.permutation(37)[:5], [36], [0]]
            for rows in (np.arange(37), *orders):
                assert_same(outcome_of(model, [X[i] for i in rows]), expected, rows)
            for batch_size in (1, 7):
                with monkeypatch.context() as patch:
                    patch.setattr("sklearn_rnn._inference._MAX_ROWS", batch_size)
                    assert_same(outcome_of(model, X), expected, np.arange(37))
            longer = [*X[:5], np.concatenate([X[5]] * 40), *X[5:]]
            values, states = outcome_of(model, longer)
            values, states = np.delete(values, 5, axis=0), states[:5] + states[6:]
            assert_same((values, states), expected, np.arange(37))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("network", NETWORKS)
def test_company_and_threads_change_no_bit_of_a_prediction(
    network, pooling, monkeypatch
):
    params = {**NETWORKS[network], "pooling": pooling}
    assert_exact(*make_model("classes", **params), monkeypatch)


@pytest.mark.parametrize("pooling", ["last", "attention"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_is_exact_to_the_last_bit(cell, pooling, monkeypatch):
    params = {**CELLS[cell], "pooling": pooling, "bidirectional": True}
    assert_exact(*make_model("classes", **params), monkeypatch)


@pytest.mark.parametrize("data", ["tokens", "labels", "numbers"])
def test_every_kind_of_data_is_exact_to_the_last_bit(data, monkeypatch):
    assert_exact(*make_model(data), monkeypatch)


@pytest.mark.parametrize("loss", ["gaussian", "poisson"])
def test_every_link_is_exact_to_the_last_bit(loss, monkeypatch):
    assert_exact(*make_model("numbers", loss=loss), monkeypatch)


def assert_agree(data, **params):
    """Training and prediction are the same with our kernels and with torch's layers."""
    models, outcomes = [], []
    for kernels in ("numba", "torch"):
        with config_context(kernels=kernels):
            model, X = make_model(data, **params, max_epochs=4, batch_size=8)
        models.append(model)
    for kernels in ("numba", "torch"):
        with config_context(kernels=kernels):
            outcomes.append(outcome_of(models[0], X))
    np.testing.assert_allclose(*(m.loss_curve_ for m in models), rtol=1e-4)
    np.testing.assert_allclose(outcomes[0][0], outcomes[1][0], rtol=1e-5, atol=1e-5)
    for a, b in zip(outcomes[0][1], outcomes[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("cell", CELLS)
def test_loss_curves_and_states_agree_with_those_of_torch(cell, network):
    assert_agree("classes", **{**CELLS[cell], **NETWORKS[network]}, pooling="meanmax")


@pytest.mark.parametrize("data", ["tokens", "labels", "numbers"])
@pytest.mark.parametrize("pooling", ["last", "mean", "attention"])
def test_every_pooling_and_kind_of_data_agrees_with_torch(data, pooling):
    assert_agree(data, pooling=pooling, dropout=0.2)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_model_fitted_with_one_goes_on_with_the_other(ragged, cell):
    X, y = ragged
    curves, answers = [], []
    for order in (("numba", "torch"), ("torch", "numba")):
        classifier = RNNClassifier(
            cell=cell, hidden_size=5, max_epochs=3, warm_start=True, random_state=0
        )
        for kernels in order:
            with config_context(kernels=kernels):
                classifier.fit(X, y)
        curves.append(classifier.loss_curve_)
        answers.append(classifier.predict_proba(X))
    np.testing.assert_allclose(*curves, rtol=1e-3)
    np.testing.assert_allclose(*answers, rtol=1e-2, atol=1e-3)
