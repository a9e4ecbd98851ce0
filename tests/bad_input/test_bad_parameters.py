"""Parameters of the constructor."""

import inspect
import re

import numpy as np
import pytest
import torch
from bad_input_tools import MAKERS, SMALL, error_of, refuses
from sklearn.base import clone
from skorch.callbacks import Callback, PrintLog

from sklearn_rnn import RNNClassifier, RNNRegressor

BAD_PARAMETERS = {
    "cell": ["foo", 3, None, int],
    "nonlinearity": ["sigmoid", None],
    "hidden_size": [0, -1, 2.5, True, "8", None, (), (3, -1), (3, 1.5), [0], (3, "a")],
    "num_layers": [0, 2.0, None],
    "bidirectional": ["yes", None],
    "pooling": ["avg", None],
    "conv_channels": [0, -1, 1.5, "a", True, (), (3, 0), [2.5]],
    "conv_kernel_size": [0, 3.5, None, "a"],
    "conv_stride": [0, 1.5, None, "a"],
    "conv_pooling": [None, "a", 2],
    "random_kernels": [0, -1, 1.5, "a", True, False],
    "ngrams": [0, -1, 1.5, "a", True, False],
    "embedding_dim": [0, -1, 1.5, "a", True],
    "categorical_features": ["foo", 3, [7], [-1], [0.5], [True]],
    "dropout": [1, 1.5, -0.1, np.nan, None],
    "optimizer": ["foo", 3, None, int],
    "learning_rate": [0, -1, np.nan, np.inf, "fast", None],
    "learning_rate_schedule": ["step", 3],
    "weight_averaging": [-0.1, 1, np.nan, None],
    "weight_decay": [-1, np.nan, None],
    "max_grad_norm": [0, -1, np.nan],
    "batch_size": [0, -1, 1.5, "auto", None],
    "max_epochs": [0, 1.5, None],
    "tol": [-1, np.nan, None],
    "n_iter_no_change": [0, 1.5, None],
    "early_stopping": ["yes", None],
    "scoring": ["acuracy", 3, ["accuracy"]],
    "validation_fraction": [0, 1, 1.5, np.nan, None],
    "warm_start": ["yes", None],
    "device": ["gpu", "", 3, None, "meta"],
    "callbacks": [3, "a", [3]],
    "checkpoint": [3, ""],
    "random_state": [-1, 1.5, "a"],
    "verbose": [-1, 1.5, "a"],
    "class_weight": ["foo", 3, {5: 1}, {0: -1, 1: 1}, {0: np.nan, 1: 1}],
    "loss": ["foo", None, 3],
    "quantile": [0, 1, 1.5, -0.5, np.nan, None, (), (0.9, 0.1), [0.5, 1]],
}


@pytest.mark.parametrize("make", MAKERS)
def test_every_parameter_has_bad_values_here(make):
    assert set(inspect.signature(make).parameters) <= set(BAD_PARAMETERS)


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_PARAMETERS.items() for value in values],
    ids=lambda value: value if isinstance(value, str) else repr(value),
)
def test_a_bad_value_of_a_parameter_is_named(cube, y, name, value):
    make = RNNRegressor if name in ("loss", "quantile") else RNNClassifier
    estimator = make(**{**SMALL, name: value})
    message = error_of(estimator.fit, cube, y)
    assert re.search(rf"\b{name}\b", message), message
    if name != "class_weight":  # of which scikit-learn prints a part
        came = value if isinstance(value, str) else repr(value)
        assert re.search(rf"must be .*Got '?{re.escape(came)}'? instead", message)


@pytest.mark.parametrize("name", ["cell", "optimizer", "device", "callbacks"])
def test_a_bad_value_leaves_the_fitted_estimator_as_it_was(classifier, cube, y, name):
    expected = classifier.fit(cube, y).predict_proba(cube)
    old = classifier.get_params()[name]
    classifier.set_params(**{name: 3})
    with refuses(f"'{name}' parameter"):
        classifier.fit(cube, y)
    classifier.set_params(**{name: old})
    np.testing.assert_array_equal(classifier.predict_proba(cube), expected)


def test_partial_fit_checks_parameters_too(estimator, cube, y):
    estimator.set_params(hidden_size=0)
    with refuses("'hidden_size' parameter"):
        estimator.partial_fit(cube, y)


def test_layers_and_sizes_must_agree(estimator, cube, y):
    estimator.set_params(hidden_size=(3, 2), num_layers=3)
    with refuses(r"'num_layers' parameter.*length of hidden_size=\(3, 2\).*Got 3"):
        estimator.fit(cube, y)
    for num_layers in (1, 2):
        estimator.set_params(num_layers=num_layers).fit(cube, y)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "conv_kernel_size",
            (3, 3, 3),
            r"an entry for each of the 2 layers.*Got \(3, 3",
        ),
        ("conv_kernel_size", ((3, 5),), r"an entry for each of the 2 layers"),
        ("conv_kernel_size", ((1, 2, 3), 3), r"at most.*channels, 2. Got \[1, 2, 3\]"),
        ("conv_kernel_size", ((3, 0), 3), r"must be an int >= 1.*Got \(3, 0\)"),
        ("conv_kernel_size", ((), 3), r"must be an int >= 1.*Got \(\)"),
        ("conv_kernel_size", (3, 2.5), r"must be an int >= 1"),
        ("conv_stride", (1, 2, 3), r"an entry for each of the 2 layers.*Got \(1, 2, 3"),
        ("conv_stride", (1, 0), r"must be an int >= 1.*Got \(1, 0\)"),
        ("conv_stride", ((1, 2), 2), r"must be an int >= 1"),
    ],
)
def test_layers_of_convolutions_and_their_sizes_must_agree(
    estimator, cube, y, name, value, message
):
    estimator.set_params(conv_channels=(2, 3), **{name: value})
    with refuses(f"The '{name}' parameter .*{message}"):
        estimator.fit(cube, y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
@pytest.mark.parametrize("device", ["cuda", "cuda:1", torch.device("cuda")], ids=str)
def test_a_device_that_is_not_here_is_refused(estimator, cube, y, device):
    estimator.set_params(device=device)
    with refuses(f"'device' parameter must be 'auto', 'cpu' or .*Got '{device}'"):
        estimator.fit(cube, y)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_size", 3),
        ("hidden_size", (3, 2)),
        ("num_layers", 2),
        ("conv_channels", 2),
        ("conv_channels", (2, 3)),
        ("conv_kernel_size", 3),
        ("conv_kernel_size", (3,)),
        ("conv_kernel_size", ((3, 4),)),
        ("conv_stride", 2),
        ("conv_stride", (2,)),
        ("conv_pooling", True),
        ("embedding_dim", 3),
        ("batch_size", 8),
        ("max_epochs", 2),
        ("n_iter_no_change", 2),
        ("random_state", 1),
        ("verbose", 0),
        ("dropout", 0.5),
        ("learning_rate", 0.02),
        ("weight_decay", 0.1),
        ("max_grad_norm", 0.5),
        ("tol", 0.1),
        ("validation_fraction", 0.3),
        ("early_stopping", True),
        ("bidirectional", True),
        ("warm_start", True),
    ],
    ids=str,
)
def test_a_number_of_numpy_is_a_number(estimator, ids, y, name, value):
    """Searches over np.arange and scipy.stats give such."""
    stem = {"conv_channels": 2} if name.startswith("conv_") else {}
    estimator.set_params(**stem)

    def answer(value):
        return clone(estimator).set_params(**{name: value}).fit(ids, y).predict(ids)

    as_numpy = (
        list(np.array(value)) if isinstance(value, tuple) else np.array(value)[()]
    )
    assert type(as_numpy) is not type(value)
    np.testing.assert_array_equal(answer(as_numpy), answer(value))


@pytest.mark.parametrize("cell", [torch.nn.LSTM, torch.nn.Linear, dict])
def test_a_cell_that_takes_no_lengths_is_refused(estimator, sequences, y, cell):
    with refuses("'cell' parameter.*'lstm'.*that takes lengths.*sklearn_rnn.nn"):
        estimator.set_params(cell=cell).fit(sequences, y)


# Callbacks and optimizers -----------------------------------------------------------

PRINTER = PrintLog(sink=lambda text: None)


@pytest.mark.parametrize(
    "callbacks",
    [
        [()],
        [(1,)],
        [("name",)],
        [("name", PRINTER, 3)],
        [(1, PRINTER)],
        [((), PRINTER)],
        [("name", 3)],
        [("name", PRINTER), ("name", PRINTER)],
        [[("name", PRINTER)]],
        [None],
    ],
)
def test_callbacks_of_the_wrong_form_are_refused(estimator, cube, y, callbacks):
    estimator.set_params(callbacks=callbacks)
    with refuses(r"'callbacks' parameter of RNN.* must be a list of .*Got \[.*instead"):
        estimator.fit(cube, y)
    assert not hasattr(estimator, "net_")


@pytest.mark.parametrize(
    "callbacks",
    [[], (), [PRINTER], [PrintLog(sink=print), PRINTER], [("a", PRINTER)], [Callback]],
    ids=["empty list", "empty tuple", "one", "two", "named", "class"],
)
def test_callbacks_of_every_form_are_taken(estimator, cube, y, callbacks):
    estimator.set_params(callbacks=callbacks).fit(cube, y)


OPTIMIZERS = sorted(
    {
        name
        for name, value in vars(torch.optim).items()
        if isinstance(value, type) and issubclass(value, torch.optim.Optimizer)
    }
)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_of_torch_trains_or_is_refused_by_name(
    estimator, cube, y, name
):
    estimator.set_params(optimizer=getattr(torch.optim, name))
    if name in ("Optimizer", "SparseAdam", "Muon"):
        with refuses(rf"'optimizer' parameter.* must be .*Got <class .*{name}'>"):
            estimator.fit(cube, y)
        assert not hasattr(estimator, "net_")
    else:
        assert np.isfinite(estimator.fit(cube, y).predict(cube)).all()


# Class weights ----------------------------------------------------------------------


@pytest.mark.parametrize("class_weight", [{0: 1, 1: 2}, {0: 1.0}, {}])
def test_a_dict_of_class_weights_is_refused_for_multilabel_y(
    classifier, cube, y, class_weight
):
    classifier.set_params(class_weight=class_weight)
    Y = np.column_stack([y, y])
    with refuses(r"'class_weight' parameter.*'balanced' or None.*multilabel.*Got \{"):
        classifier.fit(cube, Y)
    with refuses(r"'class_weight' parameter.*'balanced' or None.*multilabel.*Got \{"):
        classifier.partial_fit(cube, Y)
    classifier.set_params(class_weight="balanced").fit(cube, Y)


@pytest.mark.parametrize(
    "class_weight", [{0: 0, 1: 0}, {0: 0.0, 1: 0}, {0: 0, 1: 0, 2: 1}], ids=str
)
def test_class_weights_that_are_all_zero_are_refused(classifier, cube, y, class_weight):
    classifier.set_params(class_weight=class_weight)
    with refuses(r"'class_weight' parameter of RNN.*must have a weight > 0.*Got \{0"):
        classifier.fit(cube, y)
    assert not hasattr(classifier, "net_")


def test_a_class_of_weight_zero_is_not_trained_on(classifier, cube, y):
    classifier.set_params(class_weight={0: 0, 1: 1}, max_epochs=40)
    assert (classifier.fit(cube, y).predict(cube) == 1).all()


@pytest.mark.parametrize("value", ["a", None, 1j, [1], np.inf])
def test_a_class_weight_that_is_no_number_is_refused(classifier, cube, y, value):
    classifier.set_params(class_weight={0: value, 1: 1})
    with refuses(r"'class_weight' parameter.*finite weights >= 0. Got \{"):
        classifier.fit(cube, y)


@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**-100, 2.0**100, 2.0**1023])
def test_only_ratios_of_class_weights_count(classifier, cube, y, scale):
    expected = clone(classifier).set_params(class_weight={0: 1, 1: 1.5}).fit(cube, y)
    classifier.set_params(class_weight={0: scale, 1: 1.5 * scale}).fit(cube, y)
    np.testing.assert_array_equal(
        classifier.predict_proba(cube), expected.predict_proba(cube)
    )
