"""RNNRegressor: losses, scores, several targets."""

import pickle

import numpy as np
import pytest
from sklearn.metrics import (
    d2_absolute_error_score,
    d2_pinball_score,
    mean_pinball_loss,
    r2_score,
)
from training_tools import make_regressor

from sklearn_rnn import RNNRegressor, RNNStepRegressor, load, save


@pytest.fixture
def noisy(rng):
    """Targets whose noise grows with the first feature's mean."""
    X = rng.normal(size=(400, 6, 1)) + rng.uniform(-1, 1, (400, 1, 1))
    level = X[:, :, 0].mean(axis=1)
    noise = rng.normal(size=400) * np.exp(0.5 * level)
    return X, 10 + 3 * level + noise, np.exp(0.5 * level)


@pytest.mark.parametrize("quantile", [0.1, 0.9])
def test_predicted_quantile_covers_its_share_of_targets(noisy, quantile):
    X, y, _ = noisy
    regressor = make_regressor(loss="quantile", quantile=quantile, max_epochs=60)
    predicted = regressor.fit(X, y).predict(X)
    assert np.mean(y <= predicted) == pytest.approx(quantile, abs=0.05)
    constant = np.full_like(y, np.quantile(y, quantile))
    assert mean_pinball_loss(y, predicted, alpha=quantile) < 0.8 * mean_pinball_loss(
        y, constant, alpha=quantile
    )


def test_several_quantiles_cover_their_shares_and_never_cross(noisy):
    X, y, _ = noisy
    levels = (0.1, 0.5, 0.9)
    regressor = make_regressor(loss="quantile", quantile=levels, max_epochs=60)
    predicted = regressor.fit(X, y).predict(X)
    assert predicted.shape == (400, 3)
    assert (np.diff(regressor.predict(100 * X)) >= 0).all()
    np.testing.assert_allclose(
        (y[:, None] <= predicted).mean(axis=0), levels, atol=0.05
    )
    np.testing.assert_array_equal(regressor.predict(X[:3]), predicted[:3])
    scores = [
        d2_pinball_score(y, own, alpha=level)
        for own, level in zip(predicted.T, levels, strict=True)
    ]
    assert regressor.score(X, y) == pytest.approx(np.mean(scores))
    assert np.mean(scores) > 0.3


@pytest.mark.parametrize("levels", [(0.2,), [0.1, 0.9]])
def test_several_quantiles_of_several_targets_are_the_last_axis(noisy, levels):
    X, y, _ = noisy
    y = np.column_stack([y, 100 * y])
    options = {"loss": "quantile", "quantile": levels, "max_epochs": 2}
    regressor = make_regressor(**options).fit(
        X[50:], y[50:], X_val=X[:50], y_val=y[:50]
    )
    assert regressor.predict(X[:5]).shape == (5, 2, len(levels))
    score = regressor.score(X[:50], y[:50])
    assert regressor.validation_scores_[-1] == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize("levels", [(0.2,), [0.1, 0.9]])
def test_several_quantiles_of_each_step_are_the_last_axis(noisy, levels):
    X, _, _ = noisy
    y = np.concatenate([X, 100 * X], axis=2)
    options = {"loss": "quantile", "quantile": levels, "max_epochs": 2}
    regressor = RNNStepRegressor(random_state=0, **options).fit(X, y)
    predicted = regressor.predict(X)
    assert [p.shape for p in predicted[:2]] == [(6, 2, len(levels))] * 2
    predicted = np.concatenate(list(predicted))
    scores = [
        d2_pinball_score(y.reshape(-1, 2), predicted[..., k], alpha=level)
        for k, level in enumerate(levels)
    ]
    assert regressor.score(X, y) == pytest.approx(np.mean(scores))


@pytest.mark.parametrize("levels", [(), (0.5, 0.1), (0.1, 0.1), (0.1, 1.0), ("a",)])
def test_levels_of_quantiles_increase_between_zero_and_one(noisy, levels):
    X, y, _ = noisy
    with pytest.raises(ValueError, match=r"'quantile' parameter .*increasing.*Got"):
        make_regressor(loss="quantile", quantile=levels).fit(X, y)


def test_gaussian_loss_predicts_the_standard_deviation(noisy):
    X, y, std = noisy
    regressor = make_regressor(loss="gaussian", max_epochs=60).fit(X, y)
    mean, predicted_std = regressor.predict(X, return_std=True)
    assert mean.shape == predicted_std.shape == (400,)
    np.testing.assert_array_equal(mean, regressor.predict(X))
    assert np.corrcoef(np.log(std), np.log(predicted_std))[0, 1] > 0.7
    assert np.mean(np.abs(y - mean) < 1.96 * predicted_std) == pytest.approx(
        0.95, abs=0.04
    )


def test_gaussian_loss_stays_finite_on_constant_targets(rng):
    X = rng.normal(size=(8, 3, 1))
    y = np.zeros(8)
    regressor = make_regressor(loss="gaussian", max_epochs=300).fit(X, y)
    assert np.isfinite(regressor.predict(X, return_std=True)).all()


@pytest.mark.parametrize("scale", [1, 10_000])
def test_poisson_loss_predicts_counts_of_any_size(rng, scale):
    X = rng.normal(size=(300, 6, 1))
    rate = scale * np.exp(X[:, :, 0].mean(axis=1))
    y = rng.poisson(rate)
    predicted = make_regressor(loss="poisson", max_epochs=20).fit(X, y).predict(X)
    assert (predicted > 0).all()
    assert predicted.mean() == pytest.approx(y.mean(), rel=0.05)
    assert r2_score(rate, predicted) > 0.7


@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
def test_robust_losses_ignore_outliers(rng, loss):
    X = rng.normal(size=(300, 6, 1))
    clean = X[:, :, 0].mean(axis=1)
    y = clean.copy()
    y[::10] += 30
    robust = make_regressor(loss=loss, max_epochs=60).fit(X, y).predict(X)
    squared = make_regressor(max_epochs=60).fit(X, y).predict(X)
    assert np.abs(robust - clean).mean() < 0.5 * np.abs(squared - clean).mean()


def test_several_targets_keep_their_columns(ragged):
    X, _ = ragged
    Y = np.array([[x[:, 0].mean(), 100 * x[:, 1].mean()] for x in X])
    regressor = make_regressor(max_epochs=60).fit(X, Y)
    assert regressor.n_outputs_ == 2
    predicted = regressor.predict(X)
    assert predicted.shape == Y.shape
    for column in range(2):
        assert r2_score(Y[:, column], predicted[:, column]) > 0.7
    one_column = make_regressor().fit(X, Y[:, :1]).predict(X)
    assert one_column.shape == (len(X), 1)


def d2_ninth_decile_score(y, predicted):
    return d2_pinball_score(y, predicted, alpha=0.9)


VALIDATION_SCORES = {
    "squared_error": r2_score,
    "huber": r2_score,
    "poisson": r2_score,
    "gaussian": r2_score,
    "absolute_error": d2_absolute_error_score,
    "quantile": d2_ninth_decile_score,
}


@pytest.mark.parametrize(("loss", "score"), VALIDATION_SCORES.items())
def test_validation_score_matches_the_loss(ragged, loss, score):
    X, _ = ragged
    y = np.exp([x[:, 0].mean() for x in X])  # positive, for "poisson"
    level = {"quantile": 0.9} if loss == "quantile" else {}
    regressor = make_regressor(loss=loss, **level)
    fitted = regressor.fit(X, y, X_val=X[:9], y_val=y[:9])
    predicted, recorded = fitted.predict(X[:9]), fitted.validation_scores_[-1]
    assert recorded == pytest.approx(score(y[:9], predicted), rel=1e-4)
    for other in {*VALIDATION_SCORES.values()} - {score}:
        assert recorded != pytest.approx(other(y[:9], predicted), abs=0.01)


@pytest.mark.parametrize("cls", [RNNRegressor, RNNStepRegressor])
def test_a_quantile_without_its_loss_warns(ragged, cls):
    X, _ = ragged
    y = [x[:, 0] for x in X] if cls is RNNStepRegressor else [x[0, 0] for x in X]
    options = {"hidden_size": 2, "max_epochs": 1, "random_state": 0}
    with pytest.warns(UserWarning, match="quantile=0.9 has no effect") as warned:
        cls(**options, quantile=0.9).fit(X, y)
    assert warned[0].filename == __file__
    cls(**options, loss="quantile", quantile=0.9).fit(X, y)  # no warning


def test_an_interval_of_counts_has_none_below_zero(rng):
    X, y = rng.normal(size=(60, 4, 1)), rng.poisson(0.5, 60)
    regressor = make_regressor(loss="poisson", max_epochs=2).fit(X, y).calibrate(X, y)
    low, high = regressor.predict_interval(X, coverage=0.95)
    assert low.min() == 0
    assert (high > low).all()


INTERVALS = [
    {},
    {"loss": "absolute_error"},
    {"loss": "gaussian"},
    {"loss": "quantile", "quantile": 0.5},
    {"loss": "quantile", "quantile": (0.25, 0.5, 0.75)},
]


@pytest.mark.parametrize("options", INTERVALS, ids=str)
@pytest.mark.parametrize("scale", [1, 1000])
def test_an_interval_covers_its_share_of_unseen_targets(rng, options, scale):
    X = rng.normal(size=(1200, 5, 1))
    y = scale * (X.mean(axis=(1, 2)) + rng.normal(size=1200) * np.exp(X[:, 0, 0] / 2))
    regressor = make_regressor(**options, max_epochs=3, conv_channels=None)
    regressor.fit(X[:200], y[:200]).calibrate(X[200:700], y[200:700])
    for coverage in (0.5, 0.9):
        low, high = regressor.predict_interval(X[700:], coverage)
        assert low.shape == high.shape == (500,)
        inside = (low <= y[700:]) & (y[700:] <= high)
        assert inside.mean() == pytest.approx(coverage, abs=0.06)


def test_the_width_is_the_quantile_of_the_errors(noisy):
    X, y, _ = noisy
    y = np.column_stack([y, -100 * y])
    regressor = make_regressor(max_epochs=2).fit(X[:100], y[:100])
    regressor.calibrate(X[100:119], y[100:119])
    errors = np.sort(np.abs(y[100:119] - regressor.predict(X[100:119])), axis=0)
    low, high = regressor.predict_interval(X[119:], coverage=0.9)
    expected = np.broadcast_to(2 * errors[17], low.shape)  # 18 of 19
    np.testing.assert_allclose(high - low, expected)
    with pytest.raises(ValueError, match=r"coverage=0.96 needs at least 24 held-out"):
        regressor.predict_interval(X, coverage=0.96)
    with pytest.raises(ValueError, match=r"coverage must be .* Got 1 instead"):
        regressor.predict_interval(X, coverage=1)


def test_errors_belong_to_a_fit(noisy):
    X, y, _ = noisy
    regressor = make_regressor(max_epochs=1, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"call calibrate\(X_held_out, y_held_out\)"):
        regressor.predict_interval(X)
    with pytest.raises(ValueError, match=r"y must have shape \(400,\)"):
        regressor.calibrate(X, y[:, np.newaxis])
    low, _ = regressor.calibrate(X, y).predict_interval(X)
    again = pickle.loads(pickle.dumps(regressor)).predict_interval(X)[0]
    np.testing.assert_array_equal(again, low)
    for train in (regressor.partial_fit, regressor.fit):
        train(X, y)
        with pytest.raises(ValueError, match="needs errors on held-out samples"):
            regressor.predict_interval(X)
        regressor.calibrate(X, y)


def test_errors_are_saved(noisy, tmp_path):
    X, y, _ = noisy
    regressor = make_regressor(max_epochs=1).fit(X, y).calibrate(X, y)
    save(regressor, tmp_path / "regressor")
    loaded = load(tmp_path / "regressor")
    np.testing.assert_array_equal(
        loaded.predict_interval(X), regressor.predict_interval(X)
    )
