"""Layouts: sequences are checked against those that came first, of any name."""

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from sklearn_rnn import RaggedArray
from sklearn_rnn._sequences import (
    Layout,
    TokenIds,
    check_floats,
    check_sequences,
    validate_sequences,
)

NAMES = ["load", "heat"]


class Owner(BaseEstimator):
    pass


def frames(names=NAMES, n_steps=(3, 2)):
    return [pd.DataFrame(np.ones((n, len(names))), columns=names) for n in n_steps]


def check(X, layout=None, **options):
    return check_sequences(X, layout, owner="Owner", **options)


@pytest.mark.parametrize(
    ("X", "layout"),
    [
        (np.ones((4, 3)), Layout(3, is_table=True)),
        (pd.DataFrame(np.ones((4, 2)), columns=NAMES), Layout(2, tuple(NAMES), True)),
        (pd.DataFrame(np.ones((4, 2))), Layout(2, is_table=True)),
        (np.ones((4, 3, 2)), Layout(2)),
        ([np.ones(3), np.ones(2)], Layout(1)),
        (RaggedArray(np.ones((5, 2)), [0, 2, 5]), Layout(2)),
        (frames(), Layout(2, ("load", "heat"))),
    ],
)  # fmt: skip
def test_layouts_of_containers(X, layout):
    _, found = check(X)
    assert found == layout
    _, again = check(X, found)
    assert again == layout


def test_the_layout_of_tokens():
    ids = TokenIds(np.array([[1, 2], [3, 4], [5, 6]]), [0, 2, 3])
    steps, layout = check(ids, tokens=True)
    assert layout == Layout(2, tokens=True)
    assert steps.values.dtype == np.int64
    with pytest.raises(ValueError, match=r"y\[0\] has 0.5 at step 1"):
        check([[1, 0.5]], Layout(1, tokens=True), name="y")


def test_a_layout_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Layout(3).n_features = 4


@pytest.mark.parametrize(
    ("X", "layout", "message"),
    [
        (np.ones((2, 3, 4)), Layout(2), "future has 4 features, but Owner is"),
        (np.ones((2, 3, 1)), Layout(2), r"pass future\[np.newaxis\] or \[future\]"),
        (np.ones((2, 2, 4)), Layout(2), "axes of future look swapped"),
        (np.ones((2, 4)), Layout(3, is_table=True), "future has 4 features, but Owner"),
        ([[1.0], [1.0, 2.0]], Layout(2, is_table=True), r"future\[0\] has 1 steps"),
        (np.ones((2, 2, 3)), Layout(2, is_table=True), "future has sequences of 3"),
        ([np.ones((2, 2)), np.ones((0, 2))], Layout(2), r"future\[1\] is an empty seq"),
        ([np.ones((2, 2)), np.ones((1, 3))], None, r"future\[1\] has 3 features"),
        ([np.ones(2), 3], None, r"future\[1\] is not a sequence but 3"),
        ([np.ones((2, 0))], None, r"future\[0\] has 0 features"),
        ([[[1.0], [np.nan]]], None, r"future\[0\] has NaN at step 1"),
        (np.full((1, 2, 1), np.inf), None, r"future\[0\] has infinity at step 0"),
        ([], None, "Found future with 0 sample"),
        (RaggedArray(np.ones((0, 2)), [0]), None, "Found future with 0 sample"),
        (pd.DataFrame(index=[0, 1]), None, "Found future with 0 feature"),
        (np.ones(3), None, "future must be a 2-D array .* future.reshape"),
        ("abc", None, "future must be a 2-D array"),
        (None, None, "future must be a 2-D array .* Got None"),
        (np.ones((1, 2, 3, 4)), None, "future must be a 2-D array"),
        (np.array([["a"]]), None, "future must hold numbers"),
        (np.array([[1j]]), None, "Complex data not supported: future"),
        (frames(n_steps=(2,)) + frames(NAMES[::-1]), None, r"future\[1\] has the"),
    ],
)  # fmt: skip
def test_errors_use_the_name_of_the_argument(X, layout, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        check(X, layout, name="future")
    assert "X" not in str(caught.value)


def test_infinity_for_a_transformer_uses_the_name_of_the_argument():
    with pytest.raises(ValueError, match=r"^y\[0\] has infinity .* Owner needs"):
        check_floats([[np.inf]], owner="Owner", name="y")


@pytest.mark.parametrize(
    "other",
    [
        ["heat", "load"],
        ["load", "time"],
        ["load", "heat", "time"],
        ["load"],
        list("abcdefgh"),
        [0, 1],
        None,
    ],
)
def test_names_are_compared_as_in_scikit_learn(other):
    """The plain computation: scikit-learn on the same table."""

    def error_of(call):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                call()
            except ValueError as error:
                return str(error), []
        return None, [str(w.message) for w in caught]

    first = frames()[0]
    plain = Owner()
    validate_data(plain, first)
    table = first.to_numpy() if other is None else frames(other)[0]
    expected = error_of(lambda: validate_data(plain, table, reset=False))
    assert expected != (None, [])

    sequences = check(frames())[1]
    assert error_of(lambda: check([table], sequences)) == expected

    tables = check(first)[1]
    assert error_of(lambda: check(table, tables)) == expected


def test_numbers_of_columns_are_compared_as_in_scikit_learn():
    message = "^X has 4 features, but Owner is expecting 3 features as input.$"
    plain = Owner()
    validate_data(plain, np.ones((2, 3)))
    with pytest.raises(ValueError, match=message):
        validate_data(plain, np.ones((2, 4)), reset=False)
    with pytest.raises(ValueError, match=message):
        check(np.ones((2, 4)), Layout(3, is_table=True))


def test_an_estimator_has_the_attributes_of_scikit_learn():
    owner = Owner()
    validate_sequences(owner, frames(), reset=True)
    assert owner.n_features_in_ == 2
    assert owner.feature_names_in_.dtype == object
    assert owner.feature_names_in_.tolist() == NAMES
    validate_sequences(owner, frames(), reset=False)
    with pytest.raises(ValueError, match="unseen at fit time:\n- cold"):
        validate_sequences(owner, frames(["cold", "heat"]), reset=False)
    validate_sequences(owner, np.ones((2, 3, 4)), reset=True)
    assert owner.n_features_in_ == 4
    assert not hasattr(owner, "feature_names_in_")


def test_an_invalid_first_x_leaves_no_attributes():
    owner = Owner()
    with pytest.raises(ValueError, match="NaN"):
        validate_sequences(owner, [pd.DataFrame({"a": [np.nan]})], reset=True)
    assert vars(owner) == {}


def test_one_table_for_sequences_has_no_names_of_features():
    owner = Owner()
    validate_sequences(owner, [frame[["load"]] for frame in frames()], reset=True)
    table = pd.DataFrame(np.ones((4, 5)), columns=list("abcde"))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        steps = validate_sequences(owner, table, reset=False)
    assert steps.lengths.tolist() == [5] * 4
