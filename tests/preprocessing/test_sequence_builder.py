"""SequenceBuilder: long tables to sequences and back."""

import datetime as dt
import pickle
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from sklearn_rnn import RNNClassifier
from sklearn_rnn.preprocessing import SequenceBuilder

COLUMNS = {
    "id": ["b", "a", "a", "b", "b"],
    "t": [2, 1, 0, 0, 1],
    "x": [64, 71, 70, 62, 63],
    "on": [True, False, False, True, True],
    "kind": ["u", "u", "v", "v", "u"],
    "label": ["well", "ill", "ill", "well", "well"],
}
SEQUENCES = [[[70, 0], [71, 0]], [[62, 1], [63, 1], [64, 1]]]
LIBRARIES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}
UTC = dt.UTC
EAST = dt.timezone(dt.timedelta(hours=9))


@pytest.fixture(params=LIBRARIES)
def make(request):
    return LIBRARIES[request.param]


def lists(X):
    return [x.tolist() for x in X]


def feature(column):
    """Return the one sequence that a column of a table becomes."""
    n_rows = len(column)
    if isinstance(column, pd.Series):
        table = pd.DataFrame({"id": ["a"] * n_rows, "x": column})
    elif isinstance(column, pl.Series):
        table = pl.DataFrame({"id": ["a"] * n_rows, "x": column})
    else:
        table = pa.table({"id": ["a"] * n_rows, "x": column})
    whole = SequenceBuilder("id").fit_transform(table)
    named = SequenceBuilder("id", features=["x"]).fit_transform(table)
    assert_array_equal(whole.values, named.values)
    return whole.values.ravel()


# There ------------------------------------------------------------------------------


def test_rows_of_an_id_become_a_sequence_in_the_order_of_time(make):
    builder = SequenceBuilder("id", time="t")
    X = builder.fit_transform(make(COLUMNS))
    assert lists(X) == SEQUENCES
    assert X.dtype == np.float64
    assert builder.get_feature_names_out().tolist() == ["x", "on"]
    assert builder.n_features_in_ == 2
    assert builder.ids(make(COLUMNS)).tolist() == ["a", "b"]
    assert builder.targets(make(COLUMNS), "label").tolist() == ["ill", "well"]


def test_without_time_rows_keep_their_order(make):
    X = SequenceBuilder("id", features=["x"]).fit_transform(make(COLUMNS))
    assert lists(X) == [[[71], [70]], [[64], [62], [63]]]


def test_features_come_in_the_order_named(make):
    builder = SequenceBuilder("id", time="t", features=("on", "t", "x"))
    X = builder.fit_transform(make(COLUMNS))
    assert lists(X)[0] == [[0, 0, 70], [0, 1, 71]]
    assert builder.get_feature_names_out().tolist() == ["on", "t", "x"]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-3, 3), st.integers(-9, 9)), min_size=1, unique=True
    ),
    st.sampled_from([int, float, str, "category"]),
    st.sampled_from(sorted(LIBRARIES)),
)
def test_agrees_with_groupby_of_pandas(rows, kind, library):
    table = pd.DataFrame(rows, columns=["id", "t"])
    table["id"] = table["id"].astype(kind)
    table["x"] = np.arange(len(table)) / 2
    table["double"] = table["id"].astype(int) * 2
    native = table
    if library != "pandas":
        convert = {"polars": pl.from_pandas, "pyarrow": pa.Table.from_pandas}[library]
        native = convert(table.astype({"id": str} if kind == "category" else {}))
        table["id"] = table["id"].astype(str if kind == "category" else kind)
    builder = SequenceBuilder("id", time="t", features=["x", "t"])
    X = builder.fit_transform(native)
    groups = table.sort_values(["id", "t"]).groupby("id", observed=True)
    assert lists(X) == [g[["x", "t"]].to_numpy().tolist() for _, g in groups]
    assert builder.ids(native).tolist() == [key for key, _ in groups]
    y = builder.targets(native, "double")
    assert y.tolist() == groups["double"].first().tolist()


def test_order_of_rows_changes_nothing(rng):
    table = pd.DataFrame(
        {"id": np.repeat(np.arange(20), 5), "t": np.tile(np.arange(5), 20)}
    )
    table["x"] = rng.normal(size=100)
    shuffled = table.iloc[rng.permutation(100)]
    builder = SequenceBuilder("id", time="t")
    X = builder.fit_transform(shuffled)
    assert_array_equal(X.values, builder.transform(table).values)
    assert_array_equal(X.values, shuffled.sort_values(["id", "t"])[["x"]])


def test_new_tables_may_have_other_ids_and_columns(make):
    builder = SequenceBuilder("id", time="t").fit(make(COLUMNS))
    new = make({"t": [0], "on": [False], "id": ["c"], "x": [1.5], "more": [3]})
    assert lists(builder.transform(new)) == [[[1.5, 0]]]
    assert builder.ids(new).tolist() == ["c"]


def test_tables_of_one_library_may_follow_those_of_another():
    builder = SequenceBuilder("id", time="t").fit(pd.DataFrame(COLUMNS))
    for make in LIBRARIES.values():
        assert lists(builder.transform(make(COLUMNS))) == SEQUENCES


# Kinds of numbers -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([True, False]), [1, 0]),
        (pd.Series([True, None], dtype="boolean"), [1, np.nan]),
        (pd.Series([1, 2], dtype="uint8"), [1, 2]),
        (pd.Series([1, None], dtype="Int64"), [1, np.nan]),
        (pd.Series([1.5, None], dtype="float16"), [1.5, np.nan]),
        (pd.Series([1.5, None], dtype="Float32"), [1.5, np.nan]),
        (pd.Series([1.5, None], dtype="float64"), [1.5, np.nan]),
        (pd.Series([Decimal("1.5"), None], dtype=object), [1.5, np.nan]),
        (pd.Series([1, pd.NA], dtype=object), [1, np.nan]),
        (pd.Series([None, None], dtype=object), [np.nan, np.nan]),
        (pd.Series([1, None], dtype="int64[pyarrow]"), [1, np.nan]),
        (pd.Series(pd.arrays.SparseArray([0.0, 1.0])), [0, 1]),
        (pl.Series([True, None]), [1, np.nan]),
        (pl.Series([1, None]), [1, np.nan]),
        (pl.Series([1.5, float("nan"), None]), [1.5, np.nan, np.nan]),
        (pl.Series([Decimal("1.5"), None]), [1.5, np.nan]),
        (pl.Series([1, 2], dtype=pl.Int128), [1, 2]),
        (pl.Series([None, None]), [np.nan, np.nan]),
        (pa.array([True, None]), [1, np.nan]),
        (pa.array([1, None]), [1, np.nan]),
        (pa.array([np.float16(1.5), None], pa.float16()), [1.5, np.nan]),
        (pa.array([Decimal("1.5"), None]), [1.5, np.nan]),
        (pa.array([None, None]), [np.nan, np.nan]),
    ],
    ids=lambda c: str(getattr(c, "dtype", getattr(c, "type", ""))),
)
def test_numbers_of_all_kinds_become_floats(column, expected):
    values = feature(column)
    assert values.dtype.kind == "f"
    assert_array_equal(values, expected)


def test_float32_columns_stay_float32():
    table = pd.DataFrame({"id": [1], "x": np.float32([0.1]), "z": np.float32([0.5])})
    assert SequenceBuilder("id").fit_transform(table).dtype == np.float32
    table["z"] = 0.1
    assert SequenceBuilder("id").fit_transform(table).dtype == np.float64


@pytest.mark.parametrize(
    "column",
    [
        ["u", "v"],
        [1, "v"],
        [1j, 2j],
        pd.Categorical([1, 2]),
        pd.to_datetime(["2020", "2021"]),
        pd.period_range("2020", periods=2, freq="D"),
    ],
    ids=lambda c: str(getattr(c, "dtype", c)),
)
def test_other_columns_are_left_out_and_an_error_if_named(column):
    table = pd.DataFrame({"id": [1, 1], "x": [1.5, 2.5], "other": column})
    assert SequenceBuilder("id").fit_transform(table).n_features == 1
    with pytest.raises(ValueError, match=r"'other' must hold numbers .*OrdinalEncoder"):
        SequenceBuilder("id", features=["x", "other"]).fit(table)


def test_a_feature_that_becomes_text_is_named():
    builder = SequenceBuilder("id", features=["x"]).fit(pd.DataFrame(COLUMNS))
    with pytest.raises(ValueError, match="'x' must hold numbers to be a feature"):
        builder.transform(pd.DataFrame(COLUMNS).astype({"x": str}))


# Times ------------------------------------------------------------------------------

INSTANT = dt.datetime(2024, 3, 31, 0, 30, tzinfo=UTC)
STEPS = [dt.timedelta(minutes=m) for m in (60, 0, 30)]


@pytest.mark.parametrize(
    "times",
    [
        [60.0, -np.inf, 30.5],
        np.array([255, 0, 30], dtype="uint8"),
        pd.Series([60, 0, 30], dtype="Int64"),
        [Decimal("0.3"), Decimal("0.1"), Decimal("0.2")],
        [dt.date(2024, 3, 3), dt.date(2024, 3, 1), dt.date(2024, 3, 2)],
        [dt.datetime(2024, 3, 1) + s for s in STEPS],
        STEPS,
        [INSTANT + s for s in STEPS],
        # over the hour that a clock in Berlin jumps
        pd.Series([INSTANT + s for s in STEPS]).dt.tz_convert("Europe/Berlin"),
        # by the clock on the wall, the last one is the latest
        pd.Series(
            [INSTANT + STEPS[0], INSTANT, (INSTANT + STEPS[2]).astimezone(EAST)],
            dtype=object,
        ),
    ],
    ids=lambda t: type(t[0]).__name__,
)
def test_times_of_all_kinds_sort(times):
    x = [3, 1, 2]
    table = pd.DataFrame({"id": ["a"] * 3, "t": times, "x": x})
    native = [table]
    if table["t"].dtype != object:
        native += [pl.from_pandas(table), pa.Table.from_pandas(table)]
    for X in native:
        assert lists(
            SequenceBuilder("id", time="t", features=["x"]).fit_transform(X)
        ) == [[[1], [2], [3]]]


def test_time_of_a_clock_is_compared_across_zones(make):
    """The same instants, in Tokyo and in UTC, are the same sequences."""
    instants = [INSTANT + s for s in STEPS]
    X = [
        SequenceBuilder("id", time="t", features=["t", "x"]).fit_transform(
            make({"id": ["a"] * 3, "t": times, "x": [3, 1, 2]})
        )
        for times in (instants, [i.astimezone(EAST) for i in instants])
    ]
    assert lists(X[0]) == lists(X[1]) == [[[0, 1], [1800, 2], [3600, 3]]]


def test_times_with_and_without_a_zone_have_no_order():
    times = pd.Series([INSTANT, INSTANT.replace(tzinfo=None)], dtype=object)
    table = pd.DataFrame({"id": ["a", "a"], "t": times, "x": [1, 2]})
    with pytest.raises(
        ValueError, match=r"a time zone \(row 0\) and without \(row 1\)"
    ):
        SequenceBuilder("id", time="t").fit_transform(table)


@pytest.mark.parametrize("times", [["10:00", "9:00"], [True, False], [1, "2"]])
def test_times_that_are_none_are_an_error(times):
    table = pd.DataFrame({"id": ["a", "a"], "t": times, "x": [1, 2]})
    with pytest.raises(ValueError, match="'t' must hold numbers, dates or durations"):
        SequenceBuilder("id", time="t").fit_transform(table)


def test_dates_as_a_feature_are_seconds_since_the_first_step():
    day = dt.datetime(2024, 1, 1)
    table = pd.DataFrame(
        {
            "id": ["b", "a", "b", "a"],
            "t": [day + dt.timedelta(seconds=s) for s in (90, 7.5, 30, 5)],
        }
    )
    builder = SequenceBuilder("id", time="t", features=["t"])
    assert lists(builder.fit_transform(table)) == [[[0], [2.5]], [[0], [60]]]
    table["t"] -= day
    assert lists(builder.fit_transform(table)) == [[[5], [7.5]], [[30], [90]]]


def test_duplicate_times_are_an_error_that_says_what_to_do(make):
    columns = {"id": ["a", "b", "b", "b"], "t": [1, 2, 1, 2], "x": [1.0, 2, 3, 4]}
    message = r"Sequence 'b' has two rows at time 2: rows 1 and 3, .* 1 such pair"
    with pytest.raises(ValueError, match=message):
        SequenceBuilder("id", time="t").fit_transform(make(columns))
    with pytest.raises(ValueError, match="sort X yourself and set time=None"):
        SequenceBuilder("id", time="t").fit_transform(make(columns))
    assert len(SequenceBuilder("id").fit_transform(make(columns))[1]) == 3


# What is missing --------------------------------------------------------------------


@pytest.mark.parametrize("column", ["id", "t"])
def test_rows_without_id_or_time_are_an_error(make, column):
    columns = COLUMNS | {column: [*COLUMNS[column][:-1], None]}
    with pytest.raises(ValueError, match=rf"'{column}' is missing in 1 row\(s\), .*4"):
        SequenceBuilder("id", time="t").fit_transform(make(columns))


def test_nan_is_a_missing_time_in_polars_too():
    table = pl.DataFrame({"id": [1, 1], "t": [1.0, float("nan")], "x": [1, 2]})
    with pytest.raises(ValueError, match="'t' is missing in 1 row"):
        SequenceBuilder("id", time="t").fit_transform(table)


def test_empty_tables_are_an_error(make):
    empty = make({"id": [], "x": []})
    with pytest.raises(ValueError, match=r"0 row\(s\) while a minimum of 1"):
        SequenceBuilder("id").fit(empty)


@pytest.mark.parametrize(
    "builder",
    [
        SequenceBuilder("no"),
        SequenceBuilder("id", time="no"),
        SequenceBuilder("id", features=["x", "no"]),
    ],
)
def test_wrong_column_names_are_an_error(make, builder):
    with pytest.raises(
        ValueError, match=r"no column 'no'. Its columns are \['id', 't'"
    ):
        builder.fit(make(COLUMNS))


def test_columns_gone_at_transform_are_an_error():
    builder = SequenceBuilder("id", time="t").fit(pd.DataFrame(COLUMNS))
    for name in ("id", "t", "on"):
        with pytest.raises(ValueError, match=f"no column '{name}'"):
            builder.transform(pd.DataFrame(COLUMNS).drop(columns=name))


def test_an_index_is_no_column():
    table = pd.DataFrame(COLUMNS).set_index(["id", "t"])
    with pytest.raises(ValueError, match=r"X.reset_index\(\) makes it one"):
        SequenceBuilder("id").fit(table)


@pytest.mark.parametrize(
    ("X", "got"),
    [
        (np.zeros((3, 2)), "ndarray"),
        ([[1, 2]], "list"),
        (COLUMNS, "dict"),
        (None, "NoneType"),
        (pd.Series([1]), "Series"),
        (pl.LazyFrame(COLUMNS), r"LazyFrame instead. Collect it first"),
    ],
)
def test_what_is_no_table_is_an_error(X, got):
    with pytest.raises(TypeError, match=f"DataFrame of pandas or polars .* Got {got}"):
        SequenceBuilder("id").fit(X)


def test_names_of_columns_are_strings():
    with pytest.raises(TypeError, match=r"must be strings, .*Got 0 in \[0, 1\]"):
        SequenceBuilder("id").fit(pd.DataFrame(np.zeros((2, 2))))


def test_ids_of_mixed_types_are_an_error():
    table = pd.DataFrame({"id": [1, "a"], "x": [1, 2]})
    with pytest.raises(ValueError, match="'id' has ids that cannot be sorted"):
        SequenceBuilder("id").fit_transform(table)


@pytest.mark.parametrize("features", [["x", "x"], ["id", "x"]])
def test_features_are_distinct_and_without_the_id(features):
    with pytest.raises(ValueError, match="'features' parameter of SequenceBuilder"):
        SequenceBuilder("id", features=features).fit(pd.DataFrame(COLUMNS))


@pytest.mark.parametrize("features", [[], None])
def test_no_feature_is_an_error(features):
    table = pd.DataFrame({"id": [1], "kind": ["u"]})
    with pytest.raises(ValueError, match=r"No numeric column is left .*'kind'"):
        SequenceBuilder("id", features=features).fit(table)


@pytest.mark.parametrize("parameters", [{"id": 3}, {"time": 3}, {"features": "x"}])
def test_bad_parameters_are_named(parameters):
    (name,) = parameters
    builder = SequenceBuilder("id").set_params(**parameters)
    with pytest.raises(ValueError, match=f"'{name}' parameter of SequenceBuilder"):
        builder.fit(pd.DataFrame(COLUMNS))


def test_without_narwhals_the_error_says_how_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "narwhals.stable.v2", None)
    with pytest.raises(ImportError, match=r"pip install 'sklearn-rnn\[dataframe\]'"):
        SequenceBuilder("id").fit(pd.DataFrame(COLUMNS))


def test_not_fitted():
    table = pd.DataFrame(COLUMNS)
    for use in (
        lambda b: b.transform(table),
        lambda b: b.targets(table, "label"),
        lambda b: b.to_frame(SEQUENCES),
        lambda b: b.get_feature_names_out(),
    ):
        with pytest.raises(NotFittedError):
            use(SequenceBuilder("id"))


# Targets ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.5, 0.5, 0.5], [0.5, 1.5]),
        ([True, False, False], [False, True]),
        ([7, 3, 3], [3, 7]),
        ([Decimal("1.5"), Decimal("0.5"), Decimal("0.5")], [0.5, 1.5]),
    ],
)
def test_targets_of_all_kinds(make, values, expected):
    table = make({"id": ["b", "a", "a"], "x": [1, 2, 3], "y": values})
    y = SequenceBuilder("id", features=["x"]).fit(table).targets(table, "y")
    assert y.tolist() == expected
    assert y.dtype != object


def test_a_target_that_changes_names_the_sequence(make):
    columns = COLUMNS | {"label": ["well", "ill", "ill", "well", "dead"]}
    builder = SequenceBuilder("id").fit(make(columns))
    message = "not constant in sequence 'b': it has 'well' and 'dead'"
    with pytest.raises(ValueError, match=message):
        builder.targets(make(columns), "label")


def test_missing_targets_are_an_error(make):
    columns = COLUMNS | {"label": ["well", "ill", None, "well", "well"]}
    builder = SequenceBuilder("id").fit(make(columns))
    with pytest.raises(ValueError, match=r"'label' is missing in 1 row\(s\)"):
        builder.targets(make(columns), "label")


def test_a_target_among_the_features_is_an_error(make):
    builder = SequenceBuilder("id").fit(make(COLUMNS))
    with pytest.raises(ValueError, match="the target would leak"):
        builder.targets(make(COLUMNS), "on")


# And back ---------------------------------------------------------------------------


def test_to_frame_is_of_the_library_of_fit(make):
    builder = SequenceBuilder("id", time="t")
    X = builder.fit_transform(make(COLUMNS))
    table = builder.to_frame(X, ids=builder.ids(make(COLUMNS)))
    assert type(table) is type(make(COLUMNS))
    expected = make(
        {
            "id": ["a", "a", "b", "b", "b"],
            "t": [0, 1, 0, 1, 2],
            "x": [70.0, 71.0, 62.0, 63.0, 64.0],
            "on": [0.0, 0.0, 1.0, 1.0, 1.0],
        }
    )
    assert table.equals(expected)


@pytest.mark.parametrize("time", [None, "t"])
@pytest.mark.parametrize("features", [["x"], ["x", "t"]])
def test_there_and_back_is_the_same(make, time, features):
    builder = SequenceBuilder("id", time=time, features=features)
    X = builder.fit_transform(make(COLUMNS))
    for ids in (None, builder.ids(make(COLUMNS)), np.array(["k", "l"]), [0.5, 1.5]):
        again = builder.transform(builder.to_frame(X, ids))
        assert_array_equal(again.values, X.values)
        assert_array_equal(again.offsets, X.offsets)


def test_to_frame_takes_lists_and_arrays():
    builder = SequenceBuilder("id", features=["x", "on"]).fit(pd.DataFrame(COLUMNS))
    ragged = builder.to_frame(SEQUENCES)
    assert ragged["id"].tolist() == [0, 0, 1, 1, 1]
    assert builder.to_frame(np.zeros((2, 3, 2))).shape == (6, 3)


@pytest.mark.parametrize(
    ("X", "ids", "message"),
    [
        ([[[1.0]]], None, "X has 1 features, but SequenceBuilder is expecting 2"),
        (SEQUENCES, ["a"], "inconsistent numbers of samples"),
        (SEQUENCES, ["a", "a"], "ids must be distinct"),
    ],
)
def test_to_frame_of_other_sequences_is_an_error(X, ids, message):
    builder = SequenceBuilder("id", features=["x", "on"]).fit(pd.DataFrame(COLUMNS))
    with pytest.raises(ValueError, match=message):
        builder.to_frame(X, ids)


# In scikit-learn --------------------------------------------------------------------


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_estimator_tags_renamed,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_mixin_order,
        estimator_checks.check_param_validation,
        estimator_checks.check_set_params,
        estimator_checks.check_valid_tag_types,
    ],
    ids=lambda check: check.__name__,
)
def test_checks_of_scikit_learn_that_need_no_array(check):
    check("SequenceBuilder", SequenceBuilder("id"))


def test_clone_and_pickle():
    builder = SequenceBuilder("id", time="t").fit(pl.DataFrame(COLUMNS))
    again = pickle.loads(pickle.dumps(builder))
    assert again.to_frame(SEQUENCES).equals(builder.to_frame(SEQUENCES))
    assert not hasattr(clone(builder), "feature_names_in_")


@pytest.fixture
def visits(rng):
    """Twelve patients of four clinics, with three to six rows each."""
    lengths = rng.integers(3, 7, 12)
    number = np.repeat(np.arange(12), lengths)
    table = pd.DataFrame({"patient": number, "clinic": number % 4, "ill": number % 2})
    table["day"] = np.arange(len(table))
    table["pulse"] = rng.normal(size=len(table)) + 3 * table["ill"]
    return table.iloc[rng.permutation(len(table))]


def test_sequences_targets_and_groups_line_up_in_cross_validation(visits):
    builder = SequenceBuilder("patient", time="day", features=["pulse"])
    X, y = builder.fit_transform(visits), builder.targets(visits, "ill")
    groups = builder.targets(visits, "clinic")
    assert_array_equal(groups, builder.ids(visits) % 4)
    classifier = RNNClassifier(hidden_size=4, conv_channels=4, random_state=0)
    scores = cross_val_score(
        classifier, X, y, groups=groups, cv=GroupKFold(4), error_score="raise"
    )
    assert scores.mean() > 0.9


def test_a_pipeline_predicts_for_a_table_but_cannot_be_split(visits):
    builder = SequenceBuilder("patient", time="day", features=["pulse"])
    classifier = RNNClassifier(hidden_size=4, conv_channels=4, random_state=0)
    X, y = builder.fit_transform(visits), builder.targets(visits, "ill")
    model = make_pipeline(builder, classifier.fit(X, y))
    new = visits[visits["patient"] > 9]
    assert_array_equal(model.predict(new), y[10:])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        cross_val_score(model, visits, y)


# Real tables ------------------------------------------------------------------------


def test_engines_are_those_of_groupby(shared_data):
    path = shared_data / "cmapss_fd001" / "train_FD001.txt.gz"
    table = pd.read_csv(
        path, sep=r"\s+", header=None, na_values=["'N/A'", "NAN"]
    ).add_prefix("c")
    builder = SequenceBuilder("c0", time="c1")
    X = builder.fit_transform(table.sample(frac=1, random_state=0))
    assert (len(X), X.n_features) == (100, 24)
    engines = [engine.iloc[:, 2:] for _, engine in table.groupby("c0")]
    assert_array_equal(X.values, pd.concat(engines))
    back = builder.to_frame(X, builder.ids(table))
    assert_array_equal(back["c1"] + 1, table["c1"])
