"""Tools that turn X into a 2-D array before any estimator sees it.

If a tool of a new scikit-learn accepts sequences, its test here fails: delete its line
and note it in the changes.
"""

from pathlib import Path

import numpy as np
import pytest
from scikit_learn_tools import (
    N_FEATURES,
    N_SAMPLES,
    N_STEPS,
    make_classifier,
    make_regressor,
    take,
)
from sklearn.base import clone
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    HistGradientBoostingClassifier,
    StackingClassifier,
)
from sklearn.inspection import permutation_importance
from sklearn.multiclass import OneVsOneClassifier
from sklearn.multioutput import ClassifierChain, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

import sklearn_rnn
from sklearn_rnn import RaggedArray

# messages of scikit-learn and NumPy
NOT_A_TABLE = r"dim|inhomogeneous|Expected 2D"


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


def _assert_raised_by_the_tool_itself(raised):
    package = Path(sklearn_rnn.__file__).parent
    frames = [Path(str(entry.path)) for entry in raised.traceback]
    assert not any(package in frame.parents for frame in frames)


@pytest.fixture
def binary(y):
    return (y == "up").astype(int)


@parametrize_table_tools
def test_table_tool_itself_refuses_sequences(fit_tool, X, binary):
    with pytest.raises(ValueError, match=NOT_A_TABLE) as raised:
        fit_tool(make_classifier(), X, binary)
    _assert_raised_by_the_tool_itself(raised)


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
    with pytest.raises(ValueError, match=NOT_A_TABLE) as raised:
        bagging.fit(X, target)
    _assert_raised_by_the_tool_itself(raised)
    table = cube[:, :, 0]
    assert bagging.fit(table, target).score(table, target) > 0.8


def test_boosting_takes_arrays_and_refuses_ragged_sequences(cube, sequences, y):
    boosting = AdaBoostClassifier(make_classifier(), n_estimators=2, random_state=0)
    assert boosting.fit(cube, y).score(cube, y) > 0.9
    for X in (sequences, RaggedArray.from_sequences(sequences)):
        with pytest.raises(ValueError, match=r"inhomogeneous|Expected 2D") as raised:
            boosting.fit(X, y)
        _assert_raised_by_the_tool_itself(raised)


def test_chains_refuse_sequences_and_one_network_has_several_outputs(X, y, target):
    labels = np.column_stack([y == "up", y == "up"]).astype(int)
    targets = np.column_stack([target, -target])
    for chain, network, outputs in [
        (ClassifierChain(make_classifier()), make_classifier(), labels),
        (RegressorChain(make_regressor()), make_regressor(), targets),
    ]:
        with pytest.raises(ValueError, match=NOT_A_TABLE) as raised:
            chain.fit(X, outputs)
        _assert_raised_by_the_tool_itself(raised)
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
    with pytest.raises(ValueError, match=NOT_A_TABLE) as raised:
        pipeline.fit(X, y)
    _assert_raised_by_the_tool_itself(raised)
    table = cube[:, :, 0]
    assert clone(pipeline).fit(table, y).score(table, y) > 0.9


def test_permutation_importance_refuses_sequences_and_takes_them_flattened(cube, y):
    options = {"scoring": "neg_log_loss", "n_repeats": 3, "random_state": 0}
    with pytest.raises(ValueError, match="dim") as raised:
        permutation_importance(make_classifier().fit(cube, y), cube, y, **options)
    _assert_raised_by_the_tool_itself(raised)
    table = cube.reshape(N_SAMPLES, -1)
    pipeline = make_pipeline(FunctionTransformer(_to_cube), make_classifier())
    result = permutation_importance(pipeline.fit(table, y), table, y, **options)
    importance = result.importances_mean.reshape(N_STEPS, N_FEATURES).sum(axis=0)
    assert importance[0] > 3 * abs(importance[1])  # the first feature decides
