"""Tensors as X, y and weights."""

import numpy as np
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
