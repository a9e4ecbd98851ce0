"""What comes out of one part goes into the next: tables, gaps, windows, tokens."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_val_predict,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor
from sklearn_rnn.datasets import make_regime_switch
from sklearn_rnn.inspection import permutation_importance
from sklearn_rnn.nn import TokenEmbedding
from sklearn_rnn.preprocessing import (
    GapEncoder,
    SequenceBuilder,
    SequencePadder,
    SequenceTokenizer,
    Stepwise,
    make_windows,
)

SMALL = {"max_epochs": 2, "hidden_size": 4, "conv_channels": None, "random_state": 0}
TEXTS = ["good film", "bad film", "so good", "so bad", "not good", "not bad"] * 5
MOODS = np.array(["+", "-", "+", "-", "-", "+"] * 5)


# From a table, through gaps ----------------------------------------------------------


@pytest.fixture
def visits():
    """A table of unsorted events with holes; hours are numbers, at are dates."""
    return pd.DataFrame(
        {
            "patient": ["b", "a", "a", "b", "a"],
            "hours": [2.5, 1.0, 0.0, 0.0, 4.0],
            "at": pd.to_datetime(
                ["2026-01-01 02:30", "2026-01-05 01:00", "2026-01-05 00:00"]
                + ["2026-01-01 00:00", "2026-01-05 04:00"]
            ),
            "pulse": [np.nan, 71.0, 70.0, 62.0, np.nan],
        }
    )


@pytest.mark.parametrize(("time", "hour"), [("hours", 1), ("at", 3600)])
@pytest.mark.parametrize("features", [["{}", "pulse"], ["pulse", "{}"]])
def test_the_time_of_a_table_is_the_time_of_its_gaps(visits, time, hour, features):
    features = [name.format(time) for name in features]
    builder = SequenceBuilder("patient", time=time, features=features)
    X = builder.fit_transform(visits)
    encoder = GapEncoder(time=features.index(time)).fit(X)
    a, b = encoder.transform(X)
    names = list(encoder.get_feature_names_out(builder.get_feature_names_out()))
    elapsed, since = (names.index(n) for n in (f"{time}_elapsed", "pulse_time_since"))
    assert a[:, elapsed].tolist() == [0, hour, 3 * hour]
    assert a[:, names.index("pulse")].tolist() == [70, 71, 71]
    assert a[:, names.index("pulse_mask")].tolist() == [1, 1, 0]
    assert a[:, since].tolist() == [0, hour, 3 * hour]
    assert b[:, since].tolist() == [0, 2.5 * hour]


def test_names_of_a_table_last_through_a_pipeline(visits):
    visits = visits.assign(kind=[0.0, 1, 0, 1, 1], pulse=visits["pulse"].fillna(65))
    builder = SequenceBuilder("patient", time="at", features=["kind", "hours", "pulse"])
    X = builder.fit_transform(visits)
    columns = ColumnTransformer(
        [("one", OneHotEncoder(), [0])], remainder="passthrough", sparse_threshold=0
    )
    pipeline = make_pipeline(
        Stepwise(columns),
        GapEncoder(time="remainder__hours", columns=["remainder__pulse"]),
        RNNClassifier(**SMALL),
    ).fit(X, [0, 1])
    names = [
        *("one__kind_0.0", "one__kind_1.0", "remainder__hours_elapsed"),
        *("remainder__pulse", "remainder__pulse_mask", "remainder__pulse_time_since"),
    ]
    assert pipeline[-1].feature_names_in_.tolist() == names
    importances = permutation_importance(pipeline, X, [0, 1], n_repeats=1)
    assert importances.names.tolist() == names
    back = Stepwise(StandardScaler()).fit(X)
    assert back.inverse_transform(back.transform(X)).feature_names == X.feature_names


def test_a_transformer_without_names_gives_sequences_without_names(visits):
    X = SequenceBuilder("patient", features=["hours"]).fit_transform(visits)
    assert X.feature_names == ("hours",)
    assert Stepwise(FunctionTransformer()).fit_transform(X).feature_names is None


def test_names_of_later_sequences_are_compared(visits):
    builder = SequenceBuilder("patient", features=["hours", "pulse"])
    X = builder.fit_transform(visits)
    encoder = GapEncoder().fit(X)
    other = RaggedArray(X.values, X.offsets, feature_names=["pulse", "hours"])
    with pytest.raises(
        ValueError, match=r"features \['pulse', 'hours'\].*GapEncoder was"
    ):
        encoder.transform(other)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        encoder.transform(list(X))
    with pytest.warns(UserWarning, match="fitted without feature names"):
        GapEncoder().fit(list(X)).transform(X)


def test_a_table_goes_through_all_of_it_in_a_search(rng):
    rows = 300
    table = pd.DataFrame(
        {
            "id": np.sort(rng.integers(0, 30, rows)),
            "hours": rng.permutation(rows).astype(float),
            "x": np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows)),
        }
    )
    table["label"] = np.where(table["id"] % 2, "odd", "even")
    builder = SequenceBuilder("id", time="hours", features=["hours", "x"]).fit(table)
    X, y = builder.transform(table), builder.targets(table, "label")
    model = make_pipeline(
        GapEncoder(time=0), Stepwise(StandardScaler()), RNNClassifier(**SMALL)
    )
    grid = {"gapencoder__strategy": ["last", "linear"]}
    search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, y)
    assert search.predict(X).shape == y.shape


# Windows -----------------------------------------------------------------------------


def test_targets_of_each_step_go_into_windows():
    X, y = make_regime_switch(12, n_steps=(20, 30), random_state=0)
    windows, targets, groups = make_windows(X, y, length=8, horizon=0)
    assert windows.shape == (len(targets), 8, X.n_features)
    assert targets.ndim == 1
    for i in (0, len(X) - 1):
        assert np.array_equal(targets[groups == i], y[i][7:].ravel())
        assert np.array_equal(windows[groups == i][-1], X[i][-8:])
    scores = cross_val_score(
        RNNClassifier(**SMALL), windows, targets, groups=groups, cv=GroupKFold(3)
    )
    assert np.isfinite(scores).all()


def test_windows_of_a_built_table_keep_its_holes(visits):
    X = SequenceBuilder("patient", time="hours").fit_transform(visits)
    windows, targets, groups = make_windows(X, length=1)
    assert groups.tolist() == [0, 0, 1]
    assert np.array_equal(targets, [71, np.nan, np.nan], equal_nan=True)
    filled = GapEncoder().fit_transform(windows)
    assert filled.shape == (3, 1, 3)


# Tokens ------------------------------------------------------------------------------


@pytest.fixture
def tokens():
    return SequenceTokenizer().fit_transform(TEXTS)


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X,
        lambda X: X[:],
        lambda X: X[::2],
        lambda X: X[np.arange(30) % 2 == 0],
        lambda X: X[[3, 1, 2]],
        lambda X: train_test_split(X, random_state=0)[0],
        lambda X: pickle.loads(pickle.dumps(X)),
        lambda X: clone(X, safe=False),
    ],
)
def test_tokens_stay_tokens_whatever_is_done_with_the_rows(tokens, change):
    X = change(tokens)
    fitted = RNNClassifier(**SMALL).fit(X, ["a", "b", *["a"] * (len(X) - 2)])
    assert embeds(fitted)


@pytest.mark.parametrize(
    "transformer",
    [SequencePadder(), Stepwise(OneHotEncoder(sparse_output=False)), GapEncoder()],
)
def test_tokens_that_became_numbers_are_numbers(tokens, transformer):
    fitted = RNNClassifier(**SMALL).fit(transformer.fit_transform(tokens), MOODS)
    assert not embeds(fitted)


@pytest.mark.parametrize("step", ["ids", "pipeline"])
def test_a_search_over_tokens_embeds_them_in_each_fit(tokens, step):
    classifier = RNNClassifier(**SMALL)
    if step == "ids":
        model, X, name = classifier, tokens, "hidden_size"
    else:
        model = make_pipeline(SequenceTokenizer(), classifier)
        X, name = TEXTS, "rnnclassifier__hidden_size"
    search = GridSearchCV(
        model, {name: [2, 4]}, cv=2, scoring=embeds_like_a_score, n_jobs=2
    ).fit(X, MOODS)
    assert search.cv_results_["mean_test_score"].tolist() == [1, 1]
    assert embeds(search.best_estimator_)
    assert embeds(pickle.loads(pickle.dumps(search.best_estimator_)))


def test_auto_is_32_for_tokens_and_the_same_fit(tokens):
    auto = RNNClassifier(**SMALL).fit(tokens, MOODS)
    given = RNNClassifier(**SMALL, embedding_dim=32).fit(tokens, MOODS)
    listed = RNNClassifier(**SMALL, embedding_dim=32).fit(list(tokens), MOODS)
    expected = auto.predict_proba(tokens)
    assert np.array_equal(given.predict_proba(tokens), expected)
    assert np.array_equal(listed.predict_proba(list(tokens)), expected)
    assert np.array_equal(auto.predict_proba(list(tokens)), expected)


def test_tokens_warm_start_and_go_on_with_a_list(tokens):
    classifier = RNNClassifier(**SMALL, warm_start=True).fit(tokens, MOODS)
    assert classifier.fit(list(tokens), MOODS).n_iter_ == 4
    assert embeds(classifier)
    fed = RNNClassifier(**SMALL).partial_fit(tokens, MOODS, classes=["+", "-"])
    assert embeds(fed.partial_fit(list(tokens), MOODS))


def test_held_out_tokens_may_be_a_list(tokens):
    classifier = RNNClassifier(**SMALL, early_stopping=True)
    classifier.fit(tokens, MOODS, X_val=list(tokens), y_val=MOODS)
    assert embeds(classifier)
    assert len(classifier.validation_scores_) == 2


def test_tokens_are_cross_validated(tokens):
    model = RNNClassifier(random_state=0)
    predicted = cross_val_predict(model, tokens, MOODS, cv=3)
    assert (predicted == MOODS).mean() > 0.9


def embeds(model):
    classifier = model[-1] if hasattr(model, "steps") else model
    modules = classifier.module_.modules()
    return any(isinstance(module, TokenEmbedding) for module in modules)


def embeds_like_a_score(model, X, y):
    return float(embeds(model))


# What errors say ---------------------------------------------------------------------


def test_missing_values_are_sent_to_the_gap_encoder(visits):
    X = SequenceBuilder("patient", time="hours").fit_transform(visits)
    with pytest.raises(ValueError, match=r"make_pipeline\(GapEncoder\(\), RNNReg"):
        RNNRegressor(**SMALL).fit(X, [0.0, 1.0])
    RNNRegressor(**SMALL).fit(GapEncoder().fit_transform(X), [0.0, 1.0])


@pytest.mark.parametrize("make", [list, tuple, np.array, pd.Series])
@pytest.mark.parametrize("estimator", [RNNClassifier(**SMALL), Stepwise(GapEncoder())])
def test_texts_are_sent_to_the_tokenizer(make, estimator):
    with pytest.raises(ValueError, match=r"preprocessing\.SequenceTokenizer in front"):
        estimator.fit(make(TEXTS), MOODS)


def test_columns_of_text_are_sent_to_stepwise(visits):
    table = visits.assign(ward=["x", "y", "y", "x", "y"])
    builder = SequenceBuilder("patient", time="hours", features=["pulse", "ward"])
    with pytest.raises(ValueError, match=r"Stepwise\(ColumnTransformer"):
        builder.fit(table)
