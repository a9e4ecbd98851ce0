"""Pickles and copies of fitted estimators."""

import copy
import io

import cloudpickle
import joblib
import numpy as np
import pytest
import torch
from training_tools import make_classifier


def round_trips():
    def through_joblib(estimator):
        file = io.BytesIO()
        joblib.dump(estimator, file)
        file.seek(0)
        return joblib.load(file)

    return {
        "joblib": through_joblib,
        "cloudpickle": lambda e: cloudpickle.loads(cloudpickle.dumps(e)),
        "deepcopy": copy.deepcopy,
    }


@pytest.mark.parametrize("keep", round_trips().values(), ids=round_trips())
def test_round_trip_in_the_middle_of_a_warm_start(ragged, keep):
    X, y = ragged
    classifier = make_classifier(warm_start=True, dropout=0.2).fit(X, y)
    copy_of_it = keep(classifier)
    np.testing.assert_array_equal(
        copy_of_it.predict_proba(X), classifier.predict_proba(X)
    )
    assert copy_of_it.fit(X, y).loss_curve_ == classifier.fit(X, y).loss_curve_
    classifier.partial_fit(X, y)  # the state of the optimizer goes along
    kept = keep(classifier)
    assert (
        kept.partial_fit(X, y).loss_curve_ == classifier.partial_fit(X, y).loss_curve_
    )


def test_a_pickle_holds_the_weights_once_and_no_data(rng):
    X, y = rng.normal(size=(2000, 20, 8)).astype("f4"), np.arange(2000) % 2
    classifier = make_classifier(max_epochs=1, early_stopping=True).fit(X, y)
    n_weights = sum(p.numel() for p in classifier.module_.parameters())
    assert len(cloudpickle.dumps(classifier)) < 4 * 3 * n_weights + 30_000


@pytest.mark.gpu
def test_an_estimator_fitted_on_a_gpu_loads_without_one(ragged, monkeypatch):
    X, y = ragged
    classifier = make_classifier(device="cuda").fit(X, y)
    expected = classifier.predict_proba(X)
    stored = cloudpickle.dumps(classifier)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    loaded = cloudpickle.loads(stored)
    assert next(loaded.module_.parameters()).device.type == "cpu"
    np.testing.assert_allclose(loaded.predict_proba(X), expected, rtol=1e-4, atol=1e-5)
