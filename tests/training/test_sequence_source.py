"""A SequenceSource in place of X: a block in memory at a time."""

import pickle
import re
import weakref
from itertools import pairwise

import numpy as np
import pytest

import sklearn_rnn
from sklearn_rnn import (
    RaggedArray,
    RNNClassifier,
    RNNRegressor,
    RNNStepRegressor,
    RNNTagger,
    SequenceSource,
)
from sklearn_rnn._sequences import TokenIds
from sklearn_rnn._training import _loader
from sklearn_rnn.preprocessing import GapEncoder

pytestmark = pytest.mark.filterwarnings("ignore:Maximum epochs")
N_SAMPLES = 60
OPTIONS = {
    "hidden_size": 4,
    "conv_channels": None,
    "batch_size": 10,
    "max_epochs": 2,
    "n_iter_no_change": 2,
    "random_state": 0,
}


class Parts(SequenceSource):
    """Data in memory, as blocks that begin at `limits`."""

    def __init__(self, X, y, sample_weight=None, *, limits=(0, N_SAMPLES)):
        self.data, self.limits = (X, y, sample_weight), limits

    def __len__(self):
        return len(self.limits) - 1

    def block(self, i):
        rows = slice(*self.limits[i : i + 2])
        return tuple(None if v is None else v[rows] for v in self.data)


def make_data():
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 9, N_SAMPLES)
    X = RaggedArray.from_sequences([rng.normal(5, 2, size=(n, 2)) for n in lengths])
    level = np.array([x[:, 0].mean() for x in X])
    steps = [np.cumsum(x[:, 0] - 5) for x in X]
    return {
        "X": X,
        "tokens": TokenIds(rng.zipf(1.6, (len(X.values), 1)) % 12, X.offsets),
        "weight": np.where(level > 8, 0, rng.uniform(0.1, 3, N_SAMPLES)),
        "classes": np.array(["a", "b", "c"])[np.digitize(level, [4.5, 5.5])],
        "labels": np.column_stack([level > 4.5, level > 5.5, level < 6]).astype(int),
        "numbers": level,
        "counts": np.abs(level).round(),
        "tags": [np.where(s > 0, "UP", "DOWN") for s in steps],
        "steps": steps,
        "step_counts": [np.abs(s).round() for s in steps],
    }


DATA = make_data()
CASES = {  # estimator, X and y
    "classes": (RNNClassifier(class_weight="balanced"), "X", "classes"),
    "labels": (RNNClassifier(class_weight="balanced"), "X", "labels"),
    "tokens": (RNNClassifier(dropout=0.3), "tokens", "classes"),
    "numbers": (RNNRegressor(), "X", "numbers"),
    "counts": (RNNRegressor(loss="poisson"), "X", "counts"),
    "tags": (RNNTagger(class_weight="balanced"), "X", "tags"),
    "crf": (RNNTagger(crf=True), "X", "tags"),
    "token tags": (RNNTagger(dropout=0.5), "tokens", "tags"),
    "steps": (RNNStepRegressor(), "X", "steps"),
    "step counts": (RNNStepRegressor(loss="poisson"), "X", "step_counts"),
}


def take(case, **options):
    """Return an estimator, X and y of a case."""
    estimator, X, y = CASES[case]
    params = {**estimator.get_params(), **OPTIONS, **options}
    return type(estimator)(**params), DATA[X], DATA[y]


def get_weights(estimator):
    return {k: w.numpy().copy() for k, w in estimator.module_.state_dict().items()}


# One block ----------------------------------------------------------------------------


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_one_block_equals_the_fit_in_memory_to_the_last_bit(case, early_stopping):
    estimator, X, y = take(case, early_stopping=early_stopping)
    estimator.fit(X, y, DATA["weight"])
    weights, curve = get_weights(estimator), estimator.loss_curve_
    scores = estimator.validation_scores_
    estimator.fit(Parts(X, y, DATA["weight"]))
    assert estimator.loss_curve_ == curve
    assert estimator.validation_scores_ == scores
    for name, weight in get_weights(estimator).items():
        np.testing.assert_array_equal(weight, weights[name], err_msg=name)


def test_few_samples_are_merged_as_in_memory():
    classifier, X, y = take("classes", batch_size=N_SAMPLES)
    expected = classifier.fit(X, y).predict_proba(X)
    classifier.fit(Parts(X, y, limits=(0, 20, N_SAMPLES)))
    np.testing.assert_array_equal(classifier.predict_proba(X), expected)


# Several blocks -----------------------------------------------------------------------

LIMITS = (0, 20, 30, N_SAMPLES)  # multiples of the batch size


def iterate_by_blocks(loader):
    """Do what `BatchLoader.__iter__` does, in the order of blocks."""
    dataset, random_state, batches = loader.dataset, loader.random_state, []
    for k in random_state.permutation(len(LIMITS) - 1):
        start, stop = LIMITS[k : k + 2]
        order = start + random_state.permutation(stop - start)
        batches += np.array_split(order, (stop - start) // 10)
    targets = dataset.split_targets(batches, loader.device)
    for rows, target in zip(batches, targets, strict=True):
        yield _loader.make_inputs(dataset.X, rows, loader.device), target


@pytest.mark.parametrize("case", [c for c in CASES if "token" not in c])
def test_blocks_train_like_their_order_in_memory(case, monkeypatch):
    estimator, X, y = take(case)
    weight = np.where(DATA["weight"] == 0, 1, DATA["weight"])
    estimator.fit(Parts(X, y, weight, limits=LIMITS))
    weights, curve = get_weights(estimator), estimator.loss_curve_
    monkeypatch.setattr(_loader.BatchLoader, "__iter__", iterate_by_blocks)
    estimator.fit(X, y, weight)
    np.testing.assert_allclose(curve, estimator.loss_curve_, rtol=1e-5)
    for name, expected in get_weights(estimator).items():
        np.testing.assert_allclose(
            weights[name], expected, rtol=1e-3, atol=1e-5, err_msg=name
        )


@pytest.mark.parametrize("case", CASES)
def test_blocks_are_validated_like_the_data_in_memory(case):
    """A network that hardly learns has the same scores: all else is the same."""
    still = {"early_stopping": True, "learning_rate": 1e-12, "dropout": 0.0}
    estimator, X, y = take(case, **still)
    expected = estimator.fit(X, y, DATA["weight"]).validation_scores_
    estimator.fit(Parts(X, y, DATA["weight"], limits=(0, 7, 40, N_SAMPLES)))
    np.testing.assert_allclose(estimator.validation_scores_, expected, rtol=1e-5)


@pytest.mark.parametrize("scoring", ["loss", "neg_mean_absolute_error"])
def test_any_score_is_that_of_the_data_in_memory(scoring):
    still = {"early_stopping": True, "learning_rate": 1e-12, "scoring": scoring}
    regressor, X, y = take("numbers", **still)
    expected = regressor.fit(X, y, DATA["weight"]).validation_scores_
    regressor.fit(Parts(X, y, DATA["weight"], limits=LIMITS))
    np.testing.assert_allclose(regressor.validation_scores_, expected, rtol=1e-5)


def test_classes_and_tokens_come_from_all_blocks():
    classifier, X, _ = take("tokens", batch_size=5)
    y = np.repeat(["a", "b", "c"], 20)
    expected = classifier.fit(X, y).module_.inputs.table.num_embeddings
    classifier.fit(Parts(X, y, limits=(0, 20, 40, 60)))
    assert classifier.classes_.tolist() == ["a", "b", "c"]
    assert classifier.module_.inputs.table.num_embeddings == expected


def test_samples_of_weight_0_are_left_out():
    regressor, X, y = take("numbers")
    weight = np.tile([0.0, 1.0], N_SAMPLES // 2)
    regressor.fit(Parts(X, y, weight, limits=LIMITS))
    expected = regressor.predict(X)
    rows = np.flatnonzero(weight)
    regressor.fit(Parts(X[rows], y[rows], limits=np.array(LIMITS) // 2))
    np.testing.assert_array_equal(regressor.predict(X), expected)


def test_two_blocks_are_in_memory_at_most():
    regressor, X, y = take("steps", early_stopping=True)
    alive = weakref.WeakSet()

    class Watched(Parts):
        def block(self, i):
            values = RaggedArray(X.values.copy(), X.offsets)
            assert len(alive) < 2
            alive.add(values)
            return values, y, None

    regressor.fit(Watched(X, y, limits=range(6)))


def test_a_fit_goes_on_from_a_checkpoint_of_the_same_blocks(tmp_path):
    regressor, X, y = take("numbers", checkpoint=tmp_path)
    expected = regressor.fit(Parts(X, y, limits=LIMITS)).predict(X)
    regressor.fit(Parts(X, y, limits=LIMITS))
    np.testing.assert_array_equal(regressor.predict(X), expected)
    assert len(list(tmp_path.iterdir())) == 1
    regressor.fit(Parts(X, y + 1, limits=LIMITS))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_warm_start_takes_a_source():
    regressor, X, y = take("numbers", warm_start=True)
    regressor.fit(Parts(X, y, limits=LIMITS)).fit(Parts(X, y, limits=LIMITS))
    assert regressor.n_iter_ == 4


# Sources on disk ----------------------------------------------------------------------


@pytest.mark.parametrize("case", ["classes", "steps"])
def test_saved_blocks_are_the_data(case, tmp_path):
    estimator, X, y = take(case)
    expected = estimator.fit(Parts(X, y, DATA["weight"], limits=LIMITS)).loss_curve_
    for name in ("X", "y", "weight"):
        (tmp_path / name).mkdir()
    for i, (start, stop) in enumerate(pairwise(LIMITS)):
        X[start:stop].save(tmp_path / "X" / str(i))
        own = y[start:stop]
        if case == "classes":
            np.save(tmp_path / "y" / f"{i}.npy", own)
        else:
            RaggedArray.from_sequences(own).save(tmp_path / "y" / str(i))
        np.save(tmp_path / "weight" / str(i), DATA["weight"][start:stop])
    folders = [tmp_path / name for name in ("X", "y", "weight")]
    source = pickle.loads(pickle.dumps(SequenceSource.from_saved(*folders)))
    assert isinstance(source.block(0)[0].values.base, np.memmap)
    np.testing.assert_allclose(estimator.fit(source).loss_curve_, expected, rtol=1e-12)
    lists = [sorted(folder.iterdir()) for folder in folders[:2]]
    assert len(SequenceSource.from_saved(*lists)) == 3
    with pytest.raises(ValueError, match="y must have an item for each of the 3 bloc"):
        SequenceSource.from_saved(lists[0], lists[1][:2])
    with pytest.raises(ValueError, match="X must name at least one folder"):
        SequenceSource.from_saved([], [])


@pytest.mark.parametrize("case", ["numbers", "tags"])
def test_row_groups_of_parquet_are_the_data(case, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    estimator, X, y = take(case)
    limits = (0, 20, 40, N_SAMPLES)
    data = Parts(X, y, DATA["weight"], limits=limits)
    expected = estimator.fit(data).loss_curve_
    columns = {"x": X.to_arrow(), "y": list(y), "w": DATA["weight"], "other": y}
    table = pyarrow.table(columns)
    parquet.write_table(table[:40], tmp_path / "1.parquet", row_group_size=20)
    parquet.write_table(table[40:], tmp_path / "2.parquet")
    names = {"X": "x", "y": "y", "sample_weight": "w"}
    source = SequenceSource.from_parquet(tmp_path, **names)
    assert len(source) == 3
    source = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(estimator.fit(source).loss_curve_, expected)
    file = tmp_path / "2.parquet"
    one = SequenceSource.from_parquet(file, X="x", y="y")
    assert len(one) == 1
    assert one.block(0)[2] is None
    with pytest.raises(ValueError, match=r"2.parquet' has no column 'z', but"):
        SequenceSource.from_parquet(file, X="z", y="y")
    with pytest.raises(ValueError, match="at least one row group"):
        SequenceSource.from_parquet([], X="x", y="y")


@pytest.mark.parametrize("n_values", [1, 9, 10**6])
def test_row_groups_are_decoded_in_parts(n_values, tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    place = "sklearn_rnn._sequences._stored_sources._MOST_VALUES"
    monkeypatch.setattr(place, n_values)
    lengths, rng = [3, 0, 5, 1, 0, 0, 2], np.random.default_rng(0)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    X = RaggedArray(rng.normal(size=(11, 2)).astype(np.float32), offsets)
    steps = RaggedArray(np.arange(11)[:, np.newaxis], offsets)
    labels = np.array(["up", "down", "up", "up", "", "down", "up"], object)
    columns = {"x.y": X.to_arrow(), "x": steps.to_arrow(), "label": labels}
    table = pyarrow.table(columns)
    parquet.write_table(table, tmp_path / "1.parquet", row_group_size=5)
    for y, expected in (("label", labels), ("x", steps)):
        source = SequenceSource.from_parquet(tmp_path / "1.parquet", X="x.y", y=y)
        for i, rows in enumerate((slice(0, 5), slice(5, None))):
            x, found, _ = source.block(i)
            for part, whole in ((x, X[rows]), (found, expected[rows])):
                assert part.dtype == whole.dtype
                assert len(part) == len(whole)
                for a, b in zip(part, whole, strict=True):
                    np.testing.assert_array_equal(a, b)


# Errors -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["y", "sample_weight", "groups"])
def test_what_the_blocks_have_is_no_argument(name):
    classifier, X, y = take("classes")
    values = {"y": None, name: np.ones(N_SAMPLES)}
    with pytest.raises(ValueError, match=f"{name} must be None if X is a SequenceSou"):
        classifier.fit(Parts(X, y), **values)


class Broken(Parts):
    """The second block is another one."""

    def __init__(self, X, y, second):
        super().__init__(X, y, limits=LIMITS)
        self.second = second

    def block(self, i):
        return self.second if i == 1 else super().block(i)


@pytest.mark.parametrize(
    ("second", "error", "message"),
    [
        (
            np.ones(3),
            TypeError,
            "X, y and sample_weight, which may be None. Got ndarray",
        ),
        (([[[1.0, 2.0]]], [0]), TypeError, "which may be None. Got tuple of 2 instead"),
        (([[[1.0]]], [0.0], None), ValueError, "X has 1 features, but RNNRegressor"),
        (([[[1.0, np.nan]]], [0.0], None), ValueError, r"X\[0\] has NaN at step 0"),
        (([[[1.0, 2.0]]], [np.nan], None), ValueError, "y contains NaN|y has NaN"),
        (([[[1.0, 2.0]]], [0, 1], None), ValueError, "inconsistent numbers of samples"),
        (([[[1.0, 2.0]]], [0], [0]), ValueError, "at least one non-zero number"),
        (([], [], None), ValueError, "Found (X|array) with 0 sample"),
        (([[[1.0, 2.0]]], [0], [-1]), ValueError, "Negative values in data passed to"),
    ],
)
def test_an_error_names_the_block(second, error, message):
    regressor, X, y = take("numbers")
    with pytest.raises(error, match=rf"^block\(1\): .*(?:{message})"):
        regressor.fit(Broken(X, y, second))
    assert not hasattr(regressor, "net_")


def test_a_block_that_changes_its_size_is_refused():
    regressor, X, y = take("numbers")
    source = Parts(X, y, limits=LIMITS)
    reads = []

    def block(i):
        reads.append(i)
        return Parts.block(source, i if len(reads) < 5 else 1)

    source.block = block
    with pytest.raises(ValueError, match=re.escape("samples with a weight above 0, ")):
        regressor.fit(source)


def test_a_source_without_blocks_is_refused():
    regressor, X, y = take("numbers")
    with pytest.raises(ValueError, match="without blocks"):
        regressor.fit(Parts(X, y, limits=(0,)))


def test_categories_of_dataframes_are_refused():
    pd = pytest.importorskip("pandas")
    pytest.importorskip("narwhals")
    frames = [pd.DataFrame({"a": pd.Categorical(["u", "v"])})] * 4
    with pytest.raises(ValueError, match="not DataFrames with columns of categories"):
        RNNClassifier(**OPTIONS).fit(Parts(frames, [0, 1, 0, 1], limits=(0, 2, 4)))


OTHERS = {
    "predict": lambda source, fitted: fitted.predict(source),
    "partial_fit": lambda source, fitted: fitted.partial_fit(source, DATA["numbers"]),
    "X_val": lambda source, fitted: fitted.fit(
        DATA["X"], DATA["numbers"], X_val=source, y_val=DATA["numbers"]
    ),
    "transformer": lambda source, _: GapEncoder().fit(source),
    "forecaster": lambda source, _: sklearn_rnn.RNNForecaster(horizon=2).fit(source),
    "detector": lambda source, _: sklearn_rnn.RNNAnomalyDetector().fit(source),
    "generator": lambda source, _: sklearn_rnn.RNNGenerator().fit(source),
    "transcriber": lambda source, _: sklearn_rnn.RNNTranscriber().fit(source, ["a"]),
    "translator": lambda source, _: sklearn_rnn.RNNTranslator().fit(source, ["a"]),
}


@pytest.fixture(scope="module")
def fitted():
    regressor, X, y = take("numbers")
    return regressor.fit(X, y)


@pytest.mark.parametrize("method", OTHERS)
def test_other_methods_say_what_to_pass(method, fitted):
    source = Parts(DATA["X"], DATA["numbers"], limits=LIMITS)
    with pytest.raises(TypeError, match=r"is a SequenceSource, which only fit of RNNC"):
        OTHERS[method](source, fitted)
