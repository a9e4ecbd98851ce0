"""Pipelines: their steps, parameters, memory and clones."""

import numpy as np
import pytest
from scikit_learn_tools import (
    StepScaler,
    make_classifier,
    make_regressor,
    map_values,
    tanh,
)
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer


def test_pipeline_equals_its_steps_applied_in_order(X, y):
    pipeline = make_pipeline(FunctionTransformer(tanh), make_classifier()).fit(X, y)
    by_hand = make_classifier().fit(tanh(X), y)
    assert pipeline.score(X, y) > 0.9
    assert np.array_equal(pipeline.predict_proba(X), by_hand.predict_proba(tanh(X)))


def test_custom_scaler_in_a_pipeline_undoes_the_scale_of_the_data(X, y):
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


def test_clone_of_a_fitted_pipeline_is_unfitted_and_fits_identically(X, y):
    pipeline = make_pipeline(StepScaler(), make_classifier(max_epochs=3)).fit(X, y)
    copy = clone(pipeline)
    with pytest.raises(NotFittedError):
        copy[-1].predict(X)
    expected = pipeline.predict_proba(X)
    assert np.array_equal(copy.fit(X, y).predict_proba(X), expected)


def test_pipeline_passes_return_std_to_the_network(X, target):
    regressor = make_regressor(loss="gaussian")
    pipeline = make_pipeline(FunctionTransformer(), regressor).fit(X, target)
    mean, std = pipeline.predict(X, return_std=True)
    assert np.array_equal(mean, pipeline.predict(X))
    assert std.shape == mean.shape
    assert (std > 0).all()
