"""RNNAnomalyDetector: against plain loops, invariances, and what must rank first."""

import pickle

import numpy as np
import pytest
from scipy.signal import lfilter
from sklearn.base import clone
from sklearn.decomposition import PCA
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
from sklearn_rnn._anomalies import (
    drop_gradual,
    find_episodes,
    fit_lags,
    fit_segments,
    forecast_lags,
    forecast_seasons,
    segment_errors,
    smooth,
)
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
    share, scatter = detector._network_share, detector._scatter
    weights, center = detector._weights[0], detector._segment_mean
    axes = detector._segment_axes @ detector._segment_axes.T
    mean, scores = detector._usual, []
    for t in range(len(x)):
        deviations = [z[t], *np.sqrt(detector._usual[:, 1:].T)]
        if t >= len(weights) + 1:
            past = inputs[:t][::-1][: len(weights)]
            forecast = (weights * past).sum(axis=0) + share[0] * rest[t - 1, 0]
            deviations[1] = (z[t] - forecast) / scatter[0]
        if t >= SEASON:
            forecast = np.median(z[t - SEASON :: -SEASON][:5], axis=0)
            forecast += share[1] * rest[t - SEASON, 1]
            deviations[2] = (z[t] - forecast) / scatter[1]
        if t >= 9:
            segment = inputs[t - 9 : t + 1].ravel() - center
            left = (segment - axes @ segment)[-x.shape[1] :]
            deviations[3] = left / scatter[2]
        energies = np.minimum(np.stack(deviations, axis=1) ** 2, 900)
        weight = 2 / (detector.smoothing_ + 1)
        mean = weight * energies + (1 - weight) * mean
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
    whole, segments = fit_lags([x], 7, 2), fit_segments([x])
    errors = segment_errors(x, segments)
    monkeypatch.setattr("sklearn_rnn._anomalies._CHUNK", 10)
    np.testing.assert_allclose(fit_lags([x], 7, 2), whole)
    np.testing.assert_array_equal(segment_errors(x, segments), errors)
    np.testing.assert_allclose(segment_errors(x, fit_segments([x])), errors, atol=1e-9)


def test_seasons_are_forecast_by_their_median():
    x = make_series(1, 7 * SEASON + 3, 2)[0]
    forecasts = forecast_seasons(x, SEASON)
    for t, forecast in enumerate(forecasts):
        past = [x[t - k * SEASON] for k in range(1, 6) if t >= k * SEASON]
        np.testing.assert_array_equal(forecast, np.median(past, axis=0) if past else 0)
    np.testing.assert_array_equal(forecast_seasons(x[:5], SEASON), np.zeros((5, 2)))


def test_segments_are_rebuilt_as_by_pca():
    x = np.concatenate(make_series(1, 200, 3))
    padded = np.r_[[x[0]] * 9, x]
    rows = np.array([padded[t : t + 10].ravel() for t in range(200)])
    pca = PCA(0.9).fit(rows)
    rebuilt = pca.inverse_transform(pca.transform(rows))[:, -3:]
    segments = fit_segments([x])
    assert segments.axes.shape == (30, pca.n_components_)
    np.testing.assert_allclose(segment_errors(x, segments), x - rebuilt, atol=1e-9)


def test_segments_of_many_features_have_fewer_steps(monkeypatch):
    monkeypatch.setattr("sklearn_rnn._anomalies._WIDEST", 35)
    x = np.random.default_rng(0).normal(size=(50, 11))
    segments = fit_segments([x])
    assert len(segments.mean) == len(segments.axes) == 33  # three steps
    assert segment_errors(x, segments).shape == x.shape
    assert len(fit_segments([np.hstack([x, x, x, x])]).mean) == 44  # one
    assert len(fit_segments([x[:, :1], x[:3, :1]]).mean) == 6  # a quarter of 26
    one_step = fit_segments([x[:2, :1]])
    assert one_step.axes.shape == (1, 0)
    errors = segment_errors(x[:, :1], one_step)
    np.testing.assert_allclose(errors, x[:, :1] - x[:2, :1].mean())


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


def test_a_broken_relation_between_features_ranks_first():
    """Each feature stays as usual; one no longer follows the other."""
    rng = np.random.default_rng(0)
    cause, other = lfilter([0.3], [1, -0.95], rng.normal(size=(2, 700, 1)), axis=1)
    x = np.hstack([cause, cause]) + 0.05 * rng.normal(size=(700, 2))
    detector = RNNAnomalyDetector(**SMALL).fit([x[:400]])
    x[600:640, 1] = other[600:640, 0]
    scores = detector.score_steps([x])[0]
    assert 600 <= scores.argmax() < 650
    assert detector.predict_steps([x])[0][605:640].mean() > 0.8


def test_an_anomaly_of_one_season_has_no_echo():
    x = make_series(1, 40 * SEASON)[0]
    detector = make_detector(smoothing=1).fit([x])
    usual = detector.score_steps([x])[0]
    spoiled = add_flat_line(x, 20 * SEASON, 21 * SEASON)
    scores = detector.score_steps([spoiled])[0]
    assert scores[20 * SEASON : 21 * SEASON].max() > detector.step_threshold_
    later = slice(22 * SEASON, 23 * SEASON)  # the season before is past
    assert scores[later].max() < detector.step_threshold_
    np.testing.assert_array_equal(scores[-10 * SEASON :], usual[-10 * SEASON :])


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
    pytest.importorskip("pandas")
    X = [add_spike(SERIES[0], 40), *SERIES[1:]]
    steps = fitted.score_steps(X)
    samples = fitted.score_samples(X)
    np.testing.assert_array_equal(samples, [-s.max() for s in steps])
    np.testing.assert_array_equal(fitted.decision_function(X), samples - fitted.offset_)
    np.testing.assert_array_equal(
        fitted.predict(X), np.where(samples < fitted.offset_, -1, 1)
    )
    table = fitted.find_anomalies(X)
    for i, flags in enumerate(fitted.predict_steps(X)):
        expected = np.zeros(len(X[i]), int)
        for start, end in table.loc[table["sample"] == i, ["start", "end"]].to_numpy():
            expected[start:end] = 1
        np.testing.assert_array_equal(flags, expected)
    assert len(table) > 0
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
    flags = np.concatenate(detector.score_steps(X)) > detector.step_threshold_
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
    assert fit(2500).smoothing_ == 75
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
        ("_units", np.full(5, np.nan)),
        ("_scatter", np.ones((2, 1))),
        ("_segment_mean", np.zeros((2, 2))),
        ("_segment_axes", np.zeros((1, 1))),
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


def test_a_stretch_ends_with_its_last_deviating_step():
    scores = np.array([0, 5, 5, 4, 3, 5, 0, 0, 0, 4, 0, 5])
    energies = np.array([0, 9, 1, 1, 1, 9, 0, 0, 0, 7, 9, 0])
    means = np.array([0, 8, 7, 6, 5, 6, 5, 4, 3, 7, 6, 5])

    def find(max_gap, threshold=2.0):
        return find_episodes(scores, threshold, energies, means, max_gap)

    assert find(2) == [slice(1, 2), slice(5, 6), slice(9, 10)]
    assert find(3) == find(3, 3.5) == [slice(1, 10)]
    assert find(3, 4.5) == [slice(1, 6)]
    assert find(1, 5.0) == []
    same = np.full(3, 1 / 3)
    assert find_episodes(same, 0.1, same, same * (1 + 1e-12), 0) == [slice(0, 3)]


def test_stretches_that_decrease_gradually_are_left_out():
    scores = np.array([5, 0, 2.2, 0, 2.05, 0, 1.95, 0, 5, 0])
    peaks = [slice(i, i + 1) for i in (0, 2, 4, 8)]
    assert drop_gradual(peaks, scores, 2.0) == [peaks[0], peaks[3]]
    assert drop_gradual(peaks[1:3], scores, 2.0) == []
    assert drop_gradual(peaks[:3], np.minimum(scores, 2.5), 1.0) == peaks[:3]
    assert drop_gradual([], scores, 9.0) == []


def test_stretches_far_above_the_threshold_are_not_left_out():
    scores = np.array([2.6, 0, 3.0, 0, 2.3, 0, 2.8, 0, 2.1, 0, 1.95])
    peaks = [slice(i, i + 1) for i in (0, 2, 4, 6, 8)]
    assert drop_gradual(peaks, scores, 2.0) == [peaks[1], peaks[3]]


def test_a_share_of_normal_steps_is_no_anomaly():
    x = make_series(1, 2000)[0]
    shares = make_detector(contamination=0.05).fit([x])
    assert not shares.predict_steps([x])[0].any()
    x = add_spike(x, 1500)
    assert shares.predict_steps([x])[0][1500] == 1


@pytest.mark.parametrize("season_length", [1, 24])
def test_found_stretches_are_as_long_as_the_anomalies(season_length):
    x = make_series(1, 2000)[0]
    detector = RNNAnomalyDetector(**SMALL, season_length=season_length).fit([x[:1000]])
    assert detector.smoothing_ == 60
    x[1300] += 6
    x[1600:1620] += 3
    scores, flags = detector.score_steps([x])[0], detector.predict_steps([x])[0]
    assert (scores[1300:1340] > detector.step_threshold_).all()
    assert flags[1300] == 1
    assert flags[1302:1330].sum() == 0
    assert flags[1600:1620].all()
    assert flags[1625:1645].sum() == 0


def test_stretches_of_a_share_are_one_within_two_smoothing_spans():
    x = make_series(1, 400)[0]
    near, far = (add_spike(add_spike(x, 200), step) for step in (208, 215))
    detector = make_detector(smoothing=5, contamination=0.05).fit([x])
    assert detector.predict_steps([near])[0][200:209].all()
    flags = detector.predict_steps([far])[0]
    assert flags[[200, 215]].all()
    assert not flags[203:215].any()
    usual = make_detector(smoothing=5).fit([x]).predict_steps([near])[0]
    assert usual[[200, 208]].all()
    assert not usual[203:208].any()


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
