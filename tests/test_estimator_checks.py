"""scikit-learn's conformance checks, and ours, on several settings of each class."""

from importlib.util import find_spec

import pytest
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from sklearn_rnn import (
    RNNAnomalyDetector,
    RNNClassifier,
    RNNForecaster,
    RNNGenerator,
    RNNRegressor,
    RNNStepRegressor,
    RNNTagger,
    RNNTranscriber,
    RNNTranslator,
    config_context,
)
from sklearn_rnn.nn import CELLS, GRU
from sklearn_rnn.utils.estimator_checks import yield_sequence_checks

SMALL = {"hidden_size": 8, "max_epochs": 20, "conv_channels": 8}
PLAIN = {
    "hidden_size": 12,
    "max_epochs": 30,
    "conv_channels": None,
    "bidirectional": False,
}
# what both classes have: each cell, pooling, optimizer and schedule, with and without
# the convolutions, one layer to three
SETTINGS = [
    {},
    {**SMALL, "cell": "lstm", "pooling": "attention"},
    {**PLAIN, "cell": "rnn", "pooling": "last"},
    {**PLAIN, "cell": "rnn", "nonlinearity": "relu", "pooling": "mean"},
    {
        **PLAIN,
        "max_epochs": 60,
        "cell": GRU,
        "pooling": "max",
        "learning_rate_schedule": "plateau",
    },
    {**SMALL, "hidden_size": (12, 8), "weight_decay": 1e-4, "optimizer": "adamw"},
    {**PLAIN, "num_layers": 3, "learning_rate_schedule": "cosine", "max_epochs": 60},
    {**PLAIN, "optimizer": "sgd", "learning_rate": 0.3, "max_epochs": 60},
    {
        **PLAIN,
        "cell": "gru_reset_before",
        "optimizer": "rmsprop",
        "learning_rate_schedule": None,
    },
    {**SMALL, "conv_channels": (8, 8), "conv_kernel_size": 3, "conv_stride": 3},
]
LOSSES = [
    "squared_error",
    "absolute_error",
    "huber",
    "quantile",
    "gaussian",
    "poisson",
    "gaussian",
    "huber",
    "absolute_error",
    "poisson",
]
WEIGHTS = [None, "balanced"] * 5
ESTIMATORS = [
    *(
        RNNClassifier(**settings, class_weight=weight)
        for settings, weight in zip(SETTINGS, WEIGHTS, strict=True)
    ),
    *(
        RNNRegressor(**settings, loss=loss)
        for settings, loss in zip(SETTINGS, LOSSES, strict=True)
    ),
]
# parameters that estimators of an answer at every step have not
OF_SEQUENCES = {"pooling", "conv_stride", "conv_pooling", "random_kernels"}
OF_STEPS = [
    {name: settings[name] for name in settings if name not in OF_SEQUENCES}
    for settings in SETTINGS
]
STEP_ESTIMATORS = [
    *(
        RNNTagger(**settings, class_weight=weight)
        for settings, weight in zip(OF_STEPS, WEIGHTS, strict=True)
    ),
    *(RNNTagger(**settings, crf=True) for settings in OF_STEPS),
    *(
        RNNStepRegressor(**settings, loss=loss)
        for settings, loss in zip(OF_STEPS, LOSSES, strict=True)
    ),
]
FORECASTERS = [
    RNNForecaster(context=4),
    RNNForecaster(context=4, scaling="robust", segment_length=2, cell="lstm"),
    RNNForecaster(context=3, scaling="mean", loss="huber", cell="rnn"),
]

DETECTORS = [
    RNNAnomalyDetector(),
    RNNAnomalyDetector(cell="lstm", contamination=0.1, smoothing=1, season_length=3),
]

WRITERS = [
    RNNGenerator(hidden_size=6),
    RNNGenerator(hidden_size=(4, 6), cell="lstm", truncate=4),
    RNNTranslator(hidden_size=6, max_length=4),
    RNNTranscriber(hidden_size=6, cell="rnn", upsample=4, conv_channels=4),
]


@pytest.fixture(autouse=True)
def _kernels():
    """The kernels, whatever rule "auto" has; torch's layers where numba is missing.

    `.ci/run` runs all tests with numba and without.
    """
    with config_context(kernels="numba" if find_spec("numba") else "torch"):
        yield


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_conformance(estimator, check):
    check(estimator)


ONE_VARIABLE = "a row is a series of one variable, which may be longer in predict"
ONE_SERIES = "a 1-D array is one series"
NO_OUTLIER = "the automatic limit calls no point of three clouds an outlier"
REFUSED_BY_DETECTORS = {
    "check_n_features_in": ONE_VARIABLE,
    "check_n_features_in_after_fitting": ONE_VARIABLE,
    "check_fit1d": ONE_SERIES,
    "check_fit2d_predict1d": ONE_SERIES,
    "check_outliers_fit_predict": NO_OUTLIER,
    "check_outliers_train": NO_OUTLIER,
    "check_classifier_data_not_an_array": "tables are refused: is a row a step?",
}


@parametrize_with_checks(
    [RNNAnomalyDetector(hidden_size=4, max_epochs=2)],
    expected_failed_checks=lambda estimator: REFUSED_BY_DETECTORS,
)
def test_scikit_learn_conformance_of_detectors(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check", list(yield_sequence_checks()), ids=lambda check: check.__name__
)
@pytest.mark.parametrize(
    "estimator",
    [*ESTIMATORS, *STEP_ESTIMATORS, *FORECASTERS, *DETECTORS, *WRITERS],
    ids=str,
)
def test_sequence_promises(estimator, check):
    check(type(estimator).__name__, clone(estimator).set_params(max_epochs=4))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (RNNClassifier(**PLAIN), MLPClassifier(max_iter=3)),
        (RNNRegressor(**PLAIN), MLPRegressor(max_iter=3)),
    ],
    ids=["classifier", "regressor"],
)
def test_checks_that_are_skipped_are_those_that_mlp_skips(ours, theirs):
    ours.set_params(max_epochs=3)

    def skipped(estimator):
        results = check_estimator(estimator, on_skip=None, on_fail=None)
        return {r["check_name"] for r in results if r["status"] == "skipped"}

    assert skipped(ours) <= skipped(theirs)


# what scikit-learn's checks pass as y is one answer a sequence
NEED_NO_Y = {
    "check_all_zero_sample_weights_error",
    "check_complex_data",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_sparse_array",
    "check_estimator_sparse_matrix",
    "check_estimator_sparse_tag",
    "check_estimator_tags_renamed",
    "check_estimators_empty_data_messages",
    "check_estimators_unfitted",
    "check_fit1d",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_requires_y_none",
    "check_set_params",
    "check_valid_tag_types",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", [RNNTagger(), RNNStepRegressor()], ids=str)
def test_check_estimator_fails_for_want_of_a_y_of_steps(estimator):
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    passed = {r["check_name"] for r in results if r["status"] == "passed"}
    skipped = {r["check_name"] for r in results if r["status"] == "skipped"}
    assert passed <= NEED_NO_Y
    assert skipped <= {"check_array_api_input"}
    with pytest.raises(ValueError, match=r"y must be one sequence .* a sample"):
        check_estimator(estimator, on_skip=None)


def test_the_settings_are_ten_a_class_and_cover_what_there_is():
    assert len(SETTINGS) == 10
    assert {s.get("cell", "gru") for s in SETTINGS} == {*CELLS, GRU}
    for name, missing in (
        ("optimizer", "adam"),
        ("pooling", "meanmax"),
        ("learning_rate_schedule", "onecycle"),
    ):
        options = RNNRegressor._parameter_constraints[name][0].options
        assert {s.get(name, missing) for s in SETTINGS} - {None} == options
    assert set(LOSSES) == RNNRegressor._parameter_constraints["loss"][0].options
    assert 3 in {s.get("num_layers", 1) for s in SETTINGS}


@pytest.mark.parametrize("loss", sorted(set(LOSSES)))
@pytest.mark.parametrize("make", [RNNRegressor, RNNStepRegressor])
def test_only_counts_must_be_positive(make, loss):
    tags = make(loss=loss).__sklearn_tags__()
    assert tags.target_tags.positive_only == (loss == "poisson")
    assert not tags.input_tags.positive_only


@pytest.mark.parametrize(
    "estimator", [RNNClassifier(), RNNRegressor(), RNNTagger(), RNNStepRegressor()]
)
def test_tags_are_true(estimator):
    tags = estimator.__sklearn_tags__()
    assert tags.input_tags.two_d_array
    assert tags.input_tags.three_d_array
    assert not tags.input_tags.allow_nan
    assert not tags.input_tags.sparse
    assert not tags.non_deterministic
    assert tags.target_tags.required
    assert tags.target_tags.multi_output
    if isinstance(estimator, RNNClassifier):
        assert tags.classifier_tags.multi_label


@pytest.mark.parametrize("make", [RNNClassifier, RNNRegressor])
def test_with_token_ids_the_checks_fail_at_their_first_fit(make):
    """As the docs say: no tag asks for ids, and the checks give real numbers."""
    with pytest.raises(ValueError, match="With 'embedding_dim' X must be token ids"):
        check_estimator(make(**PLAIN, embedding_dim=4), on_skip=None)
