"""Tensors as X, y and weights."""

import numpy as np
import pytest
import torch
from bad_input_tools import N_SAMPLES, refuses
from sklearn.base import clone

from sklearn_rnn import RaggedArray, RNNRegressor


def test_a_tensor_without_data_is_refused(estimator, y):
    with refuses(r"\bX\b.*meta"):
        estimator.fit(torch.zeros(N_SAMPLES, 4, 3, device="meta"), y)


def test_a_packed_sequence_is_sent_back_to_the_tensors_it_was_made_of(
    estimator, sequences, y
):
    tensors = [torch.tensor(x) for x in sequences]
    packed = torch.nn.utils.rnn.pack_sequence(tensors, enforce_sorted=False)
    with refuses("X is a PackedSequence. Pass the list of tensors"):
        estimator.fit(packed, y)
    estimator.fit(tensors, y)
    padded = torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    np.testing.assert_array_equal(
        estimator.predict(RaggedArray.from_padded(*padded)), estimator.predict(tensors)
    )


def test_a_tensor_of_targets_is_read_whatever_its_history(estimator, cube, y):
    expected = clone(estimator).fit(cube, y).predict(cube)
    target = torch.tensor(y)
    np.testing.assert_array_equal(estimator.fit(cube, target).predict(cube), expected)
    if isinstance(estimator, RNNRegressor):
        target = target.double().requires_grad_()
        actual = estimator.fit(cube, target).predict(cube)
        np.testing.assert_array_equal(actual, expected)


# One behaviour for X, y and weights -------------------------------------------------


def negated(array):
    """A view whose numbers have their sign in a bit of the tensor."""
    view = torch.complex(torch.zeros(array.shape), -torch.tensor(array).float())
    view = view.conj().imag
    assert view.is_neg()
    return view


READABLE = {
    "negative bit": negated,
    "gradient": lambda a: torch.tensor(a).float().requires_grad_(),
    "result of a computation": lambda a: 1.0 * torch.tensor(a).float().requires_grad_(),
    "bfloat16": lambda a: torch.tensor(a).bfloat16(),
    "float16": lambda a: torch.tensor(a).half(),
    "strided": lambda a: torch.tensor(a).repeat_interleave(2, 0)[::2],
    "list": lambda a: list(torch.tensor(a).float().requires_grad_()),
    "tuple of bfloat16": lambda a: tuple(torch.tensor(a).bfloat16()),
    "nested lists": lambda a: [list(x) if x.ndim else x for x in torch.tensor(a)],
}


@pytest.mark.parametrize("as_tensor", READABLE.values(), ids=READABLE)
def test_a_tensor_is_read_whatever_its_kind(estimator, cube, y, as_tensor):
    X = np.round(cube * 4) / 4  # as bfloat16 holds it
    weight = 1.0 + y
    expected = clone(estimator).fit(X, y, sample_weight=weight).predict(X)
    arguments = as_tensor(X), as_tensor(y), as_tensor(weight)
    fitted = estimator.fit(arguments[0], arguments[1], sample_weight=arguments[2])
    np.testing.assert_array_equal(fitted.predict(arguments[0]), expected)


UNREADABLE = {
    "complex": lambda a: torch.tensor(a + 0j),
    "conjugate": lambda a: torch.tensor(a + 0j).conj(),
    "meta": lambda a: torch.tensor(a).to("meta"),
    "sparse": lambda a: torch.tensor(a).to_sparse(),
    "quantized": lambda a: torch.quantize_per_tensor(
        torch.tensor(a).float(), 0.1, 0, torch.qint8
    ),
}


@pytest.mark.parametrize("as_tensor", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("name", ["X", "y", "sample_weight"])
@pytest.mark.filterwarnings("ignore:.*quantize")
def test_a_tensor_that_cannot_be_read_is_refused_by_name(
    estimator, cube, y, name, as_tensor
):
    arguments = {"X": cube, "y": y, "sample_weight": 1.0 + y}
    arguments[name] = as_tensor(arguments[name])
    with refuses(rf"\b{name}\b.*(complex|meta|dense|NumPy)"):
        estimator.fit(**arguments)
    assert not hasattr(estimator, "net_")


def test_a_ragged_array_reads_tensors(cube):
    tensor = torch.tensor(cube).float().reshape(-1, 3)
    expected = RaggedArray(tensor.numpy(), [0, 5, 80])
    for values in (tensor.clone().requires_grad_(), negated(tensor.numpy())):
        X = RaggedArray(values, torch.tensor([0, 5, 80]))
        np.testing.assert_array_equal(X.values, expected.values)
        np.testing.assert_array_equal(X.offsets, expected.offsets)
    X = RaggedArray.from_sequences([tensor.bfloat16()[:5], tensor.bfloat16()[5:]])
    np.testing.assert_array_equal(X.values, tensor.bfloat16().float())


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_complex_nested_tensor_is_named(estimator, y):
    sequences = [torch.ones(3, 1, dtype=torch.complex64) for _ in y]
    X = torch.nested.nested_tensor(sequences, layout=torch.jagged)
    with refuses("Complex data not supported: X is complex64"):
        estimator.fit(X, y)
