"""Any value of any parameter works, or is refused by the name of the parameter."""

import inspect
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_rnn import RNNClassifier, RNNRegressor

SMALL = {
    "hidden_size": 2,
    "conv_channels": 2,
    "conv_kernel_size": 2,
    "bidirectional": False,
    "max_epochs": 1,
    "random_state": 0,
}
X = np.random.default_rng(0).normal(size=(12, 4, 2)).astype("f4")
Y = np.arange(12) % 2


class Refusing:
    """What raises wherever it is looked at."""

    def __eq__(self, other):
        raise ValueError("cannot be compared")

    __hash__ = None

    def __bool__(self):
        raise ValueError("has no truth value")


VALUES = {
    "None": None,
    "True": True,
    "False": False,
    "0": 0,
    "1": 1,
    "3": 3,
    "-1": -1,
    "10 ** 30": 10**30,
    "0.0": 0.0,
    "0.5": 0.5,
    "1.0": 1.0,
    "-0.5": -0.5,
    "NaN": np.nan,
    "infinity": np.inf,
    "1e-320": 1e-320,
    "1e300": 1e300,
    "complex": 1 + 1j,
    "fraction": Fraction(1, 2),
    "decimal": Decimal("0.5"),
    "int64": np.int64(2),
    "float32": np.float32(0.5),
    "bool_": np.bool_(True),
    "0-d array": np.array(2),
    "array": np.array([2, 3]),
    "array of floats": np.array([0.5]),
    "empty array": np.array([]),
    "tensor": torch.tensor(2),
    "tensors": torch.tensor([2.0, 3.0]),
    "empty text": "",
    "text": "nonsense",
    "auto": "auto",
    "bytes": b"adam",
    "empty tuple": (),
    "tuple": (2, 2),
    "tuple of bool": (True,),
    "tuple of floats": (2.0,),
    "list": [2],
    "list of None": [None],
    "dict": {},
    "dict of labels": {0: 1.0, 1: 2.0},
    "dict of text": {"a": "b"},
    "set": {2},
    "range": range(1, 3),
    "generator": (i for i in [2]),
    "function": lambda *args, **kwargs: None,
    "type": int,
    "module class": torch.nn.Linear,
    "optimizer class": torch.optim.SGD,
    "instance": torch.nn.Linear(2, 2),
    "device": torch.device("cpu"),
    "dtype": np.float32,
    "random state": np.random.RandomState(0),
    "generator of numbers": np.random.default_rng(0),
    "object": object(),
    "refusing": Refusing(),
}
# seconds and gigabytes, not errors: whoever sets it gets it
TOO_MUCH = {
    ("max_epochs", "10 ** 30"),
    ("hidden_size", "10 ** 30"),
    ("num_layers", "10 ** 30"),
    ("conv_channels", "10 ** 30"),
    ("conv_kernel_size", "10 ** 30"),
    ("embedding_dim", "10 ** 30"),
    ("random_kernels", "10 ** 30"),
    ("ngrams", "10 ** 30"),
}
PARAMETERS = [
    (make, name)
    for make in (RNNClassifier, RNNRegressor)
    for name in inspect.signature(make).parameters
]


def assert_works_or_names(estimator, name, value):
    """Fit with a value; an error names the parameter and leaves nothing behind."""
    before = dict(vars(estimator))
    try:
        estimator.fit(X, Y)
    except (ValueError, TypeError) as error:
        message = str(error)
        assert re.search(rf"\b{name}\b", message), message
        assert vars(estimator).keys() == before.keys()
        return
    assert np.isfinite(estimator.predict(X)).all()
    assert estimator.get_params(deep=False)[name] is value


@pytest.mark.parametrize(
    ("make", "name"), PARAMETERS, ids=lambda p: p if isinstance(p, str) else p.__name__
)
@pytest.mark.filterwarnings("ignore")
def test_any_value_of_a_parameter_works_or_is_refused_by_name(make, name, capsys):
    failures = []
    for label, value in VALUES.items():
        if (name, label) in TOO_MUCH:
            continue
        estimator = make(**{**SMALL, name: value})
        try:
            assert_works_or_names(estimator, name, value)
        except Exception as error:
            failures.append(f"{name}={label}: {type(error).__name__}: {error}"[:300])
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("make", [RNNClassifier, RNNRegressor])
@pytest.mark.filterwarnings("ignore")
def test_any_value_on_a_fitted_estimator_leaves_it_or_fits_it_anew(make):
    fitted = make(**SMALL).fit(X, Y)
    expected = fitted.predict(X)
    for name in inspect.signature(make).parameters:
        for value in ("nonsense", -1, np.nan, {}, object()):
            estimator = clone(fitted).fit(X, Y).set_params(**{name: value})
            try:
                estimator.fit(X, Y)
            except (ValueError, TypeError):
                estimator.set_params(**{name: fitted.get_params()[name]})
                np.testing.assert_array_equal(estimator.predict(X), expected)
            else:
                assert np.isfinite(estimator.predict(X)).all()
