"""Values, types and shapes of y."""

import re

import numpy as np
import pytest
from bad_input_tools import N_SAMPLES, refuses
from sklearn.preprocessing import MultiLabelBinarizer

from sklearn_rnn import RaggedArray, RNNClassifier


def test_x_and_y_have_as_many_samples(estimator, cube, table, sequences, y):
    for X in (cube, table, sequences, RaggedArray.from_sequences(sequences)):
        with refuses(r"inconsistent numbers of samples: \[20, 5\]"):
            estimator.fit(X, y[:5])


@pytest.mark.parametrize("label", [0, 1.0, "a", True])
def test_one_class_is_too_few(classifier, cube, y, label):
    with refuses(f"^y has one class only, {label!r}.*at least 2 classes"):
        classifier.fit(cube, np.full(N_SAMPLES, label))


def test_one_class_of_those_that_count_is_too_few(classifier, cube, y):
    with refuses("^y has one class only, 1 .*weight 0"):
        classifier.fit(cube, y, sample_weight=y)


@pytest.mark.parametrize(
    ("value", "what"), [(np.nan, "NaN"), (np.inf, "infinity")], ids=str
)
def test_targets_that_are_not_finite_are_refused(estimator, cube, y, value, what):
    y = y.astype(float)
    y[3] = value
    with refuses(f"Input y contains {what}"):
        estimator.fit(cube, y)


def test_no_targets_are_refused(estimator, cube):
    with refuses(f"{type(estimator).__name__} .*requires y.*the target y is None"):
        estimator.fit(cube, None)


@pytest.mark.parametrize(
    "value", [3.0, "a", {0: 1}, iter(range(20))], ids=lambda v: type(v).__name__
)
def test_targets_that_are_no_sequence_are_refused(estimator, cube, value):
    with refuses("."):
        estimator.fit(cube, value)


def test_targets_of_three_dimensions_are_refused(estimator, cube):
    with refuses("dim 3.*dim <= 2"):
        estimator.fit(cube, np.zeros((N_SAMPLES, 2, 2)))


def test_targets_of_a_regressor_are_numbers(regressor, cube):
    with refuses(r"\by\b"):
        regressor.fit(cube, ["up", "down"] * (N_SAMPLES // 2))


def test_targets_of_a_classifier_are_no_continuous_numbers(classifier, cube, rng):
    with refuses("Unknown label type: continuous"):
        classifier.fit(cube, rng.normal(size=N_SAMPLES))


def test_several_columns_of_classes_are_refused(classifier, cube, y):
    with refuses(r"^y must be labels.*shape \(20, 2\).*MultiOutputClassifier"):
        classifier.fit(cube, np.column_stack([y * 2, y * 3]))


def test_tuples_as_labels_are_refused_with_advice(classifier, cube):
    pairs = [("a", 1), ("b", 2)] * (N_SAMPLES // 2)
    with refuses("If each row is one label.*' '.join.*for row in y"):
        classifier.fit(cube, pairs)
    sets = [("a", "b"), ("b",)] * (N_SAMPLES // 2)
    with refuses(r"set of labels.*MultiLabelBinarizer\(\).fit_transform\(y\)"):
        classifier.fit(cube, sets)
    labels = np.array([" ".join(map(str, row)) for row in pairs])
    assert classifier.fit(cube, labels).classes_.tolist() == ["a 1", "b 2"]
    encoded = MultiLabelBinarizer().fit_transform(sets)
    assert classifier.fit(cube, encoded).predict(cube).shape == (N_SAMPLES, 2)


@pytest.mark.parametrize("scale", [1e160, 1e308])
def test_targets_of_any_size_are_predicted_or_refused_by_name(
    regressor, cube, y, scale
):
    try:
        assert np.isfinite(regressor.fit(cube, y * scale).predict(cube)).all()
    except ValueError as error:
        assert re.search(r"\by\b", str(error))


def test_counts_are_not_negative(regressor, cube, y):
    regressor.set_params(loss="poisson")
    with refuses("loss='poisson' needs y >= 0. Got -1 among the targets"):
        regressor.fit(cube, y - 1)


@pytest.mark.parametrize("values", [(-1, 1), (1, 2), (0, 255), (0.0, 2.0)])
def test_a_matrix_of_two_values_that_are_not_0_and_1_is_refused(values, cube):
    y = np.array(values)[np.arange(2 * N_SAMPLES).reshape(-1, 2) % 3 % 2]
    with pytest.raises(ValueError, match=r"y must be a matrix of 0 and 1, a column"):
        RNNClassifier().fit(cube, y)


def test_a_matrix_of_booleans_is_one_of_0_and_1(cube):
    y = np.arange(2 * N_SAMPLES).reshape(-1, 2) % 3 % 2
    settings = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
    of_bools = RNNClassifier(**settings).fit(cube, y == 1)
    of_ints = RNNClassifier(**settings).fit(cube, y)
    np.testing.assert_array_equal(
        of_bools.predict_proba(cube), of_ints.predict_proba(cube)
    )
