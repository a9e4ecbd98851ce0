"""The estimators in the hands of an unmodified scikit-learn.

Most tests run on three containers: a 3-D array, a list of arrays and a RaggedArray. The
problem is easily separable, so a score above 0.9 says that each sequence has kept its
own target on the way through scikit-learn; where a result can be had from a plain loop
over `fit` and `predict`, it is compared with that.
"""

from pathlib import Path

import numpy as np
import pytest
import sklearn
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    HistGradientBoostingClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.metrics import accuracy_score, get_scorer, log_loss, r2_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedGroupKFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import resample, shuffle
from sklearn.utils.parallel import Parallel, delayed

import sklearn_rnn
from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor

N_SAMPLES, N_STEPS, N_FEATURES = 60, 8, 2
SMALL = {
    "hidden_size": 4,
    "conv_channels": None,
    "bidirectional": False,
    "learning_rate": 0.2,
    "batch_size": 30,
    "max_epochs": 8,
    "random_state": 0,
}


def make_classifier(**params):
    return RNNClassifier(**{**SMALL, **params})


def make_regressor(**params):
    return RNNRegressor(**{**SMALL, **params})


# Data -------------------------------------------------------------------------------


@pytest.fixture
def y():
    """A label for each sequence, in an order that no fold respects."""
    return np.random.default_rng(1).permutation(["down", "up"] * (N_SAMPLES // 2))


@pytest.fixture
def sequences(rng, y):
    """Sequences of 4 to 8 steps, whose first feature is higher where y is "up"."""
    lengths = rng.integers(4, N_STEPS + 1, N_SAMPLES)
    return [
        rng.normal([3.0 * (label == "up"), 0.0], size=(n, N_FEATURES))
        for n, label in zip(lengths, y, strict=True)
    ]


@pytest.fixture
def cube(sequences):
    """The sequences, continued by themselves up to N_STEPS steps, as a 3-D array."""
    return np.stack([np.concatenate([x, x])[:N_STEPS] for x in sequences])


@pytest.fixture(params=["array", "list", "ragged"])
def X(request, sequences, cube):
    """The problem in each container that scikit-learn passes on as it is."""
    if request.param == "array":
        return cube
    if request.param == "list":
        return sequences
    return RaggedArray.from_sequences(sequences)


@pytest.fixture
def target(X):
    """A number that each sequence decides."""
    return 100.0 + 10.0 * step_means(X)[:, 0]


def step_means(X):
    """A table: the mean of each feature over the steps of each sequence."""
    return np.array([x.mean(axis=0) for x in X], dtype=float)


def map_values(function, X):
    """Apply a function of values to any container, and return the same container."""
    if isinstance(X, RaggedArray):
        return RaggedArray(function(X.values), X.offsets)
    return [function(x) for x in X] if isinstance(X, list) else function(X)


def take(X, rows):
    return [X[i] for i in rows] if isinstance(X, list) else X[rows]


class StepScaler(TransformerMixin, BaseEstimator):
    """A user's own scaler for any container: StandardScaler on the table of steps."""

    def fit(self, X, y=None):
        self.scaler_ = StandardScaler().fit(np.concatenate(list(X)))
        return self

    def transform(self, X):
        return map_values(self._transform_values, X)

    def _transform_values(self, values):
        steps = values.reshape(-1, values.shape[-1])
        return self.scaler_.transform(steps).reshape(values.shape)


# Pipelines --------------------------------------------------------------------------


def test_pipeline_is_its_steps_one_after_the_other(X, y):
    pipeline = make_pipeline(FunctionTransformer(_tanh), make_classifier()).fit(X, y)
    by_hand = make_classifier().fit(_tanh(X), y)
    assert pipeline.score(X, y) > 0.9
    assert np.array_equal(pipeline.predict_proba(X), by_hand.predict_proba(_tanh(X)))


def _tanh(X):
    return map_values(np.tanh, X)


def test_own_scaler_in_a_pipeline_undoes_the_scale_of_the_data(X, y):
    strange = map_values(lambda values: 1e4 * values.astype(float) - 3e6, X)
    pipeline = make_pipeline(StepScaler(), make_classifier())
    expected = clone(pipeline).fit(X, y).predict_proba(X)
    obtained = pipeline.fit(strange, y).predict_proba(strange)
    assert pipeline.score(strange, y) > 0.9
    np.testing.assert_allclose(obtained, expected, atol=1e-3)


def test_pipeline_sets_the_parameters_of_the_network(X, y):
    pipeline = Pipeline([("scale", StepScaler()), ("rnn", make_classifier())])
    pipeline.set_params(rnn__cell="lstm", rnn__hidden_size=3, rnn__max_epochs=2)
    rnn = pipeline.fit(X, y).named_steps["rnn"]
    assert (rnn.cell, rnn.n_iter_) == ("lstm", 2)
    assert rnn.hidden_states(X)[0].shape[1] == 3


def test_pipeline_with_memory_fits_the_same_network(X, y, tmp_path):
    pipeline = make_pipeline(StepScaler(), make_classifier(max_epochs=3))
    expected = pipeline.fit(X, y).predict_proba(X)
    cached = make_pipeline(*clone(pipeline), memory=str(tmp_path / "memory"))
    for _ in range(2):  # computed, then read
        assert np.array_equal(cached.fit(X, y).predict_proba(X), expected)


def test_clone_of_a_fitted_pipeline_is_unfitted_and_fits_to_the_same(X, y):
    pipeline = make_pipeline(StepScaler(), make_classifier(max_epochs=3)).fit(X, y)
    copy = clone(pipeline)
    with pytest.raises(NotFittedError):
        copy[-1].predict(X)
    expected = pipeline.predict_proba(X)
    assert np.array_equal(copy.fit(X, y).predict_proba(X), expected)


# Splitting --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "select",
    [
        lambda X, rows: train_test_split(X, rows, random_state=0)[::2],
        lambda X, rows: train_test_split(X, rows, random_state=0)[1::2],
        lambda X, rows: train_test_split(X, rows, stratify=rows % 2, random_state=0)[
            ::2
        ],
        lambda X, rows: train_test_split(X, rows, shuffle=False)[1::2],
        lambda X, rows: shuffle(X, rows, random_state=0),
        lambda X, rows: resample(X, rows, random_state=0),
        lambda X, rows: resample(X, rows, n_samples=7, replace=False, random_state=0),
        lambda X, rows: resample(X, rows, stratify=rows % 2, random_state=0),
    ],
    ids=[
        "train",
        "test",
        "stratified",
        "unshuffled",
        "shuffle",
        "resample",
        "subsample",
        "stratified resample",
    ],
)
def test_splitting_keeps_each_sequence_with_its_row(select, X):
    selected, rows = select(X, np.arange(N_SAMPLES))
    assert type(selected) is type(X)
    assert len(selected) == len(rows) > 0
    for x, row in zip(selected, rows, strict=True):
        assert np.array_equal(x, X[row])


# Cross-validation -------------------------------------------------------------------


def test_cross_validate_takes_several_scorers(X, y):
    scorers = ["accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "neg_log_loss"]
    results = cross_validate(
        make_classifier(),
        X,
        y,
        scoring=scorers,
        cv=3,
        return_indices=True,
        return_train_score=True,
    )
    for name in scorers[:-1]:
        assert (results[f"test_{name}"] > 0.85).all(), name
        assert (results[f"train_{name}"] > 0.85).all(), name
    assert (results["test_neg_log_loss"] > np.log(0.5) / 2).all()
    folds = zip(results["indices"]["train"], results["indices"]["test"], strict=True)
    for accuracy, (train, test) in zip(results["test_accuracy"], folds, strict=True):
        by_hand = make_classifier().fit(take(X, train), y[train])
        assert accuracy == by_hand.score(take(X, test), y[test])


def test_cross_validate_takes_several_scorers_of_a_regressor(X, target):
    scorers = {"r2": "r2", "error": "neg_mean_absolute_error", "own": _score_by_hand}
    results = cross_validate(make_regressor(), X, target, scoring=scorers, cv=3)
    assert results["test_r2"].mean() > 0.8
    assert results["test_error"].mean() > -0.5 * target.std()
    np.testing.assert_allclose(results["test_own"], results["test_r2"])


def _score_by_hand(estimator, X, y):
    return r2_score(y, estimator.predict(X))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_cross_val_predict_is_the_plain_loop_over_folds(method, X, y):
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    predicted = cross_val_predict(make_classifier(), X, y, cv=cv, method=method)
    if method == "predict":
        assert accuracy_score(y, predicted) > 0.9
    for train, test in cv.split(np.zeros(N_SAMPLES), y):
        by_hand = make_classifier().fit(take(X, train), y[train])
        expected = getattr(by_hand, method)(take(X, test))
        assert np.array_equal(predicted[test], expected)


def test_cross_val_predict_of_a_regressor_is_the_plain_loop_over_folds(X, target):
    targets = np.column_stack([target, -3 * target])
    predicted = cross_val_predict(make_regressor(), X, targets, cv=KFold(3))
    assert r2_score(targets, predicted) > 0.8
    for train, test in KFold(3).split(targets):
        by_hand = make_regressor().fit(take(X, train), targets[train])
        assert np.array_equal(predicted[test], by_hand.predict(take(X, test)))


def test_cross_validation_does_not_depend_on_the_ragged_container(sequences, y):
    as_objects = np.empty(len(sequences), dtype=object)
    as_objects[:] = sequences
    containers = [sequences, RaggedArray.from_sequences(sequences), as_objects]
    expected, *others = [
        cross_val_predict(make_classifier(), X, y, cv=3, method="predict_proba")
        for X in containers
    ]
    for other in others:
        assert np.array_equal(other, expected)


def test_group_folds_keep_groups_apart(X, y):
    groups = np.arange(N_SAMPLES) // 5
    results = cross_validate(
        make_classifier(),
        X,
        y,
        groups=groups,
        cv=StratifiedGroupKFold(3),
        return_indices=True,
    )
    assert results["test_score"].mean() > 0.9
    indices = results["indices"]
    for train, test in zip(indices["train"], indices["test"], strict=True):
        assert not set(groups[train]) & set(groups[test])


def test_permutation_test_finds_that_the_labels_are_no_chance(X, y):
    score, permuted, p_value = permutation_test_score(
        make_classifier(), X, y, cv=2, n_permutations=4, random_state=0
    )
    assert score > 0.9
    assert permuted.mean() < 0.7
    assert p_value == 1 / 5


# Curves -----------------------------------------------------------------------------


def test_learning_curve_is_the_plain_loop_over_sizes(X, y):
    sizes, _, scores = learning_curve(
        make_classifier(), X, y, cv=KFold(2), train_sizes=[0.4, 1.0]
    )
    for fold, (train, test) in enumerate(KFold(2).split(y)):
        for i, size in enumerate(sizes):
            rows = train[:size]
            by_hand = make_classifier().fit(take(X, rows), y[rows])
            assert scores[i, fold] == by_hand.score(take(X, test), y[test])
    assert (scores[-1] > 0.85).all()


def test_incremental_learning_curve_is_the_plain_loop_over_partial_fit(X, y):
    classifier = make_classifier(batch_size=2, learning_rate=0.05)
    sizes, _, scores = learning_curve(
        classifier,
        X,
        y,
        cv=KFold(2),
        train_sizes=[0.3, 0.6, 1.0],
        exploit_incremental_learning=True,
    )
    for fold, (train, test) in enumerate(KFold(2).split(y)):
        by_hand = clone(classifier)
        for i, rows in enumerate(np.split(train, sizes[:-1])):
            by_hand.partial_fit(take(X, rows), y[rows], classes=np.unique(y))
            assert scores[i, fold] == by_hand.score(take(X, test), y[test])
    assert (scores[-1] > 0.85).all()


def test_incremental_learning_curve_takes_a_regressor(X, target):
    regressor = make_regressor(batch_size=2, learning_rate=0.05)
    _, _, scores = learning_curve(
        regressor,
        X,
        target,
        cv=2,
        train_sizes=[0.3, 0.6, 1.0],
        exploit_incremental_learning=True,
    )
    assert (scores[-1] > 0.5).all()
    assert scores[-1].mean() > scores[0].mean()


def test_validation_curve_is_the_plain_loop_over_values(X, y):
    sizes = [1, 5]
    _, scores = validation_curve(
        make_classifier(),
        X,
        y,
        param_name="hidden_size",
        param_range=sizes,
        scoring="neg_log_loss",
        cv=KFold(2),
    )
    for fold, (train, test) in enumerate(KFold(2).split(y)):
        for i, size in enumerate(sizes):
            by_hand = make_classifier(hidden_size=size)
            by_hand.fit(take(X, train), y[train])
            probability = by_hand.predict_proba(take(X, test))
            assert scores[i, fold] == pytest.approx(-log_loss(y[test], probability))
    assert scores[1].mean() > -0.4


# Searches ---------------------------------------------------------------------------


@pytest.fixture
def slow_and_fast():
    """A grid in which only the second learning rate learns anything."""
    return {"learning_rate": [1e-6, 0.2]}


def _assert_finds_what_learns(search, X, y):
    search.fit(X, y)
    assert search.best_params_["learning_rate"] == 0.2
    assert search.best_score_ > 0.9
    assert search.score(X, y) > 0.9
    expected = make_classifier().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(search.predict_proba(X), expected, atol=1e-5)


def test_grid_search_takes_sequences_unmodified(X, y, slow_and_fast):
    search = GridSearchCV(make_classifier(), slow_and_fast, cv=2, n_jobs=2)
    _assert_finds_what_learns(search, X, y)


def test_halving_grid_search_takes_sequences_unmodified(X, y, slow_and_fast):
    search = HalvingGridSearchCV(
        make_classifier(),
        slow_and_fast,
        cv=2,
        factor=2,
        min_resources=N_SAMPLES // 2,
        random_state=0,
    )
    _assert_finds_what_learns(search, X, y)
    assert search.n_resources_ == [N_SAMPLES // 2, N_SAMPLES]


def test_halving_grid_search_spends_epochs(X, y, slow_and_fast):
    search = HalvingGridSearchCV(
        make_classifier(),
        slow_and_fast,
        cv=2,
        factor=2,
        resource="max_epochs",
        min_resources=4,
        max_resources=8,
    )
    _assert_finds_what_learns(search, X, y)
    assert search.n_resources_ == [4, 8]


def test_randomized_search_takes_sequences_unmodified(X, y):
    candidates = {"learning_rate": loguniform(1e-4, 1.0), "cell": ["gru", "lstm"]}
    search = RandomizedSearchCV(
        make_classifier(), candidates, n_iter=5, cv=2, random_state=0
    ).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert search.best_score_ == scores.max() > 0.9
    assert scores.min() < 0.8  # the rate was varied indeed
    assert search.score(X, y) > 0.9
    by_hand = make_classifier(**search.best_params_).fit(X, y)
    assert np.array_equal(search.predict_proba(X), by_hand.predict_proba(X))


def test_grid_search_reaches_through_a_pipeline(X, y):
    pipeline = Pipeline([("scale", StepScaler()), ("rnn", make_classifier())])
    grid = {"scale": ["passthrough", StepScaler()], "rnn__learning_rate": [1e-6, 0.2]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    scores = search.cv_results_["mean_test_score"].reshape(2, 2)  # (rate, scale)
    assert search.cv_results_["param_rnn__learning_rate"][0] == 1e-6
    assert (scores[1] > 0.9).all()
    assert (scores[0] < 0.9).all()


# Several processes ------------------------------------------------------------------


@pytest.mark.parametrize(
    "compute",
    [
        lambda n_jobs, X, y: cross_val_predict(
            make_classifier(dropout=0.2),
            X,
            y,
            cv=3,
            method="predict_proba",
            n_jobs=n_jobs,
        ),
        lambda n_jobs, X, y: cross_validate(
            make_classifier(early_stopping=True, validation_fraction=0.2),
            X,
            y,
            scoring="neg_log_loss",
            n_jobs=n_jobs,
        )["test_score"],
        lambda n_jobs, X, y: (
            GridSearchCV(
                make_classifier(max_epochs=5),
                {"hidden_size": [2, 4]},
                cv=2,
                scoring="neg_log_loss",
                n_jobs=n_jobs,
            )
            .fit(X, y)
            .cv_results_["mean_test_score"]
        ),
        lambda n_jobs, X, y: learning_curve(
            make_classifier(max_epochs=5),
            X,
            y,
            cv=2,
            train_sizes=[0.5, 1.0],
            scoring="neg_log_loss",
            shuffle=True,
            random_state=0,
            n_jobs=n_jobs,
        )[2],
    ],
    ids=["cross_val_predict", "cross_validate", "GridSearchCV", "learning_curve"],
)
def test_two_processes_find_what_one_finds(compute, X, y):
    np.testing.assert_allclose(compute(2, X, y), compute(1, X, y), atol=1e-5)


def test_workers_share_a_large_ragged_array_and_fit_on_it(rng):
    n_samples, n_features = 300, 100
    lengths = rng.integers(5, 20, n_samples)
    y = rng.permutation(n_samples) % 2
    X = RaggedArray.from_sequences(
        [
            rng.normal(size=(n, n_features)).astype("f4") + np.float32(label)
            for n, label in zip(lengths, y, strict=True)
        ]
    )
    assert X.values.nbytes > 2**20
    for values, total in Parallel(n_jobs=2)(delayed(_describe)(X) for _ in range(2)):
        assert values == ("memmap", False)
        assert total == X.values.sum(dtype=float)
    # fit in the workers sees the read-only memmap itself: nothing is split off
    voting = VotingClassifier(
        [(str(seed), make_classifier(random_state=seed)) for seed in range(2)],
        voting="soft",
        n_jobs=2,
    ).set_params(**{"0__max_epochs": 3, "1__max_epochs": 3})
    probability = voting.fit(X, y).predict_proba(X)
    assert voting.score(X, y == 1) > 0.9
    alone = voting.set_params(n_jobs=1).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(probability, alone, atol=1e-5)


def _describe(X):
    memory = type(X.values).__name__, X.values.flags.writeable
    return memory, X.values.sum(dtype=float)


# Ensembles --------------------------------------------------------------------------


def test_soft_voting_is_the_mean_of_probabilities(X, y):
    members = [("gru", make_classifier()), ("lstm", make_classifier(cell="lstm"))]
    voting = VotingClassifier(members, voting="soft").fit(X, y)
    by_hand = np.mean([m.fit(X, y).predict_proba(X) for _, m in members], axis=0)
    np.testing.assert_allclose(voting.predict_proba(X), by_hand)
    assert voting.score(X, y) > 0.9


def test_hard_voting_takes_sequences(X, y):
    members = [(str(seed), make_classifier(random_state=seed)) for seed in range(3)]
    assert VotingClassifier(members).fit(X, y).score(X, y) > 0.9


def test_voting_of_regressors_is_the_mean_of_predictions(X, target):
    members = [("gru", make_regressor()), ("lstm", make_regressor(cell="lstm"))]
    voting = VotingRegressor(members).fit(X, target)
    by_hand = np.mean([m.fit(X, target).predict(X) for _, m in members], axis=0)
    np.testing.assert_allclose(voting.predict(X), by_hand)
    assert voting.score(X, target) > 0.8


def test_stacking_joins_a_network_and_a_model_of_tables(X, y):
    table_model = make_pipeline(FunctionTransformer(step_means), GaussianNB())
    members = [("rnn", make_classifier()), ("table", table_model)]
    stacking = StackingClassifier(members, GaussianNB(), cv=2).fit(X, y)
    assert stacking.score(X, y) > 0.9
    for (_, member), column in zip(members, stacking.transform(X).T, strict=True):
        by_hand = member.fit(X, y).predict_proba(X)[:, 1]
        np.testing.assert_allclose(column, by_hand)


def test_stacking_of_regressors_takes_sequences(X, target):
    members = [("gru", make_regressor()), ("lstm", make_regressor(cell="lstm"))]
    stacking = StackingRegressor(members, cv=2).fit(X, target)
    assert stacking.score(X, target) > 0.8
    for (_, member), column in zip(members, stacking.transform(X).T, strict=True):
        np.testing.assert_allclose(column, member.fit(X, target).predict(X))


# Around one estimator ---------------------------------------------------------------


@pytest.mark.parametrize("ensemble", [True, False])
def test_calibration_takes_sequences(ensemble, X, y):
    calibrated = CalibratedClassifierCV(make_classifier(), cv=2, ensemble=ensemble)
    assert calibrated.fit(X, y).score(X, y) > 0.9
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)


def test_calibration_of_a_frozen_network_keeps_the_order_of_its_probabilities(X, y):
    network = make_classifier(max_epochs=4).fit(X, y)
    calibrated = CalibratedClassifierCV(FrozenEstimator(network)).fit(X, y)
    before, after = (m.predict_proba(X)[:, 1] for m in (network, calibrated))
    assert (np.diff(after[np.argsort(before)]) >= 0).all()
    assert np.abs(after - before).max() > 0.01
    assert calibrated.score(X, y) > 0.9


def test_tuned_threshold_is_compared_with_the_probability(X, y):
    tuned = TunedThresholdClassifierCV(make_classifier(), cv=2).fit(X, y)
    probability = make_classifier().fit(X, y).predict_proba(X)[:, 1]
    above = (probability >= tuned.best_threshold_).astype(int)
    assert np.array_equal(tuned.predict(X), tuned.classes_[above])
    assert tuned.best_score_ > 0.9


def test_fixed_threshold_is_compared_with_the_probability(X, y):
    classifier = make_classifier(max_epochs=4)
    probability = classifier.fit(X, y).predict_proba(X)[:, 1]
    threshold = np.sort(probability)[10:12].mean()
    fixed = FixedThresholdClassifier(classifier, threshold=threshold, pos_label="up")
    assert (fixed.fit(X, y).predict(X) == "up").sum() == N_SAMPLES - 11


def test_transformed_target_is_transformed_there_and_back(X, target):
    wrapped = TransformedTargetRegressor(
        make_regressor(), func=np.log, inverse_func=np.exp
    ).fit(X, target)
    by_hand = np.exp(make_regressor().fit(X, np.log(target)).predict(X))
    np.testing.assert_allclose(wrapped.predict(X), by_hand)
    assert wrapped.score(X, target) > 0.8


def test_multi_output_classifier_fits_one_network_per_column(X, y):
    labels = np.column_stack([y, np.roll(y, 1)])
    wrapped = MultiOutputClassifier(make_classifier()).fit(X, labels)
    for column, predicted in zip(labels.T, wrapped.predict(X).T, strict=True):
        assert np.array_equal(make_classifier().fit(X, column).predict(X), predicted)
    assert accuracy_score(y, wrapped.predict(X)[:, 0]) > 0.9


def test_multi_output_regressor_fits_one_network_per_column(X, target):
    targets = np.column_stack([target, np.roll(target, 1)])
    wrapped = MultiOutputRegressor(make_regressor()).fit(X, targets)
    for column, predicted in zip(targets.T, wrapped.predict(X).T, strict=True):
        assert np.array_equal(make_regressor().fit(X, column).predict(X), predicted)
    assert r2_score(target, wrapped.predict(X)[:, 0]) > 0.8


@pytest.fixture
def three_classes(rng, sequences):
    """The values of the sequences shifted by class, and the class of each."""
    y = np.array(["a", "b", "c"])[rng.permutation(N_SAMPLES) % 3]
    shift = {"a": [0, 0], "b": [4, 0], "c": [0, 4]}
    X = [x - x.mean(axis=0) + shift[c] for x, c in zip(sequences, y, strict=True)]
    return X, y


@pytest.mark.parametrize("container", ["array", "list", "ragged"])
def test_one_vs_rest_takes_sequences(container, three_classes):
    sequences, y = three_classes
    if container == "array":
        X = np.stack([x[:4] for x in sequences])
    else:
        ragged = container == "ragged"
        X = RaggedArray.from_sequences(sequences) if ragged else sequences
    wrapped = OneVsRestClassifier(make_classifier(max_epochs=15)).fit(X, y)
    assert wrapped.score(X, y) > 0.9
    for member, label in zip(wrapped.estimators_, "abc", strict=True):
        by_hand = make_classifier(max_epochs=15).fit(X, (y == label).astype(int))
        assert np.array_equal(member.predict_proba(X), by_hand.predict_proba(X))


# Where scikit-learn reads a table ---------------------------------------------------
#
# Some tools turn X into a 2-D array before any estimator sees it. Should one of these
# tests fail because a tool has learned to take sequences: delete its line, and note it.


def _fit_self_training(classifier, X, y):
    some = np.arange(N_SAMPLES) < 40
    return SelfTrainingClassifier(classifier).fit(X, np.where(some, y, -1))


TABLE_TOOLS = {
    "bagging": lambda classifier, X, y: BaggingClassifier(
        classifier, n_estimators=2, random_state=0
    ).fit(X, y),
    "one versus one": lambda classifier, X, y: OneVsOneClassifier(classifier).fit(X, y),
    "self-training": _fit_self_training,
    "stacking with passthrough": lambda classifier, X, y: StackingClassifier(
        [("rnn", classifier)],
        final_estimator=HistGradientBoostingClassifier(min_samples_leaf=5),
        cv=2,
        passthrough=True,
    ).fit(X, y),
}
parametrize_table_tools = pytest.mark.parametrize(
    "fit_tool", TABLE_TOOLS.values(), ids=TABLE_TOOLS
)


def _assert_not_raised_by_us(raised):
    ours = Path(sklearn_rnn.__file__).parent
    frames = [Path(str(entry.path)) for entry in raised.traceback]
    assert not any(ours in frame.parents for frame in frames)


@pytest.fixture
def binary(y):
    return (y == "up").astype(int)


@parametrize_table_tools
def test_table_tool_itself_refuses_sequences(fit_tool, X, binary):
    with pytest.raises(ValueError, match=r"dim|inhomogeneous|Expected 2D") as raised:
        fit_tool(make_classifier(), X, binary)
    _assert_not_raised_by_us(raised)


@parametrize_table_tools
def test_table_tool_takes_a_table(fit_tool, cube, binary):
    table = cube[:, :, 0]
    assert fit_tool(make_classifier(), table, binary).score(table, binary) > 0.9


@parametrize_table_tools
@pytest.mark.parametrize("container", ["array", "ragged"])
def test_table_tool_takes_sequences_flattened(
    fit_tool, container, cube, sequences, binary
):
    if container == "array":
        table, unflatten = cube.reshape(N_SAMPLES, -1), _to_cube
    else:  # NaN after the shorter sequences
        padded = RaggedArray.from_sequences(sequences).to_padded()
        table, unflatten = padded.reshape(N_SAMPLES, -1), _to_ragged
    pipeline = make_pipeline(FunctionTransformer(unflatten), make_classifier())
    assert fit_tool(pipeline, table, binary).score(table, binary) > 0.9


def _to_cube(table):
    return table.reshape(len(table), -1, N_FEATURES)


def _to_ragged(table):
    return RaggedArray.from_padded(_to_cube(table))


@parametrize_table_tools
def test_table_tool_takes_row_numbers(fit_tool, X, binary):
    def look_up(rows):
        return take(X, rows[:, 0].astype(int))

    pipeline = make_pipeline(FunctionTransformer(look_up), make_classifier())
    rows = np.arange(N_SAMPLES)[:, np.newaxis]
    assert fit_tool(pipeline, rows, binary).score(rows, binary) > 0.9


def test_bagging_of_regressors_refuses_sequences_and_takes_a_table(X, cube, target):
    bagging = BaggingRegressor(make_regressor(), n_estimators=2, random_state=0)
    with pytest.raises(ValueError, match=r"dim|inhomogeneous|Expected 2D") as raised:
        bagging.fit(X, target)
    _assert_not_raised_by_us(raised)
    table = cube[:, :, 0]
    assert bagging.fit(table, target).score(table, target) > 0.8


def test_boosting_takes_arrays_and_refuses_ragged_sequences(cube, sequences, y):
    boosting = AdaBoostClassifier(make_classifier(), n_estimators=2, random_state=0)
    assert boosting.fit(cube, y).score(cube, y) > 0.9
    for X in (sequences, RaggedArray.from_sequences(sequences)):
        with pytest.raises(ValueError, match=r"inhomogeneous|Expected 2D") as raised:
            boosting.fit(X, y)
        _assert_not_raised_by_us(raised)


def test_chains_refuse_sequences_and_one_network_has_several_outputs(X, y, target):
    labels = np.column_stack([y == "up", y == "down"]).astype(int)
    targets = np.column_stack([target, -target])
    for chain, network, outputs in [
        (ClassifierChain(make_classifier()), make_classifier(), labels),
        (RegressorChain(make_regressor()), make_regressor(), targets),
    ]:
        with pytest.raises(
            ValueError, match=r"dim|inhomogeneous|Expected 2D"
        ) as raised:
            chain.fit(X, outputs)
        _assert_not_raised_by_us(raised)
        assert network.fit(X, outputs).score(X, outputs) > 0.8


@pytest.mark.parametrize(
    "transformer",
    [StandardScaler(), FunctionTransformer(validate=True)],
    ids=["StandardScaler", "FunctionTransformer"],
)
def test_transformer_of_tables_refuses_sequences_and_takes_a_table(
    transformer, X, cube, y
):
    pipeline = make_pipeline(transformer, make_classifier())
    with pytest.raises(ValueError, match=r"dim|inhomogeneous|Expected 2D") as raised:
        pipeline.fit(X, y)
    _assert_not_raised_by_us(raised)
    table = cube[:, :, 0]
    assert clone(pipeline).fit(table, y).score(table, y) > 0.9


def test_permutation_importance_refuses_sequences_and_takes_them_flattened(cube, y):
    options = {"scoring": "neg_log_loss", "n_repeats": 3, "random_state": 0}
    with pytest.raises(ValueError, match="dim") as raised:
        permutation_importance(make_classifier().fit(cube, y), cube, y, **options)
    _assert_not_raised_by_us(raised)
    table = cube.reshape(N_SAMPLES, -1)
    pipeline = make_pipeline(FunctionTransformer(_to_cube), make_classifier())
    result = permutation_importance(pipeline.fit(table, y), table, y, **options)
    importance = result.importances_mean.reshape(N_STEPS, N_FEATURES).sum(axis=0)
    assert importance[0] > 3 * abs(importance[1])  # the first feature decides


# Metadata ---------------------------------------------------------------------------


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def poisoned(y):
    """Labels most of which are wrong, and weights of 0 for these."""
    weight = np.ones(N_SAMPLES)
    weight[np.random.default_rng(2).permutation(N_SAMPLES)[:36]] = 0
    wrong = np.where(y == "up", "down", "up")
    return np.where(weight > 0, y, wrong), weight


WITH_WEIGHTS = {
    "Pipeline": lambda rnn: make_pipeline(FunctionTransformer(), rnn),
    "GridSearchCV": lambda rnn: GridSearchCV(rnn, {"hidden_size": [4]}, cv=2),
    "VotingClassifier": lambda rnn: VotingClassifier([("rnn", rnn)]),
    "StackingClassifier": lambda rnn: StackingClassifier(
        [("rnn", rnn)], GaussianNB().set_fit_request(sample_weight=True), cv=2
    ),
    "CalibratedClassifierCV": lambda rnn: CalibratedClassifierCV(rnn, cv=2),
    "TunedThresholdClassifierCV": lambda rnn: TunedThresholdClassifierCV(
        rnn,
        cv=2,
        scoring=get_scorer("balanced_accuracy").set_score_request(sample_weight=True),
    ),
}


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("wrap", WITH_WEIGHTS.values(), ids=WITH_WEIGHTS)
def test_weights_are_routed_to_the_network(wrap, sequences, y, poisoned):
    X = RaggedArray.from_sequences(sequences)
    labels, weight = poisoned
    rnn = make_classifier(batch_size=8, max_epochs=12)
    rnn.set_fit_request(sample_weight=True)
    rnn.set_score_request(sample_weight=True)
    wrapped = wrap(rnn)
    assert accuracy_score(y, wrapped.fit(X, labels).predict(X)) < 0.7
    wrapped.fit(X, labels, sample_weight=weight)
    assert accuracy_score(y, wrapped.predict(X)) > 0.9


def test_weights_reach_the_network_by_the_name_of_its_step(X, y, poisoned):
    labels, weight = poisoned
    pipeline = make_pipeline(FunctionTransformer(), make_classifier())
    pipeline.fit(X, labels, rnnclassifier__sample_weight=weight)
    kept = np.flatnonzero(weight)
    by_hand = make_classifier().fit(take(X, kept), y[kept])
    assert np.array_equal(pipeline.predict_proba(X), by_hand.predict_proba(X))


@pytest.mark.usefixtures("routing")
def test_cross_validation_routes_weights_to_fit_and_score(X, poisoned, rng):
    labels, weight = poisoned
    weight = weight + rng.random(N_SAMPLES)
    rnn = make_classifier().set_fit_request(sample_weight=True)
    rnn.set_score_request(sample_weight=True)
    params = {"sample_weight": weight}
    scores = cross_val_score(rnn, X, labels, params=params, cv=KFold(3))
    for score, (train, test) in zip(scores, KFold(3).split(labels), strict=True):
        rnn.fit(take(X, train), labels[train], sample_weight=weight[train])
        by_hand = rnn.score(take(X, test), labels[test], sample_weight=weight[test])
        assert score == by_hand
        assert score != rnn.score(take(X, test), labels[test])


@pytest.mark.usefixtures("routing")
def test_groups_are_routed_to_the_splitter_and_to_early_stopping(X, y):
    groups = np.arange(N_SAMPLES) // 5
    early = make_classifier(early_stopping=True, validation_fraction=0.3)
    results = cross_validate(
        make_pipeline(FunctionTransformer(), early.set_fit_request(groups=True)),
        X,
        y,
        params={"groups": groups},
        cv=GroupKFold(2),
        return_estimator=True,
        return_indices=True,
    )
    curves = []
    for pipeline, train, test in zip(
        results["estimator"],
        results["indices"]["train"],
        results["indices"]["test"],
        strict=True,
    ):
        assert not set(groups[train]) & set(groups[test])
        for given in (groups[train], None):
            by_hand = clone(early).fit(take(X, train), y[train], groups=given)
            curves.append(by_hand.loss_curve_)
        assert pipeline[-1].loss_curve_ == curves[-2] != curves[-1]


@pytest.mark.usefixtures("routing")
def test_pipeline_transforms_the_validation_data_too(X, y):
    early = make_classifier(early_stopping=True)
    train, held_out = np.arange(40), np.arange(40, N_SAMPLES)
    pipeline = Pipeline(
        [
            ("tanh", FunctionTransformer(_tanh)),
            ("rnn", early.set_fit_request(X_val=True, y_val=True)),
        ],
        transform_input=["X_val"],
    )
    validation = {"X_val": take(X, held_out), "y_val": y[held_out]}
    pipeline.fit(take(X, train), y[train], **validation)
    validation["X_val"] = _tanh(validation["X_val"])
    X_train = _tanh(take(X, train))
    by_hand = clone(early).fit(X_train, y[train], **validation)
    assert pipeline["rnn"].validation_scores_ == by_hand.validation_scores_
    assert max(by_hand.validation_scores_) > 0.9
    holding_out = clone(early).fit(X_train, y[train])
    assert pipeline["rnn"].loss_curve_[0] != holding_out.loss_curve_[0]


def test_pipeline_hands_return_std_to_the_network(X, target):
    regressor = make_regressor(loss="gaussian")
    pipeline = make_pipeline(FunctionTransformer(), regressor).fit(X, target)
    mean, std = pipeline.predict(X, return_std=True)
    assert np.array_equal(mean, pipeline.predict(X))
    assert std.shape == mean.shape
    assert (std > 0).all()
