"""What is wrong is refused: the message says where, what is accepted, what came."""

import inspect
import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone

from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor

SMALL = {
    "hidden_size": 2,
    "conv_channels": None,
    "bidirectional": False,
    "max_epochs": 1,
    "random_state": 0,
}
N_SAMPLES, N_STEPS, N_FEATURES = 20, 4, 3
MAKERS = [RNNClassifier, RNNRegressor]


@pytest.fixture(params=MAKERS, ids=lambda make: make.__name__)
def estimator(request):
    return request.param(**SMALL)


@pytest.fixture
def classifier():
    return RNNClassifier(**SMALL)


@pytest.fixture
def regressor():
    return RNNRegressor(**SMALL)


@pytest.fixture
def cube(rng):
    return rng.normal(size=(N_SAMPLES, N_STEPS, N_FEATURES))


@pytest.fixture
def table(rng):
    return rng.normal(size=(N_SAMPLES, N_STEPS))


@pytest.fixture
def sequences(cube):
    return [x[: 2 + i % 3].copy() for i, x in enumerate(cube)]


@pytest.fixture
def y():
    return np.arange(N_SAMPLES) % 2


def refuses(match, error=(ValueError, TypeError)):
    """Expect an error; `match` may begin anywhere, and . matches newlines."""
    return pytest.raises(error, match=f"(?s){match}")


# Values of X ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (np.nan, "NaN"),
        (np.inf, "infinity"),
        (-np.inf, "infinity"),
        (1e39, "a value too large for float32"),
        (-1e300, "a value too large for float32"),
    ],
)
def test_a_value_that_is_not_finite_is_named_with_its_place(
    estimator, cube, table, sequences, y, value, what
):
    bad_cube, bad_table, bad_list = cube.copy(), table.copy(), sequences
    bad_cube[17, 3, 2] = bad_table[17, 3] = value
    bad_list[17] = bad_cube[17]
    bad_list[19][:] = value  # the first one is named
    message = rf"^X\[17\] has {what} at step 3, feature "
    for X in (bad_cube, bad_list, RaggedArray.from_sequences(bad_list)):
        with refuses(message + r"2\b.*" + type(estimator).__name__):
            estimator.fit(X, y)
    with refuses(message + r"0\b"):
        estimator.fit(bad_table, y)
    estimator.fit(cube, y)
    with refuses(message + r"2\b"):
        estimator.predict(bad_cube)
    with refuses(message + r"2\b"):
        estimator.predict(bad_list)


def test_nan_in_a_part_of_a_ragged_array_is_counted_from_the_part(
    estimator, sequences, y
):
    sequences[7][1, 2] = np.nan
    X = RaggedArray.from_sequences(sequences)
    with refuses(r"X\[2\] has NaN at step 1, feature 2"):
        estimator.fit(X[5:], y[5:])
    estimator.fit(X[8:], y[8:])  # NaN outside the part does not matter


def test_infinities_that_cancel_out_are_found(estimator, cube, y):
    cube[3, 0, 0], cube[5, 1, 1] = np.inf, -np.inf
    with refuses(r"X\[3\] has infinity at step 0, feature 0"):
        estimator.fit(cube, y)


def test_the_largest_values_of_float32_are_no_infinity(regressor, cube, y):
    X = np.sign(cube) * np.finfo(np.float32).max
    assert np.isfinite(regressor.fit(X / 4, y).predict(X)).all()
    assert np.isfinite(regressor.fit(cube, y).predict(X)).all()


@pytest.mark.parametrize("size", [1e-45, 1e-40, 1e-30])
def test_the_smallest_values_of_float32_are_read(regressor, cube, y, size):
    X = (np.sign(cube) * size).astype("f4")
    assert np.isfinite(regressor.fit(X, y).predict(X)).all()
    X = X * (np.arange(N_SAMPLES) < 1).reshape(-1, 1, 1)  # nearly always 0
    assert np.isfinite(regressor.fit(X, y).predict(X)).all()


@pytest.mark.parametrize("make", [np.array, list], ids=["array", "list"])
def test_an_integer_too_large_for_any_float_is_refused(estimator, y, make):
    with refuses("X"):
        estimator.fit(make([[10**400, 1]] * N_SAMPLES), y)
    with refuses(r"X\[0\]"):
        estimator.fit([[10**400, 1], [1]] * (N_SAMPLES // 2), y)


@pytest.mark.parametrize("pooling", ["meanmax", "attention"])
def test_finite_values_give_no_nan_also_where_states_have_no_bound(
    classifier, rng, pooling
):
    X, y = rng.normal(size=(20, 80, 3)).astype("f4"), np.arange(20) % 3
    classifier.set_params(cell="rnn", nonlinearity="relu", pooling=pooling).fit(X, y)
    proba = classifier.predict_proba(X * np.float32(6e37))
    assert not np.isnan(proba).any()
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)


def test_a_huge_sequence_leaves_the_others_alone_to_the_last_bit(rng):
    X, y = rng.normal(size=(20, 12, 3)).astype("f4"), np.arange(20) % 2
    classifier = RNNClassifier(max_epochs=2, random_state=0).fit(X, y)
    expected = classifier.predict_proba(X)
    X[3] = 1e30
    proba = classifier.predict_proba(X)
    assert np.isfinite(proba).all()
    others = np.arange(20) != 3
    np.testing.assert_array_equal(proba[others], expected[others])


# Shapes of X ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "X",
    [
        [],
        (),
        np.zeros((0, 4)),
        np.zeros((0, 4, 3)),
        RaggedArray(np.zeros((0, 3)), [0]),
        RaggedArray(np.zeros((5, 3)), [2]),
        torch.zeros(0, 4, 3),
        pd.DataFrame(np.zeros((0, 4))),
    ],
    ids=lambda X: f"{type(X).__name__}{getattr(X, 'shape', '')}",
)
def test_no_sample_is_refused(estimator, cube, y, X):
    with refuses(r"0 sample\(s\).*minimum of 1 is required"):
        estimator.fit(X, np.array([]))
    with refuses(r"0 sample\(s\)|X is 2-D"):
        estimator.fit(cube, y).predict(X)


@pytest.mark.parametrize(
    ("shape", "missing"),
    [((20, 0), "feature|step"), ((20, 0, 3), "step"), ((20, 4, 0), "feature")],
)
def test_no_step_and_no_feature_are_refused(estimator, y, shape, missing):
    with refuses(rf"0 ({missing})\(s\) \(shape=\({', '.join(map(str, shape))}\)"):
        estimator.fit(np.zeros(shape), y)


def test_sequences_without_features_are_refused(estimator, y):
    with refuses(r"X\[0\] has 0 features"):
        estimator.fit([np.zeros((3, 0))] * N_SAMPLES, y)
    with refuses(r"X with 0 feature\(s\)"):
        estimator.fit(RaggedArray(np.zeros((20, 0)), np.arange(21)), y)


@pytest.mark.parametrize("as_ragged", [False, True])
def test_an_empty_sequence_is_named(estimator, cube, sequences, y, as_ragged):
    sequences[5] = sequences[5][:0]
    X = RaggedArray.from_sequences(sequences) if as_ragged else sequences
    with refuses(r"X\[5\] is an empty sequence; each needs at least one step"):
        estimator.fit(X, y)
    with refuses(r"X\[5\] is an empty sequence"):
        estimator.fit(cube, y).predict(X)
    with refuses(r"X\[1\] is an empty sequence"):
        estimator.fit([[1.0], []], [0, 1])


def test_a_sequence_of_other_features_is_named(estimator, sequences, y):
    sequences[5] = sequences[5][:, :2]
    with refuses(r"X\[5\] has 2 features, but X\[0\] has 3"):
        estimator.fit(sequences, y)
    sequences[5] = sequences[5][:, 0]
    with refuses(r"X\[5\] has 1 features, but X\[0\] has 3"):
        estimator.fit(sequences, y)


def test_other_features_at_predict_are_counted(estimator, cube, sequences, y):
    name = type(estimator).__name__
    estimator.fit(cube, y)
    message = f"X has 2 features, but {name} is expecting 3 features as input"
    for X in (cube[:, :, :2], [s[:, :2] for s in sequences]):
        with refuses(message):
            estimator.predict(X)
        assert "swapped" not in error_of(estimator.predict, X)


def error_of(function, *args):
    with pytest.raises((ValueError, TypeError)) as caught:
        function(*args)
    return str(caught.value)


def test_swapped_axes_are_recognised(estimator, cube, y):
    estimator.fit(cube, y)
    for X in (cube.transpose(0, 2, 1), [x.T for x in cube]):
        with refuses("X has 4 features.*expecting 3.*look swapped.*from_aeon"):
            estimator.predict(X)
    # a way out that the message names
    np.testing.assert_array_equal(
        estimator.predict(RaggedArray.from_aeon(cube.transpose(0, 2, 1))),
        estimator.predict(cube),
    )


def test_another_width_of_a_table_is_refused(estimator, cube, table, y):
    name = type(estimator).__name__
    estimator.fit(table, y)
    for X in (table[:, :3], pd.DataFrame(table[:, :3]), table[:, :3].tolist()):
        with refuses(f"X has 3 features, but {name} is expecting 4"):
            estimator.predict(X)
    with refuses(rf"X\[1\] has 3 steps, but {name} was fitted on a 2-D X of 4 steps"):
        estimator.predict([table[0], table[1, :3]])
    with refuses(f"X has sequences of 3 features, but {name} was fitted on a 2-D X"):
        estimator.predict(cube)


def test_a_table_is_refused_where_sequences_were_fitted(estimator, cube, table, y):
    estimator.fit(cube, y)
    for X in (table, pd.DataFrame(table), torch.from_numpy(table)):
        with refuses(r"X.*fitted on sequences of 3 features.*X\[np.newaxis\] or \[X\]"):
            estimator.predict(X)
    estimator.predict(cube[0][np.newaxis])  # as the message says
    estimator.predict([cube[0]])


def test_a_four_dimensional_array_is_refused(estimator, cube, y):
    with refuses(r"dim 4, of shape \(20, 4, 3, 1\).*X must be a 2-D array"):
        estimator.fit(cube[..., np.newaxis], y)
    with refuses(r"X\[0\] has 3 dimensions, of shape \(4, 3, 1\); it must have shape"):
        estimator.fit(list(cube[..., np.newaxis]), y)


@pytest.mark.parametrize(
    ("X", "came"),
    [
        (None, "None"),
        (3.0, r"scalar|float"),
        (np.array(3.0), r"scalar|0-?D|\(\)"),
        (torch.tensor(3.0), r"scalar|0-?D|\(\)"),
        (np.arange(3.0), r"1-?D|1 dimension|\(3,\)"),
        ([1, 2, 3], r"1-?D|1 dimension|\(3,\)"),
        (np.array([]), r"1-?D|1 dimension|\(0,\)"),
        (torch.arange(3.0), r"1-?D|1 dimension|\(3,\)"),
        (pd.Series([1.0, 2.0, 3.0]), r"Series"),
        ((x for x in [1, 2]), r"generator"),
        (object(), r"object"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_fewer_than_two_dimensions_is_refused(
    classifier, cube, table, y, X, came
):
    for message in (
        error_of(classifier.fit, X, y[:3]),
        error_of(clone(classifier).fit(table, y).predict, X),
        error_of(clone(classifier).fit(cube, y).predict, X),
    ):
        assert re.search(r"\bX\b", message), message
        assert re.search(came, message), message
        assert "is 2-D" not in message


# Types of X -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "X", ["abc", b"abc", {}, {"a": [1, 2]}, {1, 2}], ids=lambda X: repr(X)
)
def test_a_container_that_is_none_is_refused(estimator, cube, y, X):
    message = f"X must be .*RaggedArray.*Got {type(X).__name__} instead"
    with refuses(message, TypeError):
        estimator.fit(X, y)
    with refuses(message, TypeError):
        estimator.fit(cube, y).predict(X)


def test_complex_numbers_are_refused(estimator, cube, table, sequences, y):
    values = np.concatenate(sequences).astype(complex)
    offsets = np.cumsum([0, *map(len, sequences)])
    for X in (
        cube.astype(complex),
        torch.from_numpy(cube.astype("c8")),
        RaggedArray(values, offsets),
    ):
        with refuses("Complex data not supported: X is complex"):
            estimator.fit(X, y)
    with refuses(r"Complex data not supported: X\[0\] is complex"):
        estimator.fit([s.astype(complex) for s in sequences], y)


def test_a_complex_table_is_refused_by_name(estimator, table, y):
    with refuses("Complex data not supported: X is complex"):
        estimator.fit(table.astype(complex), y)


def test_complex_numbers_among_objects_are_refused(estimator, cube, table, y):
    """NumPy would drop their imaginary part, with no more than a warning."""
    for X in (cube, table):
        objects = np.array([np.complex64(v) for v in X.ravel()], dtype=object)
        with refuses("Complex data not supported.*X|X must hold numbers"):
            estimator.fit(objects.reshape(X.shape), y)


@pytest.mark.parametrize(
    "contain",
    [
        sparse.csr_array,
        sparse.coo_matrix,
        lambda a: [sparse.csr_array(a)] * N_SAMPLES,
        lambda a: torch.from_numpy(a).to_sparse(),
        lambda a: [torch.from_numpy(a).to_sparse()] * N_SAMPLES,
        lambda a: torch.from_numpy(a).to_sparse_csr(),
    ],
    ids=["csr", "coo", "list", "tensor", "tensors", "csr-tensor"],
)
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
def test_sparse_data_are_refused(estimator, table, y, contain):
    with refuses("Sparse data was passed for X, but dense data is required", TypeError):
        estimator.fit(contain(table), y)


@pytest.mark.parametrize(
    "contain",
    [
        lambda a: a.astype(str),
        lambda a: a.astype(str).astype(object),
        lambda a: a.astype(bytes),
        lambda a: a[:, :, 0].astype(str),
        lambda a: a[:, :, 0].astype(str).tolist(),
        lambda a: pd.DataFrame(a[:, :, 0]).astype(str),
        lambda a: pd.DataFrame({"a": a[:, 0, 0], "b": ["x"] * len(a)}),
        lambda a: pd.DataFrame({"a": pd.Categorical(["x", "y"] * (len(a) // 2))}),
        lambda a: np.full(a.shape, "2020-01-01", "M8[D]"),
        lambda a: np.full(a[:, :, 0].shape, 1, "m8[s]"),
    ],
    ids=[
        "array",
        "object",
        "bytes",
        "table",
        "lists",
        "frame",
        "mixed",
        "categories",
        "dates",
        "spans",
    ],
)
def test_what_is_no_number_is_refused(estimator, cube, y, contain):
    with refuses(r"X must hold numbers.*Got (strings|<U|\|S|datetime64|timedelta64)"):
        estimator.fit(contain(cube), y)


@pytest.mark.parametrize(
    "X",
    [
        [["ab"], ["c", "d"]],
        [np.array(["a"]), np.array([1.0])],
        [pd.DataFrame({"a": ["x"]}), pd.DataFrame({"a": ["x", "y"]})],
        [[["1", "2"]], [["3", "4"]]],
    ],
    ids=["words", "arrays", "frames", "nested"],
)
def test_strings_in_a_list_are_named(estimator, X):
    with refuses(r"X\[0\] must hold numbers"):
        estimator.fit(X, [0, 1])


def test_a_table_of_events_is_sent_to_the_sequence_builder(estimator):
    events = pd.DataFrame({"machine": ["a", "a", "b"], "load": [1.0, 2.0, 3.0]})
    with refuses("Got strings instead.*row for each step.*SequenceBuilder"):
        estimator.fit(events, [0, 0, 1])


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


@pytest.mark.parametrize("cell", [torch.nn.LSTM, torch.nn.Linear, dict])
def test_a_cell_that_takes_no_lengths_is_refused(estimator, sequences, y, cell):
    with refuses("'cell' parameter.*'lstm'.*that takes lengths.*sklearn_rnn.nn"):
        estimator.set_params(cell=cell).fit(sequences, y)


def test_scalars_among_sequences_are_named(estimator):
    with refuses(r"X\[0\] is not a sequence but 1;.*\(n_steps_i, n_features\)"):
        estimator.fit([1, 2, [3]], [0, 1, 0])
    with refuses(r"X\[2\] is not a sequence but None"):
        estimator.fit([[1], [2, 3], None], [0, 1, 0])
    with refuses(r"X\[1\] is not a sequence but 'ab'"):
        estimator.fit([[1], "ab", [2, 3]], [0, 1, 0])
    with refuses(r"X\[1\] is not a sequence but \{'a': 1\}"):
        estimator.fit([[1], {"a": 1}], [0, 1])


def test_steps_of_different_width_are_named(estimator):
    with refuses(r"X\[1\] is not an array of shape \(n_steps_i, n_features\)"):
        estimator.fit([[[1, 2]], [[1], [2, 3]]], [0, 1])


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


def test_a_tensor_without_data_is_refused(estimator, y):
    with refuses(r"\bX\b.*meta"):
        estimator.fit(torch.zeros(N_SAMPLES, 4, 3, device="meta"), y)


def test_before_fit_there_is_no_prediction(estimator, cube):
    with refuses(f"This {type(estimator).__name__} instance is not fitted yet"):
        estimator.predict(cube)


# Token ids --------------------------------------------------------------------------


@pytest.fixture
def ids(rng):
    return rng.integers(0, 5, (N_SAMPLES, N_STEPS))


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


# y ----------------------------------------------------------------------------------


def test_x_and_y_have_as_many_samples(estimator, cube, table, sequences, y):
    for X in (cube, table, sequences, RaggedArray.from_sequences(sequences)):
        with refuses(r"inconsistent numbers of samples: \[20, 5\]"):
            estimator.fit(X, y[:5])


@pytest.mark.parametrize("label", [0, 1.0, "a", True])
def test_one_class_is_too_few(classifier, cube, y, label):
    with refuses(f"^y has one class only, {label!r}.*at least 2 classes"):
        classifier.fit(cube, np.full(N_SAMPLES, label))


def test_one_class_of_those_that_count_is_too_few(classifier, cube, y):
    with refuses("^y has one class only, 1 .*weight 0"):
        classifier.fit(cube, y, sample_weight=y)


@pytest.mark.parametrize(
    ("value", "what"), [(np.nan, "NaN"), (np.inf, "infinity")], ids=str
)
def test_targets_that_are_not_finite_are_refused(estimator, cube, y, value, what):
    y = y.astype(float)
    y[3] = value
    with refuses(f"Input y contains {what}"):
        estimator.fit(cube, y)


def test_no_targets_are_refused(estimator, cube):
    with refuses(f"{type(estimator).__name__} .*requires y.*the target y is None"):
        estimator.fit(cube, None)


@pytest.mark.parametrize(
    "value", [3.0, "a", {0: 1}, iter(range(20))], ids=lambda v: type(v).__name__
)
def test_targets_that_are_no_sequence_are_refused(estimator, cube, value):
    with refuses("."):
        estimator.fit(cube, value)


def test_targets_of_three_dimensions_are_refused(estimator, cube):
    with refuses("dim 3.*dim <= 2"):
        estimator.fit(cube, np.zeros((N_SAMPLES, 2, 2)))


def test_targets_of_a_regressor_are_numbers(regressor, cube):
    with refuses(r"\by\b"):
        regressor.fit(cube, ["up", "down"] * (N_SAMPLES // 2))


def test_targets_of_a_classifier_are_no_continuous_numbers(classifier, cube, rng):
    with refuses("Unknown label type: continuous"):
        classifier.fit(cube, rng.normal(size=N_SAMPLES))


def test_several_columns_of_classes_are_refused(classifier, cube, y):
    with refuses(r"^y must be labels.*shape \(20, 2\).*MultiOutputClassifier"):
        classifier.fit(cube, np.column_stack([y * 2, y * 3]))


def test_a_tensor_of_targets_is_read_whatever_its_history(estimator, cube, y):
    expected = clone(estimator).fit(cube, y).predict(cube)
    target = torch.tensor(y)
    np.testing.assert_array_equal(estimator.fit(cube, target).predict(cube), expected)
    if isinstance(estimator, RNNRegressor):
        target = target.double().requires_grad_()
        actual = estimator.fit(cube, target).predict(cube)
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("scale", [1e160, 1e308])
def test_targets_of_any_size_are_predicted_or_refused_by_name(
    regressor, cube, y, scale
):
    try:
        assert np.isfinite(regressor.fit(cube, y * scale).predict(cube)).all()
    except ValueError as error:
        assert re.search(r"\by\b", str(error))


def test_counts_are_not_negative(regressor, cube, y):
    regressor.set_params(loss="poisson")
    with refuses("loss='poisson' needs y >= 0. Got -1 among the targets"):
        regressor.fit(cube, y - 1)


# Parameters -------------------------------------------------------------------------

BAD_PARAMETERS = {
    "cell": ["foo", 3, None, int],
    "nonlinearity": ["sigmoid", None],
    "hidden_size": [0, -1, 2.5, "8", None, (), (3, -1), (3, 1.5), [0], (3, "a")],
    "num_layers": [0, 2.0, None],
    "bidirectional": ["yes", None],
    "pooling": ["avg", None],
    "conv_channels": [0, -1, 1.5, "a", (), (3, 0), [2.5]],
    "conv_kernel_size": [0, 3.5, None],
    "conv_stride": [0, 1.5, None],
    "embedding_dim": [0, -1, 1.5, "a"],
    "dropout": [1, 1.5, -0.1, np.nan, None],
    "optimizer": ["foo", 3, None, int],
    "learning_rate": [0, -1, np.nan, np.inf, "fast", None],
    "learning_rate_schedule": ["step", 3],
    "weight_decay": [-1, np.nan, None],
    "max_grad_norm": [0, -1, np.nan],
    "batch_size": [0, -1, 1.5, "auto", None],
    "max_epochs": [0, 1.5, None],
    "tol": [-1, np.nan, None],
    "n_iter_no_change": [0, 1.5, None],
    "early_stopping": ["yes", None],
    "validation_fraction": [0, 1, 1.5, np.nan, None],
    "warm_start": ["yes", None],
    "device": ["gpu", "", 3, None, "meta"],
    "callbacks": [3, "a", [3]],
    "random_state": [-1, 1.5, "a"],
    "verbose": [-1, 1.5, "a"],
    "class_weight": ["foo", 3, {5: 1}, {0: -1, 1: 1}, {0: np.nan, 1: 1}],
    "loss": ["foo", None, 3],
    "quantile": [0, 1, 1.5, -0.5, np.nan, None],
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
    classifier.set_params(**{name: 3})
    with refuses(f"'{name}' parameter"):
        classifier.fit(cube, y)
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
        ("conv_stride", 2),
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


# Weights, groups, validation data ---------------------------------------------------


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(5), r"sample_weight.shape == \(5,\), expected \(20,\)"),
        (np.ones((20, 2)), "Sample weights must be 1D"),
        (np.r_[-1, np.ones(19)], "Negative values.*sample_weight"),
        (-np.ones(20), "Negative values.*sample_weight"),
        (-1.0, "Negative values.*sample_weight"),
        (np.zeros(20), "weights must contain at least one non-zero number"),
        (0.0, "weights must contain at least one non-zero number"),
        (np.r_[np.nan, np.ones(19)], "sample_weight contains NaN"),
        (np.r_[np.inf, np.ones(19)], "sample_weight contains infinity"),
        (["a"] * 20, "could not convert string"),
    ],
)
def test_bad_weights_are_refused(estimator, cube, y, weight, message):
    with refuses(message):
        estimator.fit(cube, y, sample_weight=weight)
    with refuses(message):
        estimator.fit(cube, y, X_val=cube, y_val=y, sample_weight_val=weight)
    options = {"classes": [0, 1]} if isinstance(estimator, RNNClassifier) else {}
    with refuses(message):
        estimator.partial_fit(cube, y, sample_weight=weight, **options)


@pytest.mark.parametrize("scale", [1e-320, 1e-100, 1e100, 1e308])
def test_weights_of_any_size_count_or_are_refused_by_name(estimator, cube, y, scale):
    weight = 1 + np.arange(N_SAMPLES) % 2 / 2
    expected = clone(estimator).fit(cube, y, sample_weight=weight).predict(cube)
    try:
        estimator.fit(cube, y, sample_weight=weight * scale)
    except ValueError as error:
        assert re.search("sample.weight", str(error))
    else:
        np.testing.assert_allclose(estimator.predict(cube), expected, rtol=1e-3)


@pytest.mark.parametrize("small", [1e-30, 1e-90, 1e-300])
def test_one_sample_may_outweigh_all_others(estimator, cube, y, small):
    """Also where the others, in units of its weight, have no deviation at all."""
    weight = np.r_[1.0, np.full(N_SAMPLES - 1, small)]
    prediction = estimator.fit(cube, y, sample_weight=weight).predict(cube)
    assert np.isfinite(prediction).all()


def test_groups_are_one_a_sample(estimator, cube, y):
    estimator.set_params(early_stopping=True)
    with refuses(r"inconsistent numbers of samples: \[20, 20, 5\]"):
        estimator.fit(cube, y, groups=np.arange(5))


def test_validation_data_need_both_parts(estimator, cube, y):
    with refuses(r"X_val and y_val belong together. Got no y_val"):
        estimator.fit(cube, y, X_val=cube)
    with refuses(r"X_val and y_val belong together. Got no X_val"):
        estimator.fit(cube, y, y_val=y)


def test_weights_of_no_validation_data_are_refused(estimator, cube, y):
    with refuses("sample_weight_val.*X_val"):
        estimator.fit(cube, y, sample_weight_val=np.ones(20))


def test_validation_data_are_checked(estimator, cube, y):
    with refuses(r"inconsistent numbers of samples: \[20, 5\]"):
        estimator.fit(cube, y, X_val=cube, y_val=y[:5])
    with refuses("X_val must have at least 2 samples. Got 1"):
        estimator.fit(cube, y, X_val=cube[:1], y_val=y[:1])
    with refuses("2 features.*expecting 3"):
        estimator.fit(cube, y, X_val=cube[:, :, :2], y_val=y)


def test_bad_validation_data_are_called_by_their_name(estimator, cube, y):
    bad = cube.copy()
    bad[7, 2, 1] = np.nan
    with refuses(r"X_val.*\[7\] has NaN at step 2, feature 1"):
        estimator.fit(cube, y, X_val=bad, y_val=y)
    with refuses("X_val has 2 features"):
        estimator.fit(cube, y, X_val=cube[:, :, :2], y_val=y)
    with refuses("y_val"):
        estimator.fit(cube, y, X_val=cube, y_val=np.full(N_SAMPLES, np.nan))


def test_labels_of_the_validation_data_were_seen(classifier, cube, y):
    with refuses(r"labels \[5, 6\].*not among the classes \[0, 1\]"):
        classifier.fit(cube, y, X_val=cube, y_val=y + 5)


# partial_fit and predict ------------------------------------------------------------


def test_partial_fit_holds_out_nothing(estimator, cube, y):
    estimator.set_params(early_stopping=True)
    with refuses("partial_fit does not support early_stopping=True"):
        estimator.partial_fit(cube, y)


def test_the_first_partial_fit_needs_the_classes(classifier, cube, y):
    with refuses("classes must be passed on the first"):
        classifier.partial_fit(cube, y)


def test_partial_fit_refuses_labels_that_were_not_announced(classifier, cube, y):
    with refuses(r"y has the labels \[1\], which are not among the classes \[0, 2\]"):
        classifier.partial_fit(cube, y, classes=[0, 2])
    classifier = clone(classifier).partial_fit(cube, y, classes=[0, 1])
    expected = classifier.predict_proba(cube)
    with refuses(r"y has the labels \[2\], which are not among the classes \[0, 1\]"):
        classifier.partial_fit(cube, y + 1)
    with refuses("classes=.*is not the same as on last call"):
        classifier.partial_fit(cube, y, classes=[0, 1, 2])
    np.testing.assert_array_equal(classifier.predict_proba(cube), expected)


def test_partial_fit_refuses_other_shapes_than_before(regressor, cube, y):
    regressor.partial_fit(cube, y)
    with refuses("X has 2 features, but RNNRegressor is expecting 3"):
        regressor.partial_fit(cube[:, :, :2], y)
    with refuses("y has 2 outputs, but RNNRegressor was fitted on 1"):
        regressor.partial_fit(cube, np.column_stack([y, y]))


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "quantile", "poisson"]
)
def test_only_the_gaussian_loss_has_a_deviation(regressor, cube, y, loss):
    regressor.set_params(loss=loss).fit(cube, y)
    with refuses(f"return_std=True needs loss='gaussian'. Got loss='{loss}'"):
        regressor.predict(cube, return_std=True)


def test_a_failed_fit_leaves_the_fitted_estimator_as_it_was(estimator, cube, y):
    expected = estimator.fit(cube, y).predict(cube)
    bad = cube.copy()
    bad[0, 0, 0] = np.nan
    with refuses("NaN"):
        estimator.fit(bad[:, :, :2], y)
    np.testing.assert_array_equal(estimator.predict(cube), expected)
