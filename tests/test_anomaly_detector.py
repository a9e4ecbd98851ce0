"""RNNAnomalyDetector: against plain loops, invariances, and what must rank first."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import (
    RaggedArray,
    RNNAnomalyDetector,
    _anomaly_detector,
    load,
    save,
)
from sklearn_rnn._anomalies import find_episodes, fit_lags, forecast_lags, smooth
from sklearn_rnn.metrics import make_step_scorer, step_average_precision_score
from sklearn_rnn.preprocessing import Stepwise

SMALL = {"hidden_size": 6, "max_epochs": 2, "random_state": 0}
SEASON = 12


def make_series(n_series, n_steps=150, n_features=1, seed=0):
    """Return noisy seasons, each with another phase."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_steps)[:, np.newaxis]
    phases = rng.uniform(0, 2 * np.pi, (n_series, 1, n_features))
    waves = np.sin(2 * np.pi * t / SEASON + phases)
    return list(waves + 0.1 * rng.normal(size=waves.shape))


def make_detector(**params):
    return RNNAnomalyDetector(**({"season_length": SEASON} | SMALL | params))


def add_spike(x, step, feature=0):
    x = x.copy()
    x[step, feature] += 4 * np.ptp(x)
    return x


def add_flat_line(x, start, stop, feature=0):
    x = x.copy()
    x[start:stop, feature] = x[start, feature]
    return x


SERIES = make_series(12)
PAIRS = make_series(12, n_features=2)


@pytest.fixture(scope="module")
def fitted():
    return make_detector().fit(SERIES)


@pytest.fixture(scope="module")
def fitted_pairs():
    return make_detector().fit(PAIRS)


# What is computed --------------------------------------------------------------------


def slow_scores(detector, x):
    """Return scores as the docstring defines them, step by step."""
    z = np.clip((x - detector._center) / detector._spread, -30, 30)
    inputs = np.clip(z, -5, 5)
    rest = detector.regressor_.predict([inputs])[0].reshape(len(x), 2, -1)
    mean, scores = detector._usual, []
    for t in range(len(x)):
        deviations = [z[t], z[t].copy(), z[t].copy()]
        for i, ahead in enumerate((1, SEASON)):
            weights = detector._weights[i]
            if t >= len(weights) + ahead:
                past = inputs[: t - ahead + 1][::-1][: len(weights)]
                forecast = (weights * past).sum(axis=0)
                forecast += detector._network_share[i] * rest[t - ahead, i]
                deviations[i + 1] = (z[t] - forecast) / detector._scatter[i]
        energies = np.minimum(np.stack(deviations, axis=1) ** 2, 900)
        share = 2 / (detector.smoothing_ + 1)
        mean = share * energies + (1 - share) * mean
        parts = np.r_[mean.mean(axis=0), energies.mean()] / detector._units
        scores.append(np.sqrt(parts.mean()))
    return np.array(scores)


def test_scores_are_those_of_a_plain_loop(fitted_pairs):
    spoiled = add_spike(PAIRS[0], 80)
    for x, scores in zip(
        (PAIRS[1], spoiled), fitted_pairs.score_steps([PAIRS[1], spoiled]), strict=True
    ):
        np.testing.assert_allclose(scores, slow_scores(fitted_pairs, x), rtol=1e-9)


def test_lags_are_fitted_as_by_ridge_regression():
    x = make_series(1, 60, 2)[0]
    weights = fit_lags([x], 5, 3)
    for feature in range(2):
        padded = np.r_[[x[0, feature]] * 4, x[:, feature]]
        rows = np.array([padded[t : t + 5][::-1] for t in range(57)])
        penalty = 1e-2 * 57 * np.eye(5)
        expected = np.linalg.solve(rows.T @ rows + penalty, rows.T @ x[3:, feature])
        np.testing.assert_allclose(weights[:, feature], expected)
        forecast = np.r_[0, 0, 0, rows @ expected]
        np.testing.assert_allclose(forecast_lags(x, weights, 3)[:, feature], forecast)


def test_many_windows_are_fitted_in_parts(monkeypatch):
    x = make_series(1, 90)[0]
    whole = fit_lags([x], 7, 2)
    monkeypatch.setattr("sklearn_rnn._anomalies._CHUNK", 10)
    np.testing.assert_allclose(fit_lags([x], 7, 2), whole)


def test_smoothing_is_that_of_a_loop():
    x, start = np.abs(make_series(1, 30, 2)[0]), np.array([0.5, 2.0])
    mean, expected = start, []
    for row in x:
        mean = 0.4 * row + 0.6 * mean
        expected.append(mean)
    np.testing.assert_allclose(smooth(x, 4, start), expected)
    np.testing.assert_array_equal(smooth(x, 1, start), x)


def test_the_network_learns_what_the_linear_part_leaves():
    """The logistic map: the next value has no linear correlation with the past."""
    x = [0.3]
    for _ in range(2000):
        x.append(4 * x[-1] * (1 - x[-1]))
    detector = RNNAnomalyDetector(
        smoothing=1, max_epochs=100, learning_rate=0.02, random_state=0
    )
    detector.fit([x])
    assert detector._network_share[0, 0] > 0.9
    assert detector._scatter[0, 0] < 0.3  # of a linear forecast: 1
    spoiled = np.array(x[:400])
    spoiled[300] = 1 - spoiled[300]  # no unusual value, but not the next
    if abs(spoiled[300] - x[300]) < 0.2:
        pytest.fail("choose another step")
    assert detector.score_steps([spoiled])[0][100:].argmax() == 200


# What must rank first ----------------------------------------------------------------


def test_a_spike_ranks_first_among_steps_and_series(fitted):
    spoiled = [*SERIES[:3], add_spike(SERIES[3], 70), *SERIES[4:]]
    scores = fitted.score_steps(spoiled)
    assert scores[3].argmax() == 70
    assert fitted.score_samples(spoiled).argmin() == 3
    assert fitted.predict(spoiled)[3] == -1


def test_a_flat_line_ranks_first(fitted):
    spoiled = [*SERIES[:5], add_flat_line(SERIES[5], 80, 110), *SERIES[6:]]
    assert fitted.score_samples(spoiled).argmin() == 5
    peak = fitted.score_steps(spoiled)[5].argmax()
    assert 80 <= peak < 110 + SEASON


def test_anomalies_in_the_training_data_rank_first():
    spoiled = [
        add_spike(SERIES[0], 60),
        *SERIES[1:-1],
        add_flat_line(SERIES[-1], 60, 99),
    ]
    detector = make_detector(contamination=2 / 12).fit(spoiled)
    assert set(np.argsort(detector.score_samples(spoiled))[:2]) == {0, 11}
    np.testing.assert_array_equal(
        detector.predict(spoiled), np.r_[-1, np.ones(10), -1].astype(int)
    )


def test_the_table_names_sample_stretch_and_feature(fitted_pairs):
    pytest.importorskip("pandas")
    spoiled = [PAIRS[0], add_flat_line(PAIRS[1], 90, 120, feature=1), *PAIRS[2:]]
    spoiled[4] = add_spike(PAIRS[4], 50)
    table = fitted_pairs.find_anomalies(spoiled)
    assert list(table) == ["sample", "start", "end", "severity", "features"]
    worst = table.sort_values("severity").tail(2).sort_values("sample")
    assert worst["sample"].tolist() == [1, 4]
    assert worst["features"].str[0].tolist() == [1, 0]
    assert 90 <= worst["start"].iloc[0] < 105
    assert worst["start"].iloc[1] == 50
    assert (table["severity"] > 1).all()
    assert (table["start"] < table["end"]).all()


def test_features_have_their_names():
    pd = pytest.importorskip("pandas")
    frames = [pd.DataFrame(x, columns=["flow", "heat"]) for x in PAIRS]
    detector = make_detector().fit(frames)
    frames[2] = pd.DataFrame(add_spike(PAIRS[2], 99, 1), columns=["flow", "heat"])
    table = detector.find_anomalies(frames)
    worst = table.loc[table["severity"].idxmax()]
    assert (worst["sample"], worst["features"]) == (2, ("heat",))


# Promises ----------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_the_future_changes_no_earlier_score(cell):
    detector = make_detector(cell=cell, num_layers=2).fit(PAIRS[:4])
    x = PAIRS[5]
    whole = detector.score_steps([x])[0]
    for n_steps in (1, 2, SEASON, SEASON + 1, 60, 149):
        part = detector.score_steps([x[:n_steps]])[0]
        np.testing.assert_array_equal(part, whole[:n_steps])
        poisoned = np.r_[x[:n_steps], 1e6 * np.ones((150 - n_steps, 2))]
        scores = detector.score_steps([poisoned])[0]
        np.testing.assert_array_equal(scores[:n_steps], whole[:n_steps])
        assert np.isfinite(scores).all()


def test_scores_depend_on_their_series_alone(fitted_pairs):
    X = [x[:n] for x, n in zip(PAIRS, (150, 3, 77, 1, 149, 20), strict=False)]
    together = fitted_pairs.score_steps(X)
    order = [3, 0, 5, 1, 4, 2]
    for i, scores in zip(
        order, fitted_pairs.score_steps([X[i] for i in order]), strict=True
    ):
        np.testing.assert_array_equal(scores, together[i])
        np.testing.assert_array_equal(fitted_pairs.score_steps([X[i]])[0], scores)


def test_a_shift_and_a_scale_of_the_data_change_nothing():
    detector = make_detector()
    scores = clone(detector).fit(SERIES).score_samples(SERIES)
    moved = [1024 * x - 64 for x in SERIES]
    np.testing.assert_allclose(
        clone(detector).fit(moved).score_samples(moved), scores, rtol=1e-4
    )


def test_methods_agree(fitted):
    X = [add_spike(SERIES[0], 40), *SERIES[1:]]
    steps = fitted.score_steps(X)
    samples = fitted.score_samples(X)
    np.testing.assert_array_equal(samples, [-s.max() for s in steps])
    np.testing.assert_array_equal(fitted.decision_function(X), samples - fitted.offset_)
    np.testing.assert_array_equal(
        fitted.predict(X), np.where(samples < fitted.offset_, -1, 1)
    )
    for scores, flags in zip(steps, fitted.predict_steps(X), strict=True):
        np.testing.assert_array_equal(flags, scores > fitted.step_threshold_)
    assert fitted.offset_ <= -fitted.step_threshold_
    few = make_detector().fit(SERIES[:9])
    assert few.offset_ == -few.step_threshold_
    means = make_detector(aggregation="mean").fit(SERIES).score_samples(X)
    np.testing.assert_allclose(means, [-s.mean() for s in steps])


@pytest.mark.parametrize("contamination", [0.1, 0.25])
def test_contamination_is_the_share_of_outliers_in_fit(contamination):
    X = make_series(40, 40, seed=1)
    detector = make_detector(contamination=contamination)
    labels = detector.fit_predict(X)
    assert (labels == -1).mean() == contamination
    flags = np.concatenate(detector.predict_steps(X))
    assert flags.mean() == pytest.approx(contamination, abs=2 / len(flags))
    np.testing.assert_array_equal(labels, clone(detector).fit(X).predict(X))


@pytest.mark.parametrize(
    "X",
    [
        np.ones((5, 30)),
        [np.zeros((10, 2))],
        np.arange(30.0).reshape(10, 3),
        [np.r_[np.zeros(50), 1.0, np.zeros(50)]],
        [np.ones((n, 1)) for n in (1, 2, 9)],
        np.linspace(0, 1, 40),
        1e30 * np.linspace(0, 1, 40),
    ],
    ids=["constant", "ten steps", "short", "one value", "lengths", "a line", "huge"],
)
def test_every_step_has_a_finite_score(X):
    detector = RNNAnomalyDetector(**SMALL).fit(X)
    scores = detector.score_steps(X)
    for x, s in zip(
        np.atleast_2d(X) if isinstance(X, np.ndarray) else X, scores, strict=True
    ):
        assert len(x) == len(s)
        assert np.isfinite(s).all()
    assert np.isfinite(detector.decision_function(X)).all()


@pytest.mark.parametrize(
    ("X", "n_steps"),
    [([1.0, 2.0], 2), ([np.zeros((1, 2))], 1), (np.ones((3, 3)), 9)],
)
def test_a_few_points_tell_nothing(X, n_steps):
    message = rf"X has {n_steps} step.s. in all series together, but at least 10 are"
    with pytest.raises(ValueError, match=message):
        RNNAnomalyDetector(**SMALL).fit(X)


def test_another_value_of_a_constant_column_is_an_outlier():
    X = [np.column_stack([x, np.full(len(x), 7.0)]) for x in SERIES]
    detector = make_detector().fit(X)
    assert (detector.predict(X) == 1).sum() >= 10
    moved = X[0].copy()
    moved[100, 1] = 7.5
    assert detector.predict([moved]).tolist() == [-1]
    assert detector.score_steps([moved])[0].argmax() == 100


def test_one_series_is_a_list_of_one():
    x = SERIES[0][:, 0]
    alone = make_detector().fit(x).score_steps(x)
    assert len(alone) == 1
    for X in ([x], x[np.newaxis], RaggedArray.from_sequences([x]), [x[:, np.newaxis]]):
        scores = make_detector().fit(X).score_steps(X)
        np.testing.assert_array_equal(scores[0], alone[0])


# scikit-learn's tools ----------------------------------------------------------------


def test_pipelines_clones_pickles_and_searches():
    X = np.stack([add_spike(x, 50) for x in SERIES])
    y = np.zeros((12, 150), int)
    y[:, 50] = 1
    scorer = make_step_scorer(_average_precision, response_method="score_steps")
    pipeline = make_pipeline(Stepwise(StandardScaler()), make_detector())
    pipeline.fit(X)
    loaded = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(loaded.predict(X), pipeline.predict(X))
    search = GridSearchCV(
        make_detector(),
        {"smoothing": [1, 60]},
        scoring=scorer,
        cv=2,
        error_score="raise",
    )
    search.fit(X, y)
    assert search.best_params_ == {"smoothing": 1}
    assert search.best_score_ == 1


def _average_precision(true, scores):
    return step_average_precision_score([true], [scores])


def test_automatic_lengths():
    def fit(n_steps, **params):
        return RNNAnomalyDetector(**SMALL, **params).fit(make_series(2, n_steps))

    long, short = fit(1000), fit(40)
    assert (long.context_, long.smoothing_) == (32, 60)
    assert (short.context_, short.smoothing_) == (10, 4)
    assert fit(1000, season_length=SEASON).context_ == SEASON + 8
    given = fit(40, context=5, smoothing=7)
    assert (given.context_, given.smoothing_) == (5, 7)


def test_automatic_epochs_are_a_budget(monkeypatch):
    monkeypatch.setattr(_anomaly_detector, "_N_UPDATES", 3)
    detector = make_detector(max_epochs="auto").fit(SERIES)
    assert detector.max_epochs_ == len(detector.loss_curve_) == 1
    assert make_detector(max_epochs="auto", batch_size=12).fit(SERIES).max_epochs_ == 3


def test_a_saved_detector_scores_the_same(tmp_path):
    pd = pytest.importorskip("pandas")
    frames = [pd.DataFrame(x, columns=["flow", "heat"]) for x in PAIRS]
    pipeline = make_pipeline(make_detector(cell="lstm", contamination=0.1))
    save(pipeline.fit(frames), tmp_path / "pump.safetensors")
    loaded = load(tmp_path / "pump.safetensors")
    np.testing.assert_array_equal(
        loaded.decision_function(frames), pipeline.decision_function(frames)
    )
    assert loaded[-1].find_anomalies(frames).equals(pipeline[-1].find_anomalies(frames))
    assert loaded[-1].loss_curve_ == pipeline[-1].loss_curve_
    with pytest.raises(ValueError, match="'smoothing'"):
        loaded[-1].set_params(smoothing=2).predict(frames)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_weights", [np.zeros((1, 1))] * 2),
        ("_spread", np.zeros(1)),
        ("_units", np.full(4, np.nan)),
        ("_aheads", (1, 0)),
        ("context_", -1),
        ("regressor_", RNNAnomalyDetector()),
    ],
)
def test_a_file_with_impossible_values_is_refused(tmp_path, fitted, name, value):
    broken = pickle.loads(pickle.dumps(fitted))
    setattr(broken, name, value)
    with pytest.raises(ValueError, match=f"'{name}' of RNNAnomalyDetector must be"):
        save(broken, tmp_path / "broken.safetensors")  # reads what it would write


# Stretches ---------------------------------------------------------------------------


def test_near_stretches_are_joined_and_gradual_ones_left_out():
    scores = np.array([0, 0, 5, 0, 5, 0, 0, 0, 4, 0, 1.0])
    assert find_episodes(scores, 2.0, 1) == [slice(2, 5), slice(8, 9)]
    assert find_episodes(scores, 2.0, 0) == [slice(2, 3), slice(4, 5), slice(8, 9)]
    assert find_episodes(scores, 2.0, 9) == [slice(2, 9)]
    assert find_episodes(scores, 9.0, 1) == []
    gradual = np.array([5, 0, 2.1, 0, 2.05, 0, 1.95, 0])
    assert find_episodes(gradual, 2.0, 0) == [slice(0, 1)]
    assert find_episodes(np.ones(3), 0.5, 0) == [slice(0, 3)]


# Bad input ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"contamination": 0.6}, "contamination"),
        ({"contamination": 0}, "contamination"),
        ({"contamination": "some"}, "contamination"),
        ({"smoothing": 0}, "smoothing"),
        ({"context": -1}, "context"),
        ({"season_length": 1.5}, "season_length"),
        ({"aggregation": "median"}, "aggregation"),
    ],
)
def test_bad_parameters_are_named(params, match):
    with pytest.raises(ValueError, match=f"The '{match}' parameter"):
        make_detector(**params).fit(SERIES)


def test_bad_data_is_named(fitted):
    pd = pytest.importorskip("pandas")
    gap = SERIES[1].copy()
    gap[3] = np.nan
    with pytest.raises(ValueError, match=r"X\[1\] has NaN at step 3, feature 0"):
        make_detector().fit([SERIES[0], gap])
    with pytest.raises(ValueError, match=r"X\[1\] has NaN at step 3, feature 0"):
        fitted.score_steps([SERIES[0], gap])
    with pytest.raises(ValueError, match="2 features"):
        fitted.predict(PAIRS)
    with pytest.raises(TypeError, match="RNNAnomalyDetector takes series, not a table"):
        fitted.predict(pd.DataFrame(SERIES[0]))
    with pytest.raises(NotFittedError):
        make_detector().predict(SERIES)


def test_changed_parameters_are_refused_and_a_failed_fit_changes_nothing(fitted):
    detector = pickle.loads(pickle.dumps(fitted))
    with pytest.raises(ValueError, match="'smoothing'"):
        detector.set_params(smoothing=3).predict(SERIES)
    detector.set_params(smoothing="auto")
    before = detector.score_samples(SERIES)
    with pytest.raises(ValueError, match="NaN"):
        detector.fit([[np.nan, 1.0]])
    np.testing.assert_array_equal(detector.score_samples(SERIES), before)
