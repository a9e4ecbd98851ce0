"""Errors that name what to type instead."""

import numpy as np
import pytest
from bad_input_tools import SMALL, refuses
from sklearn.exceptions import NotFittedError
from torch.utils.data import DataLoader

from sklearn_rnn import (
    RNNAnomalyDetector,
    RNNClassifier,
    RNNForecaster,
    RNNGenerator,
    RNNRegressor,
    RNNTagger,
    RNNTranscriber,
    RNNTranslator,
)


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("cell", "LSTM", "lstm"),
        ("cell", "SimpleRNN", "rnn"),
        ("cell", "gru_reset_after", "gru"),
        ("optimizer", "Adam", "adam"),
        ("pooling", "avg", "mean"),
        ("pooling", "Mean-Max", "meanmax"),
        ("learning_rate_schedule", "one_cycle", "onecycle"),
        ("loss", "mse", "squared_error"),
        ("loss", "MAE", "absolute_error"),
    ],
)
def test_the_value_that_was_meant_is_suggested(cube, y, name, value, meant):
    regressor = RNNRegressor(**SMALL).set_params(**{name: value})
    with refuses(f"{name!r} parameter .*Got {value!r} instead. Did you mean {meant!r}"):
        regressor.fit(cube, y)


@pytest.mark.parametrize("value", ["transformer", 3])
def test_nothing_is_suggested_for_a_value_that_is_like_none(cube, y, value):
    with refuses(f"Got {value!r} instead.$"):
        RNNClassifier(cell=value).fit(cube, y)


def test_the_forecaster_suggests_values_too():
    with refuses("Got 'MSE' instead. Did you mean 'squared_error'"):
        RNNForecaster(loss="MSE").fit(np.arange(50.0)[:, np.newaxis])


@pytest.mark.parametrize("make", [RNNClassifier, RNNRegressor, RNNTagger])
@pytest.mark.parametrize(
    ("argument", "advice"),
    [
        ("validation_data", "pass X_val= and y_val="),
        ("validation_split", "early_stopping=True and validation_fraction= in the"),
        ("epochs", "set max_epochs= in the constructor"),
        ("batch_size", r"constructor: \w+\(batch_size=...\)"),
    ],
)
def test_arguments_of_other_libraries_are_explained(cube, y, make, argument, advice):
    estimator = make(**SMALL)
    with refuses(f"keyword argument {argument!r}: .*{advice}", TypeError):
        estimator.fit(cube, y, **{argument: 3})
    with pytest.raises(NotFittedError):
        estimator.predict(cube)


@pytest.mark.parametrize(
    "make",
    [RNNAnomalyDetector, RNNForecaster, RNNGenerator, RNNTranscriber, RNNTranslator],
)
def test_the_other_estimators_explain_arguments_and_values_too(make):
    with refuses("keyword argument 'epochs': set max_epochs=", TypeError):
        make().fit(["ab", "ba"], epochs=3)
    with refuses("Got 'LSTM' instead. Did you mean 'lstm'"):
        make(cell="LSTM").fit(["ab", "ba"], ["a", "b"])


def test_an_unknown_argument_is_named(cube, y):
    with refuses("partial_fit.. got an unexpected keyword argument 'foo'$", TypeError):
        RNNRegressor(**SMALL).partial_fit(cube, y, foo=3)


def test_a_loader_is_refused_with_and_without_y(cube, y):
    loader = DataLoader([*zip(cube, y, strict=True)])
    for arguments in ((loader,), (loader, y)):
        with refuses("X is a DataLoader of torch.*batch_size=", TypeError):
            RNNClassifier(**SMALL).fit(*arguments)


def test_a_pair_of_sequences_and_a_table_is_explained(cube, y):
    table = np.arange(len(y))[:, np.newaxis]
    for X in ((cube, table), [list(cube), table], (cube, table.astype(float))):
        with refuses(
            r"X is a pair of sequences and a table.*join\(X\[1\]\)", TypeError
        ):
            RNNClassifier(**SMALL).fit(X, y)
    RNNClassifier(**SMALL).fit([cube[0], cube[1]], [0, 1])  # two sequences


def test_a_table_with_a_row_for_each_step_is_explained(cube, y):
    table = cube.reshape(-1, cube.shape[2])
    with refuses("each row is a sequence .* put sklearn_rnn.*SequenceBuilder"):
        RNNClassifier(**SMALL).fit(table, y)
    with refuses(r"samples: \[20, 19\]$"):
        RNNClassifier(**SMALL).fit(cube, y[1:])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_column_of_dates_is_named(library, y):
    frames = pytest.importorskip(library)
    days = np.arange("2026-01-01", "2026-01-21", dtype="datetime64[D]")
    table = frames.DataFrame({"a": np.arange(20.0), "day": days.astype("M8[ns]")})
    with refuses("X has dates in column 'day'.*SequenceBuilder"):
        RNNClassifier(**SMALL).fit(table, y)
    with refuses(r"X\[0\] has dates in column 'day'.*SequenceBuilder"):
        RNNClassifier(**SMALL).fit([table] * 20, y)


def test_strings_as_targets_of_a_regressor_are_explained(cube):
    with refuses("y must hold numbers.*RNNClassifier.*astype.float"):
        RNNRegressor(**SMALL).fit(cube, ["1.5"] * len(cube))
