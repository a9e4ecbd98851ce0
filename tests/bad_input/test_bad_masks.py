"""Masked values are refused in every container."""

import numpy as np
from bad_input_tools import N_SAMPLES, refuses

from sklearn_rnn import RaggedArray


def test_masked_values_are_refused_and_not_read(estimator, cube, table, sequences, y):
    for X in (cube, table):
        with refuses("X has masked values"):
            estimator.fit(np.ma.masked_greater(X, 0.5), y)


def test_masked_values_in_a_list_are_refused_and_not_read(estimator, sequences, y):
    X = [np.ma.masked_greater(s, 0.5) for s in sequences]
    with refuses(r"X\[\d+\] has masked values"):
        estimator.fit(X, y)


def test_masked_values_in_a_ragged_array_are_refused_and_not_read(
    estimator, sequences, y
):
    X = RaggedArray.from_sequences(sequences)
    with refuses("masked values"):
        estimator.fit(RaggedArray(np.ma.masked_greater(X.values, 0.5), X.offsets), y)


def test_masked_values_do_not_vanish_on_the_way_into_a_ragged_array(
    regressor, sequences, y
):
    masked = [np.ma.masked_greater(s, 0.5) for s in sequences]
    with refuses("masked values"):
        regressor.fit(RaggedArray.from_sequences(masked), y)
    padded = np.ma.masked_greater(np.ones((N_SAMPLES, 3)), 0.5)
    with refuses("masked values"):
        regressor.fit(RaggedArray.from_padded(padded), y)
