"""RNNStepRegressor: numbers at every step, with each loss."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.metrics import d2_absolute_error_score, d2_pinball_score, r2_score

from sklearn_rnn import RaggedArray, RNNStepRegressor, config_context

TINY = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
LOSSES = [
    "squared_error",
    "absolute_error",
    "huber",
    "quantile",
    "gaussian",
    "poisson",
]


@pytest.fixture
def steps(rng):
    """40 sequences of 2 to 9 steps, and a positive number at each step."""
    X = [rng.normal(size=(n, 2)).astype("f4") for n in rng.integers(2, 10, 40)]
    return X, [np.exp(x[:, 0] / 2).astype(float) for x in X]


def values_of(sequences):
    return np.concatenate(list(sequences))


class Echo(torch.nn.Module):
    """A layer without weights: its states are its inputs."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size

    def forward(self, x, lengths, state=None):
        return x, None


# What y may be ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "contain",
    [
        tuple,
        pd.Series,
        lambda y: [v.tolist() for v in y],
        lambda y: pd.Series([v.tolist() for v in y]),
        lambda y: [torch.tensor(v) for v in y],
        RaggedArray.from_sequences,
    ],
)
def test_every_container_of_y_trains_the_same(contain, steps):
    X, y = steps
    expected = RNNStepRegressor(**TINY).fit(X, y)
    regressor = RNNStepRegressor(**TINY).fit(X, contain(y))
    assert regressor.loss_curve_ == expected.loss_curve_
    assert regressor.score(X, contain(y)) == expected.score(X, y)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda y: [*y[:3], y[3][1:], *y[4:]], r"X\[3\] has .* y\[3\] has . targets"),
        (lambda y: [v[0] for v in y], "flat list of scalars"),
        (lambda y: [*y[:3], [np.nan] * len(y[3]), *y[4:]], r"y\[3\], step 0: NaN"),
        (lambda y: [["a"] * len(v) for v in y], "y must hold numbers"),
        (lambda y: [np.full(len(v), 1e300) for v in y[:-1]] + [-y[-1]], "too large"),
    ],
)  # fmt: skip
def test_a_wrong_y_is_refused_with_its_place(spoil, message, steps):
    X, y = steps
    with pytest.raises(ValueError, match=message):
        RNNStepRegressor(**TINY).fit(X, spoil(y))


@pytest.mark.parametrize("lengths", [[3, 1, 5], [4, 4, 4], [1, 1, 1]])
@pytest.mark.parametrize("n_targets", [0, 1, 3])
def test_predictions_are_an_object_array_shaped_like_y(lengths, n_targets, steps):
    X, y = steps
    if n_targets:
        y = [np.tile(v[:, None], n_targets) for v in y]
    regressor = RNNStepRegressor(**TINY, loss="gaussian").fit(X, y)
    assert regressor.n_outputs_ == max(n_targets, 1)
    for answer in regressor.predict(
        [np.ones((n, 2)) for n in lengths], return_std=True
    ):
        assert (answer.shape, answer.dtype) == ((3,), object)
        shapes = [(n, n_targets) if n_targets else (n,) for n in lengths]
        assert [v.shape for v in answer] == shapes


def test_a_fit_of_two_targets_refuses_one(steps):
    X, y = steps
    regressor = RNNStepRegressor(**TINY, warm_start=True)
    regressor.fit(X, [np.tile(v[:, None], 2) for v in y])
    with pytest.raises(ValueError, match=r"y has 1 outputs, but .* was fitted on 2"):
        regressor.fit(X, y)


# Losses -------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns_a_function_of_the_step(loss, steps):
    X, y = steps
    regressor = RNNStepRegressor(
        hidden_size=16, max_epochs=60, random_state=0, loss=loss
    )
    assert regressor.fit(X, y).score(X, y) > 0.8
    predicted = values_of(regressor.predict(X))
    assert_allclose(regressor.score(X, y), r2_score(values_of(y), predicted))


@pytest.mark.parametrize("loss", LOSSES)
def test_validation_scores_are_those_of_the_loss(loss, steps):
    X, y = steps
    weight = [np.arange(len(x)) % 3 for x in X]
    level = {"quantile": 0.9} if loss == "quantile" else {}
    regressor = RNNStepRegressor(**TINY, loss=loss, **level)
    regressor.fit(X, y, X_val=X, y_val=y, sample_weight_val=weight)
    score = {"absolute_error": d2_absolute_error_score, "quantile": d2_pinball_score}
    options = {"alpha": 0.9} if loss == "quantile" else {}
    expected = score.get(loss, r2_score)(
        values_of(y),
        values_of(regressor.predict(X)),
        sample_weight=values_of(weight),
        **options,
    )
    assert_allclose(regressor.validation_scores_[-1], expected, atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_is_the_mean_over_all_steps(loss, steps):
    """Of one batch, sequences of other lengths: not a mean of means."""
    X, y = (part[:8] for part in steps)
    regressor = (
        RNNStepRegressor(**TINY, loss=loss).fit(X, y).set_params(warm_start=True)
    )
    outputs = np.concatenate(
        [regressor.module_(torch.from_numpy(x[None])).detach() for x in X]
    )
    encoded = (
        values_of(y) - regressor._targets.numbers.mean
    ) / regressor._targets.numbers.scale
    losses = regressor._loss(
        torch.from_numpy(outputs), torch.from_numpy(encoded[:, None]).float()
    )
    regressor.fit(X, y)
    assert_allclose(regressor.loss_curve_[2], losses.mean().item(), rtol=1e-5)


def test_a_linear_layer_alone_is_least_squares(rng):
    X = [rng.normal(size=(n, 3)) for n in rng.integers(1, 9, 30)]
    y = [x @ [1.0, -2.0, 0.5] + rng.normal(size=len(x)) for x in X]
    options = {
        "cell": Echo,
        "hidden_size": 3,
        "bidirectional": False,
        "random_state": 0,
    }
    regressor = RNNStepRegressor(**options, max_epochs=300, learning_rate=0.1)
    predicted = values_of(regressor.fit(X, y).predict(X))
    stacked = np.concatenate(X)
    expected = LinearRegression().fit(stacked, values_of(y)).predict(stacked)
    assert_allclose(predicted, expected, atol=1e-3)
    recurrent = RNNStepRegressor(**TINY).fit(X, y)  # and that is not least squares
    assert not np.allclose(values_of(recurrent.predict(X)), expected, atol=0.1)


def test_a_quantile_lies_above_its_share_of_the_steps(rng):
    X = [np.zeros((n, 1)) for n in rng.integers(2, 30, 60)]
    y = [rng.exponential(size=len(x)) for x in X]
    options = {
        "hidden_size": 2,
        "max_epochs": 80,
        "random_state": 0,
        "loss": "quantile",
    }
    for quantile in (0.1, 0.9):
        regressor = RNNStepRegressor(**options, quantile=quantile).fit(X, y)
        below = values_of(y) < values_of(regressor.predict(X))
        assert abs(below.mean() - quantile) < 0.05


def test_the_deviation_is_that_of_the_steps(rng):
    X = [rng.choice([0.5, 2.0], size=(n, 1)) for n in rng.integers(5, 30, 60)]
    y = [100 * x[:, 0] * rng.normal(size=len(x)) for x in X]
    regressor = RNNStepRegressor(
        hidden_size=8, max_epochs=60, random_state=0, loss="gaussian"
    )
    _, std = regressor.fit(X, y).predict(X, return_std=True)
    x, std = np.concatenate(X)[:, 0], values_of(std)
    assert abs(std[x == 0.5].mean() - 50) < 10
    assert abs(std[x == 2].mean() - 200) < 40


def test_return_std_needs_the_gaussian_loss(steps):
    regressor = RNNStepRegressor(**TINY).fit(*steps)
    with pytest.raises(ValueError, match="return_std=True needs loss='gaussian'"):
        regressor.predict(steps[0], return_std=True)


def test_counts_of_any_size_are_learned(rng):
    X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 9, 60)]
    y = [rng.poisson(1000 * np.exp(x[:, 0] / 4)) for x in X]
    regressor = RNNStepRegressor(
        hidden_size=8, max_epochs=60, random_state=0, loss="poisson"
    )
    assert regressor.fit(X, y).score(X, y) > 0.8
    assert (values_of(regressor.predict(X)) > 0).all()
    with pytest.raises(ValueError, match="loss='poisson' needs y >= 0"):
        regressor.fit(X, [-v for v in y])


@pytest.mark.parametrize("loss", LOSSES)
def test_a_constant_target_is_predicted(loss, steps):
    X, y = steps
    y = [np.column_stack([np.full(len(v), 7.0), v]) for v in y]
    regressor = RNNStepRegressor(
        hidden_size=4, max_epochs=60, random_state=0, loss=loss
    )
    predicted = values_of(regressor.fit(X, y).predict(X))[:, 0]
    assert np.abs(predicted - 7).mean() < 0.5


def test_a_cumulative_sum_needs_memory(rng):
    X = [rng.normal(size=(n, 1)) for n in rng.integers(5, 20, 150)]
    y = [x[:, 0].cumsum() for x in X]
    options = {"bidirectional": False, "max_epochs": 40, "random_state": 0}
    regressor = RNNStepRegressor(hidden_size=16, **options).fit(X[:100], y[:100])
    assert regressor.score(X[100:], y[100:]) > 0.9
    memoryless = RNNStepRegressor(cell=Echo, hidden_size=1, **options)
    assert memoryless.fit(X[:100], y[:100]).score(X[100:], y[100:]) < 0.4


# Weights ------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("value", [0.0, 1e30, -1.0, np.nan, np.inf, None, "?"])
def test_an_unknown_target_may_be_anything(value, loss, steps):
    X, y = steps
    weight = [np.ones(len(x)) for x in X]
    weight[3][1] = weight[7][0] = 0
    expected = RNNStepRegressor(**TINY, loss=loss).fit(X, y, weight)
    pairs = [list(zip(*p, strict=True)) for p in zip(y, weight, strict=True)]
    spoiled = [[v if w else value for v, w in steps] for steps in pairs]
    regressor = RNNStepRegressor(**TINY, loss=loss).fit(X, spoiled, weight)
    assert regressor.loss_curve_ == expected.loss_curve_
    assert regressor.score(X, spoiled, weight) == expected.score(X, y, weight)
    assert (
        RNNStepRegressor(**TINY, loss=loss).fit(X, y).loss_curve_
        != expected.loss_curve_
    )


@pytest.mark.parametrize("per_step", [False, True])
def test_a_weight_of_2_is_two_copies(per_step, steps):
    X, y = (part[:12] for part in steps)
    weight = np.array([2.0, 1, 1, 3, 1, 0] * 2)
    rows = np.repeat(np.arange(12), weight.astype(int))
    repeated = RNNStepRegressor(**TINY).fit([X[i] for i in rows], [y[i] for i in rows])
    if per_step:
        weight = [np.full(len(x), w) for x, w in zip(X, weight, strict=True)]
    weighted = RNNStepRegressor(**TINY).fit(X, y, weight)
    expected = values_of(repeated.predict(X))
    assert_allclose(values_of(weighted.predict(X)), expected, rtol=1e-5)
    plain = RNNStepRegressor(**TINY).fit(X, y)
    assert not np.allclose(values_of(plain.predict(X)), expected, rtol=1e-5)


def test_weights_of_steps_decide_between_targets(rng):
    X = [np.zeros((6, 1)) for _ in range(40)]
    y = [np.array([0.0, 1, 0, 1, 0, 1])] * 40
    weight = [[3.0, 1, 3, 1, 3, 1]] * 40
    options = {
        "cell": Echo,
        "hidden_size": 1,
        "bidirectional": False,
        "max_epochs": 200,
    }
    regressor = RNNStepRegressor(**options, random_state=0).fit(X, y, weight)
    assert_allclose(values_of(regressor.predict(X)), 0.25, atol=0.01)


# The course of fit --------------------------------------------------------------------


def test_empty_sequences_count_for_nothing(steps):
    X, y = steps
    expected = RNNStepRegressor(**TINY).fit(X, y)
    with_empty = [*X[:5], [], *X[5:]], [*y[:5], [], *y[5:]]
    regressor = RNNStepRegressor(**TINY).fit(*with_empty)
    assert regressor.loss_curve_ == expected.loss_curve_
    predicted = regressor.predict(with_empty[0])
    assert predicted[5].shape == (0,)
    assert_array_equal(values_of(predicted), values_of(expected.predict(X)))
    assert regressor.score(*with_empty) == expected.score(X, y)
    assert regressor.predict([[]])[0].shape == (0,)


def test_partial_fit_learns_batch_by_batch(steps):
    X, y = steps
    regressor = RNNStepRegressor(hidden_size=8, random_state=0)
    for _ in range(20):
        regressor.partial_fit(X[:20], y[:20])
        regressor.partial_fit(X[20:], y[20:], sample_weight=np.ones(20))
    assert regressor.n_iter_ == 40
    assert regressor.score(X, y) > 0.7
    with pytest.raises(ValueError, match="does not support early_stopping"):
        clone(regressor).set_params(early_stopping=True).partial_fit(X, y)


def test_warm_start_pickle_and_clone(steps):
    X, y = steps
    regressor = RNNStepRegressor(**TINY, warm_start=True).fit(X, y)
    loaded = pickle.loads(pickle.dumps(regressor))
    assert loaded.fit(X, y).loss_curve_ == regressor.fit(X, y).loss_curve_
    assert regressor.n_iter_ == 4
    assert_array_equal(values_of(loaded.predict(X)), values_of(regressor.predict(X)))
    assert clone(regressor).fit(X, y).loss_curve_ == regressor.loss_curve_[:2]


@pytest.mark.parametrize(
    "kernels", [pytest.param("numba", marks=pytest.mark.numba), "torch"]
)
def test_predictions_are_batch_and_thread_invariant(kernels, steps):
    X, y = steps
    with config_context(kernels=kernels):
        regressor = RNNStepRegressor(**TINY, loss="gaussian").fit(X, y)
        together = regressor.predict(X, return_std=True)
        alone = [regressor.predict([x], return_std=True) for x in X]
        many = regressor.predict(X[::-1] * 30, return_std=True)
        for part in (0, 1):
            for i in range(len(X)):
                assert_array_equal(alone[i][part][0], together[part][i])
                assert_array_equal(many[part][39 - i], together[part][i])
        try:
            torch.set_num_threads(2)
            again = regressor.predict(X)
        finally:
            torch.set_num_threads(1)
        assert_array_equal(values_of(again), values_of(together[0]))
