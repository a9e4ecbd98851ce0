"""The estimators that write texts: any parameter, any X, any y."""

import inspect
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from test_fuzz import UNNAMED
from test_fuzz_parameters import TOO_MUCH, VALUES

from sklearn_rnn import (
    RaggedArray,
    RNNClassifier,
    RNNGenerator,
    RNNTranscriber,
    RNNTranslator,
)

TEXTS = ["ab", "b a", "abba", "ba", "a", "bb"]
STEPS = [np.eye(3)[["ab ".index(c) for c in t for _ in "123456"]] for t in TEXTS]
SMALL = {"hidden_size": 2, "max_epochs": 1, "batch_size": 3, "random_state": 0}
WRITERS = {
    RNNGenerator: (SMALL, (TEXTS,)),
    RNNTranslator: ({**SMALL, "max_length": 3}, (TEXTS, TEXTS[::-1])),
    RNNTranscriber: ({**SMALL, "conv_channels": 2}, (STEPS, TEXTS)),
}
KNOWN = inspect.signature(RNNClassifier).parameters.keys()
# seconds and gigabytes, not errors
SLOW = TOO_MUCH | {
    (name, "10 ** 30") for name in ("upsample", "beam_size", "max_length")
}
PARAMETERS = [
    (make, name)
    for make in WRITERS
    for name in inspect.signature(make).parameters
    if name not in KNOWN  # those are tried on the classifier
]


def use(estimator, X):
    """Write something with a fitted estimator, and return its log-likelihood."""
    if isinstance(estimator, RNNGenerator):
        estimator.sample(2, max_length=3, random_state=0)
        return estimator.score_samples(X)
    texts = estimator.predict(X)
    assert len(texts) == len(X)
    return estimator.score_samples(X, texts)


@pytest.mark.parametrize(
    ("make", "name"), PARAMETERS, ids=lambda p: p if isinstance(p, str) else p.__name__
)
@pytest.mark.filterwarnings("ignore")
def test_any_value_of_a_parameter_works_or_is_refused_by_name(make, name):
    settings, data = WRITERS[make]
    failures = []
    for label, value in VALUES.items():
        if (name, label) in SLOW:
            continue
        estimator = make(**{**settings, name: value})
        before = dict(vars(estimator))
        try:
            use(estimator.fit(*data), data[0])
        except (ValueError, TypeError) as error:
            if not re.search(rf"\b{name}\b", str(error)) or len(vars(estimator)) > len(
                before
            ):
                failures.append(f"{name}={label}: {error}"[:300])
        except Exception as error:
            failures.append(f"{name}={label}: {type(error).__name__}: {error}"[:300])
    assert not failures, "\n".join(failures)


# Containers of texts -----------------------------------------------------------------

CONTAINERS = {
    "tuple": tuple,
    "objects": lambda texts: np.array(texts, dtype=object),
    "array": np.array,
    "series": pd.Series,
    "strings of pandas": lambda texts: pd.Series(texts, dtype="string"),
    "categories": lambda texts: pd.Series(texts, dtype="category"),
    "index": pd.Index,
    "polars": pl.Series,
    "arrow": pa.array,
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("make", WRITERS)
@pytest.mark.filterwarnings("ignore:.* were cut")
def test_any_container_of_texts_gives_what_a_list_gives(make, container):
    settings, data = WRITERS[make]
    contained = [
        CONTAINERS[container](part) if isinstance(part[0], str) else part
        for part in data
    ]
    expected = make(**settings).fit(*data)
    estimator = make(**settings).fit(*contained)
    assert estimator.loss_curve_ == expected.loss_curve_
    np.testing.assert_array_equal(use(estimator, contained[0]), use(expected, data[0]))


# Anything ----------------------------------------------------------------------------

BAD = {
    "None": None,
    "a number": 3,
    "one text": "abc",
    "bytes": b"abc",
    "list of bytes": [b"ab"] * 6,
    "empty": [],
    "empty array": np.array([]),
    "a dict": dict.fromkeys("abcdef", "ab"),
    "a set": {"ab", "b"},
    "None among texts": [*TEXTS[:5], None],
    "NaN among texts": [*TEXTS[:5], np.nan],
    "NA among texts": pd.Series([*TEXTS[:5], pd.NA], dtype="string"),
    "a number among texts": [*TEXTS[:5], 3],
    "a list among texts": [*TEXTS[:5], ["a"]],
    "numbers": [1.5, 2.5, 3.5, 4.5, 5.5, 6.5],
    "NaN": [[np.nan]] * 6,
    "infinity": [[np.inf]] * 6,
    "complex": [[1j]] * 6,
    "negative ids": [[-1, 2]] * 6,
    "ids of 2 ** 62": [[2**62]] * 6,
    "text of lists": [["ab", "b"]] * 6,
    "mixed tokens": [["ab", 1]] * 6,
    "objects": [object()] * 6,
    "dates": np.array(["2020-01-01"] * 6, "M8[D]"),
    "frame of texts": pd.DataFrame({"a": TEXTS, "b": TEXTS}),
    "array of texts": np.array([TEXTS]).reshape(3, 2),
    "a generator": (text for text in TEXTS),
    "a function": len,
    "three dimensions": np.zeros((6, 2, 2)),
    "four dimensions": np.zeros((6, 2, 2, 1)),
    "no features": np.zeros((6, 2, 0)),
    "tensor": torch.zeros(6, 2),
    "ragged": RaggedArray(np.arange(12.0), np.arange(0, 13, 2)),
    "too few": TEXTS[:2],
    "empty texts": [""] * 6,
    "lone surrogates": ["\ud800a"] * 6,
    "NUL": ["a\0"] * 6,
    "empty ids": [np.array([], int)] * 6,
    "no floats": [np.array([])] * 6,
}


@pytest.mark.parametrize("place", ["X", "y"])
@pytest.mark.parametrize("make", WRITERS)
@pytest.mark.filterwarnings("ignore")
def test_whatever_comes_is_answered_or_refused_by_name(make, place):
    settings, data = WRITERS[make]
    failures = []
    for label, value in BAD.items():
        X, y = data[0], value
        if place == "X":
            X, y = value, data[1] if len(data) > 1 else None
        estimator = make(**settings)
        before = dict(vars(estimator))
        try:
            estimator.fit(X, y)
            scores = use(estimator, X) if make is not RNNGenerator or y is None else [0]
            assert not np.isnan(scores).any()
        except (ValueError, TypeError) as error:
            known = rf"\b{place}\b|texts|{UNNAMED}"
            if not re.search(known, str(error)) or vars(estimator) != before:
                failures.append(f"{label}: {type(error).__name__}: {error}"[:300])
        except Exception as error:
            failures.append(f"{label}: {type(error).__name__}: {error}"[:300])
    assert not failures, "\n".join(failures)
