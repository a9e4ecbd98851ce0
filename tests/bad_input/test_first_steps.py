"""Mistakes of a first hour: each error or warning says what to type instead."""

import pickle

import numpy as np
import pandas as pd
import pytest
from bad_input_tools import SMALL, refuses
from sklearn.model_selection import GridSearchCV

from sklearn_rnn import (
    RNNAnomalyDetector,
    RNNClassifier,
    RNNForecaster,
    RNNGenerator,
    RNNRegressor,
    RNNTagger,
    RNNTranslator,
    load,
    save,
)
from sklearn_rnn.inspection import ForecastDisplay
from sklearn_rnn.model_selection import make_origins
from sklearn_rnn.preprocessing import SequenceTokenizer, make_windows

draw = np.random.default_rng(0)
SERIES = [draw.normal(size=(n, 1)) for n in draw.integers(30, 40, 12)]
LABELS = np.arange(12) % 2
TINY = {"hidden_size": 2, "max_epochs": 1, "random_state": 0}


@pytest.fixture(scope="module")
def classifier():
    return RNNClassifier(**SMALL).fit(SERIES, LABELS)


@pytest.fixture(scope="module")
def forecaster():
    return RNNForecaster(horizon=2, **TINY).fit(SERIES)


# One sequence -------------------------------------------------------------------------


def test_one_sequence_of_one_feature_is_not_read_as_many_of_one_step(
    classifier, forecaster
):
    tagger = RNNTagger(**TINY).fit(SERIES, [np.arange(len(x)) % 2 for x in SERIES])
    for estimator in (classifier, forecaster, tagger):
        with refuses(r"X has shape \(\d+, 1\): \d+ sequences.*one sequence pass \[X\]"):
            estimator.predict(SERIES[0])
        assert len(estimator.predict([SERIES[0]])) == 1
        assert len(estimator.predict(SERIES[0][:, np.newaxis])) == len(SERIES[0])
    assert classifier.predict(SERIES[0][:1]).shape == (1,)  # both are the same


def test_a_table_of_one_column_stays_one():
    X = draw.normal(size=(12, 1))
    assert RNNClassifier(**SMALL).fit(X, LABELS).predict(X).shape == (12,)


def test_lists_of_another_length_get_the_advice_to_pass_arrays():
    """Lists of one length are a table: in a search, it may be so in one part alone."""
    short, long = [[1.0, 2.0]] * 12, [[1.0, 2.0, 3.0]] * 12
    fitted = RNNClassifier(**SMALL).fit(short, LABELS)
    with refuses(r"X has 3 features.*pass arrays: \[np.asarray\(x\) for x in X\]"):
        fitted.predict(long)
    arrays = RNNClassifier(**SMALL).fit([np.asarray(x) for x in short], LABELS)
    assert arrays.predict([np.asarray(x) for x in long]).shape == (12,)


# Names --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "name", "meant"),
    [
        (RNNForecaster, "quantile", "quantiles"),
        (RNNRegressor, "quantiles", "quantile"),
        (RNNClassifier, "epochs", "max_epochs"),
        (RNNTagger, "units", "hidden_size"),
        (RNNForecaster, "n_lags", "context"),
        (RNNAnomalyDetector, "contaminaton", "contamination"),
        (SequenceTokenizer, "max_token", "max_tokens"),
    ],
)
def test_the_parameter_that_was_meant_is_suggested(make, name, meant):
    with refuses(f"keyword argument {name!r}. Did you mean {meant!r}", TypeError):
        make(**{name: 3})


def test_no_parameter_is_suggested_for_a_name_that_is_like_none():
    with refuses("keyword argument 'xyz'.$", TypeError):
        RNNClassifier(xyz=3)


class OwnClassifier(RNNClassifier):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)


def test_a_constructor_that_takes_anything_decides_itself():
    assert OwnClassifier(hidden_size=3).hidden_size == 3


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: SequenceTokenizer(level="words").fit(["a b"]), "mean 'word'"),
        (lambda: RNNGenerator(level="words").fit(["a b"]), "mean 'word'"),
        (lambda: RNNClassifier(device="gpu").fit(SERIES, LABELS), "mean 'cuda'"),
        (lambda: RNNClassifier(scoring="acc").fit(SERIES, LABELS), "mean 'accuracy'"),
        (
            lambda: RNNRegressor(scoring="mse").fit(SERIES, LABELS),
            "mean 'neg_mean_squared_error'",
        ),
    ],
)
def test_the_value_that_was_meant_is_suggested_everywhere(act, message):
    with refuses(message):
        act()


def test_the_method_of_a_stream_that_was_meant_is_suggested(classifier):
    with refuses("Got 'proba' instead. Did you mean 'predict_proba'"):
        classifier.stream(method="proba")


@pytest.mark.parametrize(
    ("scoring", "y"),
    [("roc_auc", np.arange(12) % 3), ("f1", np.array(["a", "b"] * 6))],
)
def test_an_error_of_scoring_names_it(scoring, y):
    classifier = RNNClassifier(**SMALL, scoring=scoring, early_stopping=True)
    classifier.set_params(validation_fraction=0.5)
    with refuses(f"scoring={scoring!r} cannot score this RNNClassifier on the valid"):
        classifier.fit(SERIES, y)


def test_a_score_that_is_no_number_is_named():
    regressor = RNNRegressor(**SMALL, early_stopping=True, scoring=lambda e, X, y: None)
    with refuses("scoring=<function.*cannot score this RNNRegressor on the validation"):
        regressor.fit(SERIES, np.arange(12.0))


# Targets ------------------------------------------------------------------------------


def test_numbers_with_fractions_are_for_the_regressor():
    with refuses("Got numbers with fractions in y; for these there is RNNRegressor"):
        RNNClassifier(**SMALL).fit(SERIES, np.linspace(0, 1, 12))


def test_a_label_that_is_none_is_named():
    with refuses(r"y\[3\] is None. RNNClassifier needs a label for each sequence"):
        RNNClassifier(**SMALL).fit(SERIES, ["a", "b", "a", None] * 3)


# Texts --------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [RNNGenerator, RNNTranslator])
def test_the_column_of_texts_is_named(make):
    table = pd.DataFrame({"id": [1, 2], "text": ["ab", "ba"]})
    y = () if make is RNNGenerator else (["a", "b"],)
    with refuses(rf"X is a DataFrame. {make.__name__} takes texts: .*X\['text'\]"):
        make(**TINY).fit(table, *y)


def test_the_generator_refuses_measurements():
    with refuses("numbers with fractions.*series of numbers there is RNNForecaster"):
        RNNGenerator(**TINY).fit(SERIES)


def test_unknown_characters_of_a_prompt_are_named():
    generator = RNNGenerator(**TINY).fit(["abc", "cba"] * 3)
    generator.sample(prompt="ab")
    with pytest.warns(UserWarning, match=r"2 of 4 tokens of the prompt.*\['x', 'z'\]"):
        generator.sample(prompt="axbz")


# Files, displays, windows ------------------------------------------------------------


def test_a_search_is_saved_by_its_best_estimator(tmp_path):
    search = GridSearchCV(RNNClassifier(**SMALL), {"hidden_size": [2]}, cv=2)
    search.fit(SERIES, LABELS)
    with refuses("GridSearchCV cannot be saved.*Save its best_estimator_."):
        save(search, tmp_path / "search")
    save(search.best_estimator_, tmp_path / "best")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    model = RNNClassifier(**SMALL).fit(SERIES, LABELS)
    with pytest.raises(FileNotFoundError, match=r"nowhere'$"):
        save(model, tmp_path / "nowhere" / "model")


def test_a_pickle_is_recognised(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"a": 1}))
    with refuses("looks like a pickle, of pickle.dump or joblib.dump"):
        load(path)
    path.write_bytes(b"something else")
    with refuses("can read: it does not begin as a file of sklearn_rnn.save does.$"):
        load(path)


def test_dates_among_the_values_of_a_series_are_named():
    times = pd.date_range("2024-01-01", periods=20)
    table = pd.DataFrame({"ds": times, "y": np.arange(20.0)})
    for series in (table, [table, table]):
        with refuses("series has dates in column 'ds'.*leave the column out"):
            make_windows(series, length=3)
    X, _, _ = make_windows(table[["y"]], length=3)
    assert X.shape == (17, 3, 1)


@pytest.mark.parametrize("make", [RNNForecaster, RNNAnomalyDetector])
@pytest.mark.parametrize("index", ["datetime", "period", "timedelta"])
def test_times_of_a_series_ascend(make, index):
    times = pd.date_range("2024-01-01", periods=40)
    times = {
        "datetime": times,
        "period": times.to_period("D"),
        "timedelta": times - times[0],
    }[index]
    series = pd.Series(np.sin(np.arange(40.0)), index=times)
    estimator = make(**TINY).fit(series)
    newest_first = series[::-1]
    with refuses(r"times in the index of X do not ascend.* X.sort_index"):
        estimator.predict(newest_first)
    for X in ([series, newest_first], [newest_first.to_frame("a")]):
        with refuses(r"times in the index of X\[.\] do not ascend.*X\[.\].sort_index"):
            estimator.predict(X)
    estimator.predict(newest_first.reset_index(drop=True))


def test_times_of_cut_series_ascend():
    times = pd.date_range("2024-01-01", periods=20)
    newest_first = pd.Series(np.arange(20.0), index=times)[::-1]
    with refuses("times in the index of series do not ascend"):
        make_windows(newest_first, length=3)
    with refuses(r"times in the index of series\[0\] do not ascend"):
        make_origins([newest_first], horizon=2)


def test_steps_that_are_held_out_are_named():
    forecaster = RNNForecaster(horizon=2, calibration_origins=90, **TINY)
    with refuses(
        "94 are needed: one.*, 91 to hold out for 'calibration_origins', and 2"
    ):
        forecaster.fit(np.arange(20.0))


def test_no_series_are_named():
    with refuses("series must have at least one series. Got none"):
        make_origins([], horizon=2)


def test_the_history_of_a_backtest_is_a_table():
    with refuses("'history' parameter must be a DataFrame with.*Got list", TypeError):
        ForecastDisplay.from_backtest(pd.DataFrame(), history=SERIES)
