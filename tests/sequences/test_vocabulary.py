"""Vocabulary: the row of an embedding for each token, category and character."""

import numpy as np
import pytest

from sklearn_rnn import RaggedArray
from sklearn_rnn._sequences import Vocabulary, _vocabulary, group_columns


def encode_slowly(fitted, given, characters):
    """Return the rows of the embeddings by a loop over all values."""
    known = {}
    for j in range(fitted.shape[1]):
        if j in characters:
            spelled = fitted[:, list(characters)]
            known[j] = sorted(set(spelled.ravel().tolist()) - {0})
        else:
            known[j] = sorted(set(fitted[:, j].tolist()))
    rows = np.zeros_like(given)
    for i, j in np.ndindex(*given.shape):
        value = int(given[i, j])
        row = known[j].index(value) + 1 if value in known[j] else 0
        if j in characters:
            row = row + 1 if value else 0
        rows[i, j] = row
    return rows


@pytest.mark.parametrize("at_a_time", [5, 1 << 18])
@pytest.mark.parametrize(
    "characters", [range(0), range(0, 3), range(1, 4), range(2, 5)]
)
def test_rows_agree_with_the_plain_loop(rng, monkeypatch, characters, at_a_time):
    monkeypatch.setattr(_vocabulary, "_AT_A_TIME", at_a_time)
    fitted, given = rng.integers(0, 9, (2, 12, 5))
    given[:4] += 3  # values that are new
    vocabulary = Vocabulary(
        [RaggedArray(fitted, [0, 5, 12])], range(5), characters if characters else None
    )
    rows = vocabulary.encode(RaggedArray(given, [0, 4, 4, 12]))
    np.testing.assert_array_equal(rows.values, encode_slowly(fitted, given, characters))
    assert rows.offsets.tolist() == [0, 4, 4, 12]


def test_words_without_characters_have_no_row():
    empty = RaggedArray(np.zeros((3, 2), int), [0, 3])
    vocabulary = Vocabulary([empty], range(2), range(2))
    assert [len(known) for known in vocabulary.known] == [0]
    rows = vocabulary.encode(RaggedArray([[7, 0]], [0, 1]))
    assert rows.values.tolist() == [[1, 0]]  # unknown, then the end


def test_characters_are_one_group_at_its_place():
    assert group_columns(range(5), range(1, 4)) == [[0], [1, 2, 3], [4]]
    assert group_columns([4, 2], None) == [[4], [2]]


@pytest.mark.parametrize("at_a_time", [1, 5, 1 << 18])
def test_sequences_of_a_value_are_counted_some_at_a_time(rng, monkeypatch, at_a_time):
    monkeypatch.setattr(_vocabulary, "_AT_A_TIME", at_a_time)
    lengths = [0, 3, 1, 0, 7, 2, 5]
    X = RaggedArray.from_sequences([rng.integers(1, 6, (n, 2)) for n in lengths])
    found = _vocabulary._list_values(X, [1], counts=True)
    seen = [set(x[:, 1].tolist()) for x in X]
    expected = {v: sum(v in own for own in seen) for v in sorted(set().union(*seen))}
    assert dict(zip(*map(np.ndarray.tolist, found), strict=True)) == expected
