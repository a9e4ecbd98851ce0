"""Token ids as X."""

import re

import numpy as np
import pytest
from bad_input_tools import N_SAMPLES, refuses
from sklearn.base import clone

from sklearn_rnn import RaggedArray, RNNRegressor


@pytest.mark.parametrize(
    "value", [-1, 0.5, np.nan, np.inf, -np.inf, 1e19, 2.0**63], ids=str
)
def test_a_token_id_is_an_integer_from_0_on(estimator, ids, y, value):
    estimator.set_params(embedding_dim=2)
    X = ids.astype(type(value))
    X[17, 2] = value
    message = (
        r"With 'embedding_dim' X must be token ids: integers from 0 on\. "
        rf"X\[17\] has {re.escape(str(value))} at step 2"
    )
    for make in (np.array, list, RaggedArray.from_sequences):
        with refuses(message):
            clone(estimator).fit(make(X), y)
    estimator.fit(ids, y)
    with refuses(message):
        estimator.predict(X)


def test_a_token_id_too_large_for_int64_is_refused(estimator, ids, y):
    ids = ids.astype("u8")
    ids[17, 2] = 2**63
    with refuses(r"X\[17\] has 9223372036854775808 at step 2"):
        estimator.set_params(embedding_dim=2).fit(ids, y)


def test_token_ids_are_one_a_step(estimator, cube, ids, y):
    estimator.set_params(embedding_dim=2)
    with refuses("With 'embedding_dim' X must be token ids, one a step.*Got 3 feat"):
        estimator.fit(cube, y)
    estimator.fit(list(ids), y)
    with refuses("X has 3 features"):
        estimator.predict(cube)


def test_words_are_no_token_ids(estimator, y):
    estimator.set_params(embedding_dim=2)
    with refuses("must hold numbers.*put .*SequenceTokenizer in front"):
        estimator.fit([["to", "be"], ["or"]] * (N_SAMPLES // 2), y)


def test_token_ids_that_fit_did_not_see_share_one_embedding(estimator, ids, y):
    estimator.set_params(embedding_dim=2, max_epochs=5).fit(ids * 2, y)

    def answer(token):
        X = ids * 2
        X[:, 1] = token
        return estimator.predict(X) if y_is_number else estimator.predict_proba(X)

    y_is_number = isinstance(estimator, RNNRegressor)
    unseen = answer(3)  # between those seen, beyond them, beyond all of int32
    for token in (1, 9, 1000, 2**62):
        np.testing.assert_array_equal(answer(token), unseen)
    for token in (0, 2, 4, 6, 8):
        assert not np.array_equal(answer(token), unseen)
