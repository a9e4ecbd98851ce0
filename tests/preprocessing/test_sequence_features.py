"""SequenceFeatures against NumPy on each sequence."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_rnn.datasets import read_ts
from sklearn_rnn.preprocessing import SequenceFeatures

nan = np.nan


def loop(x):
    """The numbers of one sequence; NaN is left out."""
    row = [len(x)]
    for feature in x.T:
        seen = np.flatnonzero(~np.isnan(feature))
        values = feature[seen]
        if not len(values):
            row += [nan] * 6
            continue
        slope = np.polyfit(seen, values, 1)[0] if len(values) > 1 else 0
        row += [values.mean(), values.std(), values.min(), values.max()]
        row += [values[-1], slope]
    return row


@pytest.mark.parametrize("missing", [0.0, 0.6])
def test_it_is_the_plain_loop(missing, rng):
    X = [rng.normal(size=(n, 3)) * [1, 50, 1e-3] + 7 for n in rng.integers(1, 12, 40)]
    for x in X:
        x[rng.random(x.shape) < missing] = nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # polyfit through a few points
        expected = np.array([loop(x) for x in X])
    result = SequenceFeatures().fit_transform(X)
    np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-12)
    assert np.isnan(result).any() == (missing > 0)


def test_of_a_line_the_slope_is_exact():
    X = [3 * np.arange(n, dtype=float)[:, np.newaxis] - 5 for n in (1, 2, 50)]
    np.testing.assert_allclose(SequenceFeatures().fit_transform(X)[:, -1], [0, 3, 3])


def test_a_large_level_does_not_spoil_the_spread(rng):
    x = rng.normal(size=(100, 1))
    plain, moved = SequenceFeatures().fit_transform([x, x + 1e9])
    np.testing.assert_allclose(plain[[2, 6]], moved[[2, 6]], rtol=1e-6)


def test_names_say_feature_and_statistic():
    X = [pd.DataFrame({"load": [1.0, 2.0]})]
    names = list(SequenceFeatures().fit(X).get_feature_names_out())
    assert names == [
        "length",
        *(f"load_{s}" for s in ("mean", "std", "min", "max", "last", "slope")),
    ]


def test_a_table_is_one_variable(rng):
    X = rng.normal(size=(4, 6))
    features = SequenceFeatures().set_output(transform="pandas").fit(X)
    result = features.transform(X)
    assert list(result.columns)[:2] == ["length", "x0_mean"]
    np.testing.assert_allclose(result["x0_max"], X.max(axis=1))
    assert (result["length"] == 6).all()


def test_gradient_boosting_takes_what_comes_out(ragged):
    X, y = ragged
    X[3][:, 1] = nan
    baseline = make_pipeline(
        SequenceFeatures(), HistGradientBoostingClassifier(min_samples_leaf=3)
    )
    assert cross_val_score(baseline, X, y, cv=4).mean() > 0.8


def test_vowels_are_told_apart_by_their_summaries(shared_data):
    folder = shared_data / "japanese_vowels"
    X, y = read_ts(folder / "JapaneseVowels_TRAIN.ts")
    X_test, y_test = read_ts(folder / "JapaneseVowels_TEST.ts")
    baseline = make_pipeline(
        SequenceFeatures(), HistGradientBoostingClassifier(max_iter=20, random_state=0)
    )
    assert baseline.fit(X, y).score(X_test, y_test) > 0.85
