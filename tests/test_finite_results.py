"""Whatever leaves a public method is finite, or an error names the sequence."""

import numpy as np
import pytest
import torch

from sklearn_rnn import (
    RNNClassifier,
    RNNRegressor,
    RNNStepRegressor,
    RNNTagger,
    config_context,
)

SMALL = {"hidden_size": 8, "max_epochs": 2, "random_state": 0}
OUT_OF_RANGE = r"X\[1\] drives the network out of the range of numbers"


@pytest.fixture
def X(rng):
    return rng.normal(size=(60, 12, 2))


@pytest.fixture
def c(X):
    return (X[:, :, 0].mean(axis=1) > 0).astype(int)


def make_exploding(make, X, y):
    """Return a fitted ReLU network whose states double at each step."""
    estimator = make(
        cell="rnn",
        nonlinearity="relu",
        bidirectional=False,
        conv_channels=None,
        **SMALL,
    ).fit(X, y)
    with torch.no_grad():
        recurrent = estimator.module_.encoder.forward_layers[0].rnn
        recurrent.weight_hh_l0.copy_(2 * torch.eye(8))
        recurrent.weight_ih_l0.abs_()
        recurrent.bias_ih_l0.fill_(1.0)
    return estimator


@pytest.mark.parametrize("kernels", ["auto", "torch"])
@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "encode"]
)
def test_states_beyond_float32_and_float64_are_an_error_that_names_the_sequence(
    X, c, method, kernels
):
    classifier = make_exploding(RNNClassifier, X, c)
    long = np.ones((3000, 2))
    with (
        config_context(kernels=kernels),
        pytest.raises(ValueError, match=OUT_OF_RANGE),
    ):
        getattr(classifier, method)([X[0], long])


def test_hidden_states_beyond_float32_are_an_error_that_names_the_sequence(X, c):
    classifier = make_exploding(RNNClassifier, X, c)
    with pytest.raises(ValueError, match=OUT_OF_RANGE):
        classifier.hidden_states([X[0], np.ones((3000, 2))])


@pytest.mark.parametrize("kernels", ["auto", "torch"])
def test_one_step_of_1e20_has_finite_states(X, c, rng, kernels):
    x = rng.normal(size=(5, 2))
    x[3] = 1e20
    classifier = RNNClassifier(**SMALL).fit(X, c)
    with config_context(kernels=kernels):
        for result in (
            classifier.hidden_states([x]),
            classifier.encode([x]),
            classifier.predict_proba([x]),
        ):
            assert np.isfinite(result).all()


@pytest.mark.parametrize("make", [RNNTagger, RNNStepRegressor])
def test_steps_beyond_float64_are_an_error_that_names_the_sequence(X, make):
    y = (X[:, :, 0] > 0).astype(int)
    estimator = make_exploding(make, X, y)
    with pytest.raises(ValueError, match=OUT_OF_RANGE):
        estimator.predict([X[0], np.ones((3000, 2))])


def test_rows_that_overflow_leave_the_others_alone(X, c):
    classifier = make_exploding(RNNClassifier, X, c)
    expected = classifier.predict_proba(X)
    long = np.ones((150, 2))  # float32 overflows, float64 does not
    try:
        both = classifier.predict_proba([*X, long])
    except ValueError as error:
        assert "X[60]" in str(error)
    else:
        np.testing.assert_array_equal(both[:-1], expected)
        assert np.isfinite(both).all()


def test_poisson_predictions_are_finite_or_an_error_names_the_sequence(X, c):
    regressor = RNNRegressor(loss="poisson", **SMALL).fit(X, c)
    with torch.no_grad():
        regressor.module_.head.weight.mul_(1e6)
    with pytest.raises(ValueError, match=r"The prediction for X\[\d+\] is not finite"):
        regressor.predict(X)


@pytest.mark.parametrize("learning_rate", [0.3, 1e38])
def test_weights_after_the_last_update_of_a_fit_are_finite_or_an_error(
    X, c, learning_rate
):
    classifier = RNNClassifier(
        cell="rnn",
        nonlinearity="relu",
        learning_rate=learning_rate,
        max_epochs=1,
        batch_size=60,
        random_state=0,
    )
    try:
        classifier.fit(X, c)
    except ValueError as error:
        assert "became NaN or infinite in epoch 1" in str(error)
        assert not hasattr(classifier, "net_")
    else:
        weights = list(classifier.module_.parameters())
        assert all(torch.isfinite(weight).all() for weight in weights)


def test_a_huge_weight_decay_is_an_error(X, c):
    with pytest.raises(ValueError, match="training weights became NaN or infinite"):
        RNNClassifier(
            optimizer="adamw", weight_decay=1e300, max_epochs=1, batch_size=60
        ).fit(X, c)


def test_partial_fit_that_diverges_leaves_the_estimator_as_it_was(X, c):
    classifier = RNNClassifier(**SMALL).fit(X, c)
    expected = classifier.predict_proba(X)
    again = RNNClassifier(**SMALL).fit(X, c).partial_fit(X, c)
    classifier.set_params(learning_rate=1e38)
    with pytest.raises(ValueError, match="became NaN or infinite"):
        classifier.partial_fit(X, c)
    np.testing.assert_array_equal(classifier.predict_proba(X), expected)
    classifier.set_params(learning_rate=0.01).partial_fit(X, c)
    np.testing.assert_array_equal(classifier.predict_proba(X), again.predict_proba(X))
