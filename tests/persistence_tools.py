"""Fitted estimators and pipelines of every kind that a file can hold, and their X."""

import warnings

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNGenerator,
    RNNRegressor,
    RNNStepRegressor,
    RNNTagger,
    RNNTranslator,
)
from sklearn_rnn.preprocessing import (
    GapEncoder,
    SequenceBuilder,
    SequenceFeatures,
    SequencePadder,
    SequenceTokenizer,
    Stepwise,
    WordAttributes,
)

TINY = {"hidden_size": 2, "conv_channels": None, "max_epochs": 2, "random_state": 0}
N_SAMPLES = 12
LENGTHS = [3, 5, 1, 4, 2, 6, 3, 5, 1, 4, 2, 6]
TEXTS = ["a good film", "not good !", "the end", "a bad , bad film", "why", "so so"] * 2


def make_X():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 2)) for n in LENGTHS]


def make_frames():
    kinds = pd.CategoricalDtype(["red", "green", "ünï"])
    rng = np.random.default_rng(0)
    return [
        pd.DataFrame(
            {
                "size": rng.normal(size=n),
                "colour": pd.Series(rng.choice(kinds.categories, n), dtype=kinds),
            }
        )
        for n in LENGTHS
    ]


def split_words():
    return [text.split() for text in TEXTS]


def classes(dtype=None):
    return np.array([0, 1] * (N_SAMPLES // 2)).astype(dtype or int)


def label_steps(kind="int"):
    rng = np.random.default_rng(1)
    if kind == "numbers":
        return [rng.normal(size=n) for n in LENGTHS]
    if kind == "two numbers":
        return [rng.normal(size=(n, 2)) for n in LENGTHS]
    if kind == "sets":
        return [rng.integers(0, 2, (n, 3)) for n in LENGTHS]
    if kind == "spans":
        return [["B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC"][:n] for n in LENGTHS]
    return [rng.integers(0, 3, n) for n in LENGTHS]


def sequences(estimator_class, y, X=None, **parameters):
    """Return a function that returns a fitted estimator and the X to predict."""

    def make():
        data = make_X() if X is None else X()
        model = estimator_class(**{**TINY, **parameters})
        return model.fit(data, y() if callable(y) else y), data

    return make


def pipeline(*steps, X=make_X, y=None):
    def make():
        data = X()
        model = make_pipeline(*steps, RNNClassifier(**TINY))
        return model.fit(data, classes() if y is None else y), data

    return make


def steps(transformer, X=make_X):
    return pipeline(Stepwise(transformer), X=X)


def with_gaps():
    X = make_X()
    X[0][0, 0] = np.nan
    return X


def of_categories():
    return [np.abs(x * 3).astype(int).astype(float) for x in make_X()]


def one_transformer(transformer, X=make_X):
    def make():
        data = X()
        return transformer.fit(data), data

    return make


def of_streams():
    X, y = make_X(), classes()
    model = RNNClassifier(**{**TINY, "optimizer": "rmsprop", "dropout": 0.5})
    for _ in range(3):
        model.partial_fit(X, y, classes=[0, 1, 7])
    return model, X


def of_shared_random_state():
    X = make_X()
    random_state = np.random.RandomState(3)
    return RNNClassifier(**{**TINY, "random_state": random_state}).fit(X, classes()), X


def of_validation():
    X, y = make_X(), classes()
    model = RNNClassifier(**TINY).fit(X, y, X_val=X, y_val=y)
    return model, X


def of_a_table():
    X = np.random.default_rng(0).normal(size=(N_SAMPLES, 7))
    X = pd.DataFrame(X).add_prefix("t")
    return RNNClassifier(**TINY).fit(X, classes()), X


def of_long_table():
    table = pd.concat(make_frames(), keys=range(N_SAMPLES), names=["id", "t"])
    table = table.reset_index()[["id", "t", "size"]]
    model = Pipeline(
        [
            ("build", SequenceBuilder("id", time="t")),
            ("none", "passthrough"),
            ("rnn", RNNClassifier(**TINY)),
        ]
    )
    return model.fit(table, classes()), table


def of_dicts():
    X = [[{"word": w, "length": len(w)} for w in text] for text in split_words()]
    return pipeline(Stepwise(DictVectorizer()), X=lambda: X)()


def of_changed_settings():
    """What is no part of the network may change after fit."""
    model, X = sequences(RNNClassifier, classes())()
    model.set_params(optimizer="sgd", weight_decay=0.5, max_epochs=7, dropout=0.3)
    return model, X


TOKENS = {"hidden_size": 3, "max_epochs": 2, "random_state": 0}


def generator(X, y=None, **parameters):
    """Return a function that returns a fitted generator and the X to score."""

    def make():
        return RNNGenerator(**{**TOKENS, **parameters}).fit(X, y), X

    return make


def translator(X, y, **parameters):
    def make():
        return RNNTranslator(**{**TOKENS, **parameters}).fit(X, y), X

    return make


def forecaster(n_features=1, **parameters):
    def make():
        X = np.random.default_rng(0).normal(size=(3, 60, n_features)).cumsum(axis=1)
        options = {"hidden_size": 3, "max_epochs": 2, "random_state": 0, "horizon": 2}
        return RNNForecaster(**{**options, "context": 8, **parameters}).fit(X), X

    return make


def notes():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 2, (n, 3)) for n in LENGTHS]


def ids():
    return [np.abs(x[:, 0] * 3).astype(int) for x in make_X()]


RNN, TAG = RNNClassifier, RNNTagger
DAYS = np.array(["2020-02-29", "1969-12-31"], "M8[D]")[classes()]
CASES = {
    **{f"cell {c}": sequences(RNN, classes(), cell=c) for c in ("rnn", "lstm")},
    "relu": sequences(RNN, classes(), cell="rnn", nonlinearity="relu"),
    "defaults": sequences(RNN, classes(), conv_channels=(4, 1)),
    "convolutions side by side": sequences(
        *(RNN, classes()),
        conv_channels=[4, 3],
        conv_kernel_size=((2, 3), 3),
        conv_stride=(1, 2),
        conv_pooling=True,
    ),
    "random kernels": sequences(RNN, classes(), conv_channels=3, random_kernels=9),
    "n-grams": sequences(RNN, classes(), ids, embedding_dim=3),
    "one direction, two layers": sequences(
        RNN, classes(), bidirectional=False, num_layers=2
    ),
    "sizes": sequences(RNN, classes(), hidden_size=[3, 2], pooling="attention"),
    **{f"{p}": sequences(RNN, classes(), pooling=p) for p in ("last", "mean", "max")},
    "str": sequences(RNN, np.array(["ja", "nein"])[classes()]),
    "wide str": sequences(RNN, np.array(["ja", "nein"], "U9")[classes()]),
    "objects": sequences(RNN, np.array(["ä", "\udc80"], object)[classes()]),
    **{f"{d} classes": sequences(RNN, classes(d)) for d in ("i1", "u8", "?", "f4")},
    "big-endian classes": sequences(RNN, classes(">i4")),
    "days": sequences(RNN, DAYS),
    "sets of labels": sequences(RNN, np.eye(3, dtype=int)[[0, 1, 2] * 4] | 1),
    "class_weight": sequences(
        RNN, classes(), class_weight={np.int64(0): 1.0, 1: np.float32(2.5)}
    ),
    "balanced": sequences(RNN, classes(), class_weight="balanced", optimizer="adamw"),
    "decay": sequences(RNN, classes(), weight_decay=0.1, optimizer="sgd"),
    "validation": of_validation,
    "early stopping": sequences(RNN, classes(), early_stopping=True, max_epochs=3),
    "partial_fit": of_streams,
    "RandomState": of_shared_random_state,
    "changed settings": of_changed_settings,
    "table": of_a_table,
    "regressor": sequences(RNNRegressor, classes() * 3.5),
    **{
        f"regressor {loss}": sequences(RNNRegressor, classes() + 1.5, loss=loss)
        for loss in ("absolute_error", "huber", "poisson", "gaussian", "quantile")
    },
    "quantiles": sequences(
        RNNRegressor, classes() + 1.5, loss="quantile", quantile=(0.1, 0.9)
    ),
    "regressor, random kernels": sequences(
        RNNRegressor, classes() * 3.5, conv_channels=3, random_kernels=9
    ),
    "two targets": sequences(RNNRegressor, np.c_[classes(), 2.0 * classes()]),
    "step regressor": sequences(RNNStepRegressor, lambda: label_steps("numbers")),
    "two targets a step": sequences(
        RNNStepRegressor, lambda: label_steps("two numbers")
    ),
    "tagger": sequences(TAG, label_steps),
    "tagger with stem": sequences(TAG, label_steps, conv_channels=3),
    "tagger of sets": sequences(TAG, lambda: label_steps("sets")),
    "crf": sequences(TAG, label_steps, crf=True),
    "scheme": sequences(TAG, lambda: label_steps("spans"), crf=True, scheme="iob2"),
    "scheme alone": sequences(TAG, lambda: label_steps("spans"), scheme="iob2"),
    "frames": sequences(RNN, classes(), X=make_frames),
    "mask": sequences(
        RNN, classes(), X=of_categories, categorical_features=np.array([True, False])
    ),
    "embedding": sequences(
        *(RNN, classes(), of_categories),
        categorical_features=[0, 1],
        embedding_dim=[1, 2],
    ),
    "texts": pipeline(SequenceTokenizer(min_count=2), X=lambda: TEXTS),
    "characters": pipeline(SequenceTokenizer("char"), X=lambda: TEXTS),
    "words": pipeline(SequenceTokenizer(level=None), X=split_words),
    "attributes of words": pipeline(WordAttributes(n_buckets=9), X=split_words),
    "spelled words": pipeline(
        WordAttributes(["lower", "characters"], n_characters=5), X=split_words
    ),
    "dicts": of_dicts,
    "long table": of_long_table,
    "gaps": pipeline(GapEncoder(), X=with_gaps),
    "gaps, linear": pipeline(
        GapEncoder(strategy="linear", add_mask=False), X=with_gaps
    ),
    "features": one_transformer(SequenceFeatures()),
    "padder": one_transformer(SequencePadder(n_steps=7)),
    "scaled by sequence": pipeline(Stepwise(StandardScaler(), fit_on="sequence")),
    "StandardScaler": steps(StandardScaler()),
    "no mean": steps(StandardScaler(with_mean=False, with_std=False)),
    "MinMaxScaler": steps(MinMaxScaler((-1, 1))),
    "MaxAbsScaler": steps(MaxAbsScaler()),
    "RobustScaler": steps(RobustScaler(with_centering=False)),
    "Normalizer": steps(Normalizer()),
    "Binarizer": steps(Binarizer(threshold=0.1)),
    "SimpleImputer": steps(SimpleImputer(add_indicator=True), X=with_gaps),
    "OneHotEncoder": steps(OneHotEncoder(handle_unknown="ignore"), X=of_categories),
    "rare categories": steps(
        OneHotEncoder(min_frequency=3, sparse_output=False), X=of_categories
    ),
    "drop": steps(OneHotEncoder(drop="first", dtype=np.float32), X=of_categories),
    "OrdinalEncoder": steps(OrdinalEncoder(), X=of_categories),
    "PCA": steps(PCA(1, random_state=0)),
    "PCA of all": steps(PCA()),
    "VarianceThreshold": steps(VarianceThreshold()),
    "QuantileTransformer": steps(QuantileTransformer(n_quantiles=5)),
    "PowerTransformer": steps(PowerTransformer()),
    "KBinsDiscretizer": steps(KBinsDiscretizer(3)),
    "PolynomialFeatures": steps(PolynomialFeatures(2)),
    "two transformers": pipeline(
        Stepwise(make_pipeline(StandardScaler(), PCA(2))), Stepwise(MinMaxScaler())
    ),
    "forecaster": forecaster(cell="lstm"),
    "forecaster in segments": forecaster(2, segment_length=4, scaling="robust"),
    "forecaster of quantiles": forecaster(
        quantiles=[0.1, 0.8], calibration_origins=20, early_stopping=True
    ),
    "forecaster with covariates": forecaster(
        3, target_features=[1], known_features=[0], scaling=None
    ),
    "generator": generator(TEXTS),
    "generator of words": generator(TEXTS, level="word", cell="lstm", max_tokens=9),
    "generator of classes": generator(
        TEXTS, np.array(["no", "yes"])[classes()], embedding_dim=2, truncate=4
    ),
    "generator, not tied": generator(
        TEXTS, tie_weights=False, early_stopping=True, dropout=0.2
    ),
    "generator of ids": generator(ids(), end_token=False),
    "generator of notes": generator(notes()),
    "translator": translator(TEXTS, [text[::-1] for text in TEXTS]),
    "translator of words": translator(
        TEXTS, TEXTS, level="char", target_level="word", tie_weights=True, num_layers=2
    ),
    "translator of ids": translator(ids(), [[3, -1], [4]] * 6, attention=False),
    "translator of numbers": translator(make_X(), [["a"], ["b", "a"]] * 6),
    "pandas": one_transformer(SequenceFeatures().set_output(transform="pandas")),
}


def answer(model, X):
    """Return everything that a model says about X, as arrays."""
    if isinstance(model, RNNGenerator):
        return answer_of_generator(model, X)
    if isinstance(model, RNNTranslator):
        return answer_of_translator(model, X)
    if isinstance(model, RNNForecaster):
        return answer_of_forecaster(model, X)
    methods = (
        *("predict", "predict_proba", "predict_log_proba", "predict_std"),
        *("transform", "hidden_states"),
    )
    return {
        name: _as_array(getattr(model, name)(X))
        for name in methods
        if hasattr(model, name)
    }


def answer_of_forecaster(model, X):
    known = model.known_features
    future = None if known is None else X[:, : model.horizon, known]
    answers = {"predict": model.predict(X, future), "score": np.array(model.score(X))}
    if model.quantiles is not None:
        answers["predict_quantiles"] = model.predict_quantiles(X, None, future)
    if model.calibration_origins:
        answers["predict_interval"] = np.array(model.predict_interval(X, 0.8, future))
    return answers


def answer_of_generator(model, X):
    y = None if model.classes_ is None else np.resize(model.classes_, len(X))
    samples = model.sample(len(X), y=y, max_length=9, random_state=0)
    return {
        "sample": _as_array(samples),
        "score_samples": model.score_samples(X, y),
        "predict_proba": model.predict_proba(X, y),
        "hidden_states": model.hidden_states(X, y).values,
    }


def answer_of_translator(model, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that predictions are cut
        found = model.predict(X)
    texts = np.array([str(one) for one in found])
    return {"predict": texts, "score_samples": model.score_samples(X, found)}


def _as_array(value):
    value = getattr(value, "values", value)  # of a RaggedArray or DataFrame
    value = np.asarray(value)
    if value.dtype == object and isinstance(value[0], np.ndarray):
        value = np.concatenate(list(value))
    return value.astype("U" if value.dtype == object else value.dtype.newbyteorder("="))
