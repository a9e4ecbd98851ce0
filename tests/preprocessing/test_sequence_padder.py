"""SequencePadder: padding, lengths, and the way back."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RaggedArray
from sklearn_rnn.preprocessing import SequencePadder

SIDES = pytest.mark.parametrize("side", ["right", "left"])


def loop(X, n_steps, value, side):
    result = []
    for x in X:
        padding = np.full((n_steps - len(x), x.shape[1]), value)
        result.append(np.vstack([x, padding] if side == "right" else [padding, x]))
    return np.array(result)


@SIDES
@pytest.mark.parametrize("value", [0.0, -1, np.nan])
def test_it_is_the_plain_loop(side, value, ragged):
    X, _ = ragged
    padder = SequencePadder(padding_value=value, padding_side=side)
    padded = padder.fit_transform(X)
    np.testing.assert_array_equal(padded, loop(X, padder.n_steps_, value, side))
    assert padded.dtype == np.float32
    assert list(padder.lengths(X)) == [len(x) for x in X]


@SIDES
def test_it_agrees_with_torch(side, ragged):
    X, _ = ragged
    expected = torch.nn.utils.rnn.pad_sequence(
        [torch.from_numpy(x) for x in X], batch_first=True, padding_side=side
    )
    padded = SequencePadder(padding_side=side).fit_transform(X)
    np.testing.assert_array_equal(padded, expected)


@SIDES
def test_the_inverse_gives_the_sequences_back(side, ragged):
    X, _ = ragged
    padder = SequencePadder(padding_side=side).fit(X)
    back = padder.inverse_transform(padder.transform(X), padder.lengths(X))
    assert isinstance(back, RaggedArray)
    assert list(back.lengths) == [len(x) for x in X]
    np.testing.assert_array_equal(back.values, np.concatenate(X))


def test_the_length_is_that_of_the_training_data(ragged):
    X, _ = ragged
    padder = SequencePadder().fit(X)
    assert padder.n_steps_ == max(map(len, X))
    assert padder.transform(X[:1]).shape == (1, padder.n_steps_, 2)
    assert SequencePadder(n_steps=30).fit_transform(X).shape == (40, 30, 2)


@pytest.mark.parametrize(
    ("truncation", "kept"), [("right", [0, 1, 2]), ("left", [2, 3, 4])]
)
@SIDES
def test_truncation_keeps_one_end(truncation, kept, side):
    X = [np.arange(5.0)[:, np.newaxis], np.array([[7.0], [8.0]])]
    padder = SequencePadder(n_steps=3, truncation=truncation, padding_side=side)
    padded = padder.fit_transform(X)[:, :, 0]
    np.testing.assert_array_equal(padded[0], kept)
    np.testing.assert_array_equal(
        padded[1], [7, 8, 0] if side == "right" else [0, 7, 8]
    )
    assert list(padder.lengths(X)) == [3, 2]


def test_nothing_is_cut_off_silently(ragged):
    X, _ = ragged
    longer = [*X[:3], np.zeros((50, 2))]
    with pytest.raises(ValueError, match=r"X\[3\] has 50 steps, more than the 12"):
        SequencePadder(n_steps=12).fit(X).transform(longer)
    with pytest.raises(ValueError, match=r"X\[3\] has 50 steps"):
        SequencePadder(n_steps=12).fit(longer)


def test_a_flat_model_follows(ragged):
    X, y = ragged
    model = make_pipeline(
        SequencePadder(n_steps=12, truncation="left"),
        FunctionTransformer(lambda array: array.reshape(len(array), -1)),
        LogisticRegression(),
    )
    assert model.fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize("container", ["array", "table"])
def test_three_dimensions_come_out(container, rng):
    X = rng.normal(size=(4, 3, 1) if container == "array" else (4, 3))
    assert SequencePadder(n_steps=5).fit_transform(X).shape == (4, 5, 1)


@pytest.mark.parametrize(
    "params",
    [
        {"n_steps": 0},
        {"padding_side": "before"},
        {"truncation": "error"},
        {"padding_value": "0"},
    ],
    ids=str,
)
def test_bad_parameters_are_named(params, ragged):
    with pytest.raises(ValueError, match=f"'{next(iter(params))}' parameter"):
        SequencePadder(**params).fit(ragged[0])


def test_lengths_that_do_not_fit_are_refused(ragged):
    X, _ = ragged
    padder = SequencePadder().fit(X)
    with pytest.raises(ValueError, match="lengths must be 40 integers"):
        padder.inverse_transform(padder.transform(X), [100] * 40)
