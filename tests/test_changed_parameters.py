"""Parameters that change after fit: they act, or an error names them."""

import numpy as np
import pytest

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
from sklearn_rnn._parameters import FIXED_BY_FIT
from sklearn_rnn.nn import Dropout

SMALL = {"hidden_size": 4, "max_epochs": 1, "random_state": 0}
CHANGED = {
    "cell": "lstm",
    "nonlinearity": "relu",
    "hidden_size": 99,
    "num_layers": 2,
    "bidirectional": False,
    "pooling": "last",
    "conv_channels": None,
    "conv_kernel_size": 3,
    "conv_stride": 1,
    "conv_pooling": True,
    "random_kernels": 3,
    "ngrams": 3,
    "categorical_features": [0],
    "embedding_dim": 5,
    "loss": "gaussian",
    "quantile": 0.9,
    "crf": True,
    "scheme": "iob2",
}
CHANGED_OF_FORECASTERS = {
    "horizon": 3,
    "context": 5,
    "segment_length": 2,
    "scaling": "mean",
    "calibration_origins": 9,
    "season_length": 7,
    "target_features": [0],
    "known_features": [0],
    "quantiles": [0.1],
}
CHANGED_OF_OTHERS = {
    "season_length": (RNNAnomalyDetector, 7),
    "contamination": (RNNAnomalyDetector, 0.2),
    "smoothing": (RNNAnomalyDetector, 3),
    "aggregation": (RNNAnomalyDetector, "mean"),
    "level": (RNNGenerator, "word"),
    "max_tokens": (RNNGenerator, 2),
    "min_count": (RNNGenerator, 2),
    "end_token": (RNNGenerator, False),
    "tie_weights": (RNNGenerator, False),
    "attention": (RNNTranslator, False),
    "label_smoothing": (RNNTranslator, 0.2),
    "target_level": (RNNTranscriber, "word"),
    "upsample": (RNNTranscriber, 2),
}


@pytest.fixture
def X(rng):
    return rng.normal(size=(30, 6, 2))


def make_fitted(name, X):
    if name in ("crf", "scheme"):
        return RNNTagger(**SMALL), np.where(X[:, :, 0] > 0, "B-x", "O")
    make = RNNRegressor if name in ("loss", "quantile") else RNNClassifier
    return make(**SMALL), (X[:, :, 0].mean(axis=1) > 0).astype(int)


def test_every_fixed_parameter_is_tried():
    tried = {*CHANGED, *CHANGED_OF_FORECASTERS, *CHANGED_OF_OTHERS}
    assert tried == set(FIXED_BY_FIT)


@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize("action", ["fit", "partial_fit", "predict", "hidden_states"])
def test_what_a_network_depends_on_cannot_change_unnoticed(X, name, action):
    estimator, y = make_fitted(name, X)
    if not hasattr(estimator, action):
        pytest.skip(f"{type(estimator).__name__} has no {action}")
    estimator.set_params(warm_start=True).fit(X, y)
    before = estimator.predict(X)
    old = estimator.get_params()[name]
    estimator.set_params(**{name: CHANGED[name]})
    data = (X, y) if "fit" in action else (X,)
    with pytest.raises(ValueError, match=rf"The parameter '{name}' of this .* changed"):
        getattr(estimator, action)(*data)
    estimator.set_params(**{name: old})
    for a, b in zip(estimator.predict(X), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_new_fit_takes_every_change(X):
    y = (X[:, :, 0].mean(axis=1) > 0).astype(int)
    changed = {"cell": "lstm", "hidden_size": 5, "pooling": "last"}
    refitted = RNNClassifier(**SMALL).fit(X, y).set_params(**changed).fit(X, y)
    fresh = RNNClassifier(**(SMALL | changed)).fit(X, y)
    np.testing.assert_array_equal(refitted.predict_proba(X), fresh.predict_proba(X))


@pytest.mark.parametrize("value", [[3, 4], (3, 4)])
def test_equal_sizes_in_another_container_are_no_change(X, value):
    y = (X[:, :, 0].mean(axis=1) > 0).astype(int)
    classifier = RNNClassifier(**(SMALL | {"hidden_size": (3, 4)})).fit(X, y)
    classifier.set_params(hidden_size=value).predict(X)


def test_dropout_and_class_weight_act_in_a_warm_start(X):
    X, y = np.zeros_like(X), np.r_[np.zeros(25, int), np.ones(5, int)]
    classifier = RNNClassifier(warm_start=True, **SMALL).fit(X, y)
    classifier.set_params(dropout=0.5, class_weight={0: 1e-6, 1: 1.0})
    classifier.set_params(learning_rate=0.1, max_epochs=30)
    assert (classifier.predict(X) == 0).all()
    classifier.fit(X, y)
    dropouts = [m.p for m in classifier.module_.modules() if isinstance(m, Dropout)]
    assert set(dropouts) == {0.5}
    assert (classifier.predict(X) == 1).all()


@pytest.mark.parametrize("name", [*CHANGED_OF_FORECASTERS, "hidden_size", "loss"])
@pytest.mark.parametrize("action", ["predict", "predict_interval", "score"])
def test_what_a_forecast_depends_on_cannot_change_unnoticed(rng, name, action):
    series = rng.normal(size=(4, 60))
    options = {"horizon": 2, "context": 8, "calibration_origins": 12}
    forecaster = RNNForecaster(**SMALL, **options).fit(series)
    before, old = forecaster.predict(series), forecaster.get_params()[name]
    new = {**CHANGED_OF_FORECASTERS, "hidden_size": 9, "loss": "huber"}[name]
    forecaster.set_params(**{name: new})
    message = rf"The parameter '{name}' of this .* changed .* Call fit, or"
    with pytest.raises(ValueError, match=message):
        getattr(forecaster, action)(series)
    forecaster.set_params(**{name: old})
    np.testing.assert_array_equal(forecaster.predict(series), before)


@pytest.mark.parametrize("name", CHANGED_OF_OTHERS)
def test_what_the_other_estimators_depend_on_cannot_change_unnoticed(rng, name):
    make, new = CHANGED_OF_OTHERS[name]
    X, y = list(rng.normal(size=(8, 40, 1))), ["ab", "ba"] * 4
    if make is RNNGenerator:
        X, y = y, None
    estimator = make(**SMALL).fit(X, y)
    old = estimator.get_params()[name]
    estimator.set_params(**{name: new})
    with pytest.raises(ValueError, match=rf"The parameter '{name}' of this .* changed"):
        estimator.predict(X)
    estimator.set_params(**{name: old}).predict(X)


def test_dropout_acts_in_partial_fit_and_stands_in_its_attribute(X):
    regressor, y = make_fitted("loss", X)
    regressor.partial_fit(X, y).set_params(dropout=0.4).partial_fit(X, y)
    assert regressor.dropout_ == 0.4
    rates = {m.p for m in regressor.module_.modules() if isinstance(m, Dropout)}
    assert rates == {0.4}


def test_a_limit_of_length_acts_after_fit():
    chars = {"level": "char", "target_level": "char", "learning_rate": 0.05}
    translator = RNNTranslator(**(SMALL | chars | {"max_epochs": 5, "max_length": 3}))
    translator.fit(["ab"] * 40, ["aaaaaaaaaaaa"] * 40)
    with pytest.warns(UserWarning, match="1 of 1 .* max_length=3 tokens and were cut"):
        assert translator.predict(["ab"])[0] == "aaa"
    translator.set_params(max_length=5)
    with pytest.warns(UserWarning, match="1 of 1 .* max_length=5 tokens and were cut"):
        assert translator.predict(["ab"])[0] == "aaaaa"


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (RNNTranscriber, "beam_size", 0),
        (RNNTranscriber, "beam_size", "3"),
        (RNNTranslator, "beam_size", 0),
        (RNNTranslator, "beam_size", 2.5),
        (RNNTranslator, "length_penalty", np.nan),
        (RNNTranslator, "max_length", 0),
    ],
)
def test_what_a_search_reads_is_validated_after_fit(rng, make, name, value):
    X, y = list(rng.normal(size=(8, 40, 1))), ["ab", "ba"] * 4
    estimator = make(**SMALL).fit(X, y).set_params(**{name: value})
    with pytest.raises(ValueError, match=rf"The '{name}' parameter .* Got {value!r}"):
        estimator.predict(X)
