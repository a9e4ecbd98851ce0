"""`random_kernels` of the regressor: a ridge regression beside the network."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from training_tools import make_regressor

from sklearn_rnn import RaggedArray, RNNRegressor, SequenceSource
from sklearn_rnn._sequence_base import _SHARES
from sklearn_rnn.preprocessing import SequenceTokenizer, make_windows

SMALL = {"conv_channels": 3, "random_kernels": 40, "max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def levels():
    """Ragged sequences; the targets are a mean and a last step."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) + rng.normal() for n in rng.integers(5, 40, 80)]
    y = np.array([[100 * x[:, 0].mean(), 5 + x[-1, 1]] for x in X])
    return X, y


@pytest.fixture(scope="module")
def fitted(levels):
    return make_regressor(**SMALL).fit(*levels)


def outputs_of_branch(regressor, X):
    """Return predictions of the regression alone, in units of y."""
    module = regressor.module_
    with torch.no_grad():
        outputs = [
            module.random_branch(
                module.inputs(torch.tensor(x, dtype=torch.float32)[None])
            )[0].numpy()
            for x in X
        ]
    return regressor._targets.decode(np.stack(outputs).astype(float))


def test_the_regression_counts_twice_in_the_mean_with_the_network(fitted, levels):
    X, _ = levels
    head = fitted.module_.head
    own = fitted.encode(X) @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    own = fitted._targets.decode(own.astype(float))
    expected = (own + 2 * outputs_of_branch(fitted, X)) / 3
    np.testing.assert_allclose(fitted.predict(X), expected, rtol=1e-4, atol=1e-4)


def test_means_and_last_steps_are_seen(fitted, levels):
    X, y = levels
    rest = y - outputs_of_branch(fitted, X)
    assert (rest.std(axis=0) < 0.1 * y.std(axis=0)).all()


def test_the_network_is_trained_as_without_the_regression(fitted, levels):
    alone = make_regressor(**{**SMALL, "random_kernels": None}).fit(*levels)
    assert alone.dropout_ == fitted.dropout_ == 0.0
    assert alone.loss_curve_ == fitted.loss_curve_
    for name, weight in alone.module_.state_dict().items():
        assert torch.equal(weight, fitted.module_.state_dict()[name]), name


def test_predictions_are_batch_and_order_invariant(fitted, levels):
    X, _ = levels
    together = fitted.predict(X)
    alone = np.concatenate([fitted.predict([x]) for x in X])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together[::-1], fitted.predict(X[::-1]))


@pytest.mark.parametrize("n", [20, 60])
def test_weight_2_equals_two_copies(levels, n):
    X, y = levels[0][:n], levels[1][:n]
    weight = np.where(np.arange(n) < 5, 2.0, 1.0)
    options = {**SMALL, "max_epochs": 1, "batch_size": 100}
    weighted = make_regressor(**options).fit(X, y, sample_weight=weight)
    copied = make_regressor(**options).fit([*X, *X[:5]], np.concatenate([y, y[:5]]))
    np.testing.assert_allclose(weighted.predict(X), copied.predict(X), rtol=1e-4)


def test_windows_of_a_series_do_not_tell_each_other():
    """A random walk: windows that overlap have near targets, those to come have not."""
    walk = np.random.default_rng(1).normal(size=700).cumsum()
    X, y, _ = make_windows(walk, length=30, horizon=20)
    y = np.ravel(y) - X[:, -1, 0]  # cannot be predicted
    options = {**SMALL, "random_kernels": 200, "max_epochs": 1}
    in_order = make_regressor(**options).fit(X[:400], y[:400])
    mixed = np.random.default_rng(0).permutation(400)
    shuffled = make_regressor(**options).fit(X[mixed], y[mixed])
    errors = [
        np.mean((outputs_of_branch(regressor, X[450:]) - y[450:]) ** 2)
        for regressor in (in_order, shuffled)
    ]
    assert errors[0] < 1.3 * np.var(y[450:])
    assert errors[0] < 0.8 * errors[1]


def test_a_validation_set_leaves_the_order_of_the_others(levels, monkeypatch):
    X, _ = levels
    seen = []

    def fit_number_branch(module, train, generator):
        seen.append(train.targets)

    monkeypatch.setattr("sklearn_rnn._regressor.fit_number_branch", fit_number_branch)
    numbered = np.arange(len(X))
    make_regressor(**SMALL, early_stopping=True).fit(X, numbered)
    assert (np.diff(seen[0][:, 0]) > 0).all()


def test_the_network_is_tried_on_blocks_of_samples(levels, monkeypatch):
    monkeypatch.setattr("sklearn_rnn._defaults._SOME_SAMPLES", 50)
    X, y = levels
    options = {**SMALL, "validation_fraction": 0.3}
    held = np.r_[9:17, 36:44, 63:71]  # the middle of each third of 80
    rest = np.setdiff1d(np.arange(80), held)
    shares = []
    for sign in (1, -1):  # what is held out is foreseen, or the opposite of it
        target = y.copy()
        target[held] *= sign
        rnn = make_regressor(**options, early_stopping="auto").fit(X, target)
        part = make_regressor(**options).fit([X[i] for i in rest], target[rest])
        errors = []
        for share in _SHARES:
            part.module_.random_branch.set_network_share(share)
            error = part.predict([X[i] for i in held]) - target[held]
            errors.append(np.square(error / target.std(axis=0)).mean())
        shares.append(_SHARES[int(np.argmin(errors))])
        assert rnn.network_share_ == pytest.approx(shares[-1])
    assert shares[0] != shares[1]


def test_predictions_stay_near_the_range_of_y(fitted, levels):
    _, y = levels
    broken = fitted.predict([np.full((10, 2), value) for value in (-1e6, 0, 1e6)])
    reach = 2 * np.ptp(y, axis=0)
    assert (np.abs(broken - y.mean(axis=0)) < reach).all()


def test_it_extrapolates_beyond_the_range_of_y(levels):
    X = np.random.default_rng(2).normal(size=(200, 10, 1))
    y = X[:, -1, 0]
    near = np.abs(y) < 1
    lazy = make_regressor(**SMALL, learning_rate=1e-12).fit(X[near], y[near])
    far = (np.abs(y) > 1.2) & (np.abs(y) < 1.5)
    slope = LinearRegression().fit(y[far][:, None], outputs_of_branch(lazy, X[far]))
    assert slope.coef_[0] > 0.8


@pytest.mark.parametrize("loss", ["absolute_error", "quantile", "gaussian"])
def test_other_losses_have_the_network_alone(levels, loss):
    X, y = levels
    regressor = make_regressor(**{**SMALL, "random_kernels": "auto"}, loss=loss)
    regressor.fit(X, np.abs(y[:, 0]))
    assert regressor.random_kernels_ is None
    assert regressor.module_.random_branch is None
    with pytest.raises(ValueError, match="random_kernels needs loss='squared_error'"):
        regressor.set_params(random_kernels=5).fit(X, np.abs(y[:, 0]))


def test_auto_is_for_numbers_behind_convolutions(levels):
    X, y = levels
    options = {"max_epochs": 1, "hidden_size": 2, "random_state": 0}
    auto = RNNRegressor(**options, conv_channels=3).fit(X, y)
    assert auto.random_kernels_ == 1000
    explicit = RNNRegressor(**options, conv_channels=3, random_kernels=1000)
    np.testing.assert_array_equal(auto.predict(X), explicit.fit(X, y).predict(X))
    plain = RNNRegressor(**options, conv_channels=None).fit(X, y)
    assert plain.random_kernels_ is None


def test_as_many_epochs_and_no_dropout_as_without(levels):
    X, y = levels[0][:5], levels[1][:5]
    options = {"hidden_size": 2, "conv_channels": 2, "random_state": 0}
    for n_kernels in (None, 10):
        regressor = RNNRegressor(**options, random_kernels=n_kernels).fit(X, y)
        assert (regressor.max_epochs_, regressor.dropout_) == (100, 0.0)


def test_many_features_have_fewer_last_steps():
    X = np.random.default_rng(3).normal(size=(6, 4, 900))
    regressor = make_regressor(**SMALL).fit(X, np.arange(6))
    assert regressor.module_.random_branch.last_steps.n_steps == 2


def test_tokens_have_no_random_kernels():
    ids = SequenceTokenizer().fit_transform(["a b", "b c a"] * 8)
    regressor = make_regressor(conv_channels=2, max_epochs=1)
    assert clone(regressor).fit(ids, np.arange(16)).random_kernels_ is None
    with pytest.raises(ValueError, match="'random_kernels' parameter of RNNRegressor"):
        regressor.set_params(random_kernels=5).fit(ids, np.arange(16))


def test_copies_predict_the_same(fitted, levels):
    X, y = levels
    expected = fitted.predict(X)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(X), expected)
    np.testing.assert_array_equal(clone(fitted).fit(X, y).predict(X), expected)


def test_blocks_of_a_source(fitted, levels, monkeypatch):
    X, y = levels

    class Halves(SequenceSource):
        def __len__(self):
            return 2

        def block(self, i):
            half = slice(40 * i, 40 * i + 40)
            return RaggedArray.from_sequences(X[half]), y[half], None

    by_blocks = make_regressor(**SMALL).fit(Halves())
    np.testing.assert_allclose(
        outputs_of_branch(by_blocks, X), outputs_of_branch(fitted, X), rtol=1e-3
    )
    monkeypatch.setattr("sklearn_rnn._defaults._SOME_SAMPLES", 50)
    whole, by_blocks = (
        make_regressor(**SMALL, early_stopping="auto").fit(*data)
        for data in ((X, y), (Halves(),))
    )
    assert by_blocks.network_share_ == whole.network_share_ != 1 / 3
    np.testing.assert_allclose(
        outputs_of_branch(by_blocks, X), outputs_of_branch(whole, X), rtol=1e-3
    )


def test_partial_fit_goes_on_from_fit_but_starts_without(levels):
    X, y = levels
    stream = make_regressor(**{**SMALL, "random_kernels": "auto"}).partial_fit(X, y)
    assert stream.random_kernels_ is None
    with pytest.raises(ValueError, match="partial_fit does not support random_kernels"):
        make_regressor(**SMALL).partial_fit(X, y)
    regressor = make_regressor(**SMALL).fit(X, y)
    before = outputs_of_branch(regressor, X)
    regressor.partial_fit(X[:5], y[:5])
    np.testing.assert_array_equal(outputs_of_branch(regressor, X), before)


def test_streams_name_the_parameter(levels):
    options = {**SMALL, "conv_channels": None, "bidirectional": False}
    with pytest.raises(ValueError, match="random_kernels=None"):
        make_regressor(**options).fit(*levels).stream()


def test_intervals_cover_what_was_held_out(fitted, levels):
    X, y = levels
    lower, upper = fitted.calibrate(X, y).predict_interval(X, coverage=0.9)
    assert ((lower <= y) & (y <= upper)).mean() >= 0.9
