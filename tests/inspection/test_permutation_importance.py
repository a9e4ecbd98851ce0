"""permutation_importance: plain loops, known answers, text, processes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import (
    permutation_importance as permutation_importance_of_tables,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor
from sklearn_rnn.inspection import permutation_importance
from sklearn_rnn.inspection._permutation_importance import _permute
from sklearn_rnn.preprocessing import SequenceTokenizer, Stepwise

TINY = {"hidden_size": 8, "conv_channels": None, "max_epochs": 20, "random_state": 0}


@pytest.fixture
def fitted(ragged):
    X, y = ragged
    return RNNClassifier(**TINY).fit(X, y), X, y


def permute_by_hand(X, starts, lengths, features, rng):
    """Exchange a part step by step and feature by feature."""
    takers = [i for i in range(len(X)) if lengths[i] > 0]
    givers = rng.permutation(takers)
    permuted = [x.copy() for x in X]
    for i, j in zip(takers, givers, strict=True):
        for step in range(lengths[i]):
            there = int(np.floor(step / lengths[i] * lengths[j] + 1e-9))
            for feature in features:
                new = X[j][starts[j] + there][feature]
                permuted[i][starts[i] + step][feature] = new
    return permuted


@pytest.mark.parametrize("features", [[0], [0, 1]])
def test_parts_are_exchanged_as_in_a_plain_loop(ragged, rng, features):
    X, _ = ragged
    n_steps = np.array([len(x) for x in X])
    lengths = rng.integers(0, n_steps + 1)
    starts = rng.integers(0, n_steps - lengths + 1)
    permuted = _permute(
        RaggedArray.from_sequences(X),
        starts,
        lengths,
        features,
        np.random.RandomState(3),
    )
    expected = permute_by_hand(X, starts, lengths, features, np.random.RandomState(3))
    np.testing.assert_array_equal(permuted.values, np.concatenate(expected))


def test_importances_are_the_scores_that_a_plain_loop_loses(fitted):
    classifier, X, y = fitted
    result = permutation_importance(classifier, X, y, n_repeats=2, random_state=0)
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    starts, lengths = np.zeros(len(X), int), np.array([len(x) for x in X])
    for feature in (0, 1):
        rng = np.random.RandomState(seed)
        for repeat in (0, 1):
            permuted = permute_by_hand(X, starts, lengths, [feature], rng)
            loss = classifier.score(X, y) - classifier.score(permuted, y)
            assert result.importances[feature, repeat] == pytest.approx(loss)


def test_equally_long_sequences_are_permuted_as_scikit_learn_permutes_columns(rng):
    X = rng.normal(size=(60, 4)).astype("f4")
    y = np.where(X[:, 0] > 0, "a", "b")
    classifier = RNNClassifier(**TINY).fit(X, y)
    ours = permutation_importance(
        classifier, X, y, by="step", n_repeats=50, random_state=0
    )
    theirs = permutation_importance_of_tables(
        classifier, X, y, n_repeats=50, random_state=1
    )
    np.testing.assert_allclose(
        ours.importances_mean, theirs.importances_mean, atol=0.03
    )
    np.testing.assert_allclose(ours.importances_std, theirs.importances_std, atol=0.03)


def test_the_feature_that_decides_is_found_and_the_result_has_the_usual_form(fitted):
    classifier, X, y = fitted
    result = permutation_importance(classifier, X, y, n_repeats=7, random_state=0)
    assert result.names.tolist() == ["x0", "x1"]
    assert result.importances.shape == (2, 7)
    np.testing.assert_allclose(result.importances_mean, result.importances.mean(axis=1))
    np.testing.assert_allclose(result.importances_std, result.importances.std(axis=1))
    assert result.importances_mean[0] > 0.3
    assert abs(result.importances_mean[1]) < 0.1


def test_the_step_that_decides_is_found_in_ragged_sequences(rng):
    lengths = rng.integers(3, 8, 80)
    X = [rng.normal(size=(n, 1)) for n in lengths]
    y = np.array([x[1, 0] for x in X])
    regressor = RNNRegressor(**{**TINY, "max_epochs": 60}).fit(X, y)
    result = permutation_importance(regressor, X, y, by="step", random_state=0)
    assert result.names.tolist() == [f"step {t}" for t in range(lengths.max())]
    assert result.importances_mean.argmax() == 1
    assert result.importances_mean[1] > 1


def test_the_segment_that_decides_is_found_in_ragged_sequences(rng):
    X = [rng.normal(size=(n, 2)) for n in rng.integers(8, 20, 80)]
    y = [x[-len(x) // 4 :, 0].mean() > 0 for x in X]
    classifier = RNNClassifier(**{**TINY, "max_epochs": 40}).fit(X, y)
    result = permutation_importance(
        classifier, X, y, by="segment", n_segments=4, random_state=0
    )
    assert result.names.tolist() == ["0-25 %", "25-50 %", "50-75 %", "75-100 %"]
    assert result.importances_mean.argmax() == 3


def test_one_segment_is_all_steps_and_features(fitted):
    classifier, X, y = fitted
    kwargs = {"by": "segment", "scoring": "neg_log_loss", "random_state": 0}
    whole = permutation_importance(classifier, X, y, n_segments=1, **kwargs)
    assert whole.importances_mean > 0.5
    # more segments than steps: those that no sequence has count nothing
    many = permutation_importance(
        classifier, X[:4], y[:4], n_segments=50, n_repeats=1, **kwargs
    )
    assert many.importances.shape == (50, 1)
    assert (many.importances == 0).sum() >= 50 - sum(map(len, X[:4]))


def test_transformers_come_first_and_searches_stand_for_their_best(ragged):
    X, y = ragged
    pipeline = make_pipeline(Stepwise(StandardScaler()), RNNClassifier(**TINY))
    search = GridSearchCV(pipeline, {"rnnclassifier__hidden_size": [8]}, cv=2).fit(X, y)
    best = search.best_estimator_
    result = permutation_importance(search, X, y, random_state=0)
    alone = permutation_importance(best[-1], best[:-1].transform(X), y, random_state=0)
    np.testing.assert_array_equal(result.importances, alone.importances)


def test_features_of_tables_keep_their_names_without_a_warning(ragged):
    X, y = ragged
    frames = [pd.DataFrame(x, columns=["load", "heat"]) for x in X]
    named, plain = (
        RNNClassifier(**TINY).fit(sequences, y) for sequences in (frames, X)
    )
    result = permutation_importance(named, frames, y, random_state=0)
    assert result.names.tolist() == ["load", "heat"]
    expected = permutation_importance(plain, X, y, random_state=0).importances
    np.testing.assert_array_equal(result.importances, expected)
    assert named.feature_names_in_.tolist() == ["load", "heat"]
    with pytest.raises(ValueError, match="feature names should match"):
        permutation_importance(named, [frame[["heat", "load"]] for frame in frames], y)


def test_steps_of_a_table_with_names_are_permuted_without_a_warning(rng):
    X = pd.DataFrame(rng.normal(size=(40, 3)), columns=["mon", "tue", "wed"])
    y = X["tue"] > 0
    classifier = RNNClassifier(**TINY).fit(X, y)
    result = permutation_importance(classifier, X, y, by="step", random_state=0)
    assert result.importances_mean.argmax() == 1


def test_words_can_be_permuted_too(rng):
    words = np.array(["the", "a", "good", "bad", "film"])
    texts = [" ".join(rng.choice(words, 5)) for _ in range(60)]
    y = [text.split()[2] in ("good", "the") for text in texts]
    pipeline = make_pipeline(SequenceTokenizer(), RNNClassifier(**TINY)).fit(texts, y)
    result = permutation_importance(pipeline, texts, y, by="step", random_state=0)
    assert result.importances_mean.argmax() == 2
    by_feature = permutation_importance(pipeline, texts, y, random_state=0)
    assert by_feature.names.tolist() == ["token_id"]


def test_processes_do_not_change_the_result(fitted):
    classifier, X, y = fitted
    one, two = (
        permutation_importance(classifier, X, y, n_jobs=n, random_state=0).importances
        for n in (None, 2)
    )
    np.testing.assert_array_equal(one, two)


def test_the_data_are_not_changed(fitted):
    classifier, X, y = fitted
    X = RaggedArray.from_sequences(X)
    before = X.values.copy()
    permutation_importance(classifier, X, y, random_state=0)
    np.testing.assert_array_equal(X.values, before)


def test_bad_arguments_are_named(fitted):
    classifier, X, y = fitted
    with pytest.raises(
        ValueError, match="The 'by' parameter of permutation_importance"
    ):
        permutation_importance(classifier, X, y, by="row")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        permutation_importance(classifier, X, y[:-1])
    with pytest.raises(TypeError, match="Got RandomForestClassifier instead"):
        permutation_importance(RandomForestClassifier(), X, y)
