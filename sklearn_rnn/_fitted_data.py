"""What a fitted estimator has learned from X and y, as plain values, and back."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from sklearn_rnn._defaults import resolve, suggest_conv_channels
from sklearn_rnn._forecasting import (
    Calibration,
    LinearForecast,
    Shape,
    WindowEncoder,
)
from sklearn_rnn._sequences import CategoryEncoder, RaggedArray, Vocabulary
from sklearn_rnn._targets import CLASSES, check_classes
from sklearn_rnn._training_data import TrainingData
from sklearn_rnn.utils import (
    ANYTHING,
    BOOL,
    COUNT,
    FEATURE_NAMES,
    NUMBER,
    TEXT,
    Kind,
    list_of,
    may_lack,
    optional,
    read_state,
)

_MOST_FEATURES = 2**16  # without a weight of their own, of what a file may claim
_MOST_CHARACTERS = 2**12
_CHARACTERS = Kind(
    f"the first of up to {_MOST_CHARACTERS} columns of tokens, and the one after them",
    lambda v, s: (
        list_of(COUNT).fits(v, s)
        and len(v) == 2
        and 1 < v[1] - v[0] <= _MOST_CHARACTERS
        and v[1] <= s["n_features_in_"]
        and s["reads_tokens"]
    ),
)
_LENGTH = Kind("an int above 0", lambda v, s: type(v) is int and v > 0)
_FINITE = Kind(
    "an array of finite float64",
    lambda v, s: (
        isinstance(v, np.ndarray) and v.dtype == float and bool(np.isfinite(v).all())
    ),
)


class LearnedData(ABC):
    """What estimators of a kind learn from X and y, beside the network.

    Attributes
    ----------
    kinds : dict of str to Kind
        Values of the state.
    attributes : set of str
        Attributes of the estimator that the state describes.
    """

    kinds: Mapping[str, Kind]
    attributes: set[str]

    @abstractmethod
    def to_state(self, rnn: Any) -> dict[str, Any]:
        """Return the state as plain values."""

    @abstractmethod
    def restore(self, rnn: Any, values: dict[str, Any]) -> None:
        """Set the attributes from values that are `kinds`, or raise ValueError."""

    @abstractmethod
    def make_step(self, rnn: Any) -> RaggedArray:
        """Return a sequence of one step, as the network reads it."""

    @abstractmethod
    def count_outputs(self, rnn: Any) -> int:
        """Return the least number of outputs, each with a weight of its own."""

    def make_example(self, rnn: Any, weights: Mapping[str, Any]) -> TrainingData:
        """Return data that a network of the same layers is built for.

        Raises
        ------
        ValueError
            If the network would have far more parts than `weights`: a file of some
            bytes may ask for a million layers or features.
        """
        X = self.make_step(rnn)
        n_numbers = sum(weight.size for weight in weights.values())
        n_outputs = self.count_outputs(rnn)
        too_many = X.n_features > n_numbers + _MOST_FEATURES or n_outputs > n_numbers
        if rnn.num_layers > len(weights) or too_many:
            raise ValueError(
                f"{type(rnn).__name__} with num_layers={rnn.num_layers}, "
                f"{X.n_features} features and {n_outputs} outputs has more weights "
                f"than these {len(weights)}."
            )
        return TrainingData(X, None, np.ones(1))


class StepsAndTargets(LearnedData):
    """Numbers, token ids or categories as X, and targets."""

    kinds = {
        "n_features_in_": COUNT,
        "feature_names_in_": may_lack(FEATURE_NAMES),
        "reads_table": BOOL,
        "reads_tokens": BOOL,
        "characters": optional(_CHARACTERS),
        "categories": ANYTHING,  # read by their owners
        "vocabulary": ANYTHING,
        "targets": ANYTHING,
        "random_kernels": may_lack(optional(COUNT)),
        "ngrams": may_lack(optional(_LENGTH)),
    }
    attributes = {
        *("n_features_in_", "feature_names_in_", "n_outputs_", "classes_"),
        *("_reads_table", "_reads_tokens", "_category_encoder", "_vocabulary"),
        *("_characters", "_targets", "conv_channels_", "random_kernels_", "ngrams_"),
    }

    def to_state(self, rnn: Any) -> dict[str, Any]:
        targets, vocabulary, characters = rnn._targets, rnn._vocabulary, rnn._characters
        return {
            **_get_layout(rnn),
            "reads_tokens": rnn._reads_tokens,
            "characters": characters and [characters.start, characters.stop],
            "categories": rnn._category_encoder.to_state(),
            "vocabulary": None if vocabulary is None else vocabulary.to_state(),
            "targets": {"kind": type(targets).__name__, "state": targets.to_state()},
            **_get_count(rnn, "random_kernels"),
            **_get_count(rnn, "ngrams"),
        }

    def restore(self, rnn: Any, values: dict[str, Any]) -> None:
        _restore_layout(rnn, values)
        rnn._reads_tokens = values["reads_tokens"]
        rnn._category_encoder = CategoryEncoder.from_state(
            values["categories"], rnn.categorical_features, type(rnn).__name__
        )
        rnn._characters = values["characters"] and range(*values["characters"])
        rnn._vocabulary = None
        if values["vocabulary"] is not None:
            state = values["vocabulary"]
            rnn._vocabulary = Vocabulary.from_state(state, rnn._characters)
        suggested = suggest_conv_channels(embeds=rnn._vocabulary is not None)
        rnn.conv_channels_ = resolve(rnn, "conv_channels", suggested)
        if hasattr(rnn, "random_kernels"):  # a file may be older than the parameter
            rnn.random_kernels_ = values.get("random_kernels")
        if hasattr(rnn, "ngrams"):
            rnn.ngrams_ = values.get("ngrams")
        rnn._targets = _targets_from_state(rnn, values["targets"])
        vars(rnn).update(rnn._targets.attributes())

    def make_step(self, rnn: Any) -> RaggedArray:
        return _make_step(1 if rnn._reads_table else rnn.n_features_in_)

    def count_outputs(self, rnn: Any) -> int:
        return rnn._targets.n_columns

    def make_example(self, rnn: Any, weights: Mapping[str, Any]) -> TrainingData:
        example = super().make_example(rnn, weights)
        _check_vocabulary(rnn, example.X.n_features)
        return example


def _get_count(rnn: Any, name: str) -> dict[str, Any]:
    """Return the count that `fit` chose for a parameter, of estimators that have it."""
    if not hasattr(rnn, f"{name}_"):
        return {}
    count = getattr(rnn, f"{name}_")
    return {name: None if count is None else int(count)}


def _targets_from_state(rnn: Any, state: Any) -> Any:
    name = type(rnn).__name__
    kinds = {kind.__name__: kind for kind in rnn._kinds_of_targets}
    kind, learned = read_state(
        state, f"the targets of {name}", {"kind": TEXT, "state": ANYTHING}
    )
    if kind not in kinds:
        raise ValueError(f"the targets of {name} are {kind!r}, not among {set(kinds)}.")
    return kinds[kind].from_state(learned, name, rnn.get_params(deep=False))


def _check_vocabulary(rnn: Any, n_features: int) -> None:
    expected = list(range(n_features)) if rnn._reads_tokens else []
    if not rnn._reads_tokens:
        expected = rnn._category_encoder.find_columns(n_features)
    columns = [] if rnn._vocabulary is None else rnn._vocabulary.columns
    if columns != expected:
        raise ValueError(
            f"{type(rnn).__name__} must have a vocabulary of the columns {expected}. "
            f"Got {columns} instead."
        )


class Tokens(LearnedData):
    """Texts, token ids or notes as X, perhaps of classes."""

    kinds = {
        "n_features_in_": may_lack(COUNT),  # not of texts
        "feature_names_in_": may_lack(FEATURE_NAMES),
        "reads_table": may_lack(BOOL),
        "reads_texts": BOOL,
        "reads_notes": BOOL,
        "classes": optional(CLASSES),
        "codec": ANYTHING,
    }
    attributes = {
        *("n_features_in_", "feature_names_in_", "_reads_table", "_reads_texts"),
        *("_reads_notes", "_has_classes", "classes_", "_codec", "tokens_"),
    }

    def to_state(self, rnn: Any) -> dict[str, Any]:
        return {
            **_get_layout(rnn),
            "reads_texts": rnn._reads_texts,
            "reads_notes": rnn._reads_notes,
            "classes": rnn.classes_,
            "codec": _codec_to_state(rnn._codec),
        }

    def restore(self, rnn: Any, values: dict[str, Any]) -> None:
        _restore_layout(rnn, values, has_layout=not values["reads_texts"])
        rnn._reads_texts = values["reads_texts"]
        rnn._reads_notes = values["reads_notes"]
        rnn.classes_ = values["classes"]
        rnn._has_classes = rnn.classes_ is not None
        if rnn._has_classes:
            check_classes(rnn.classes_, type(rnn).__name__, at_least=1)
        expected = rnn._make_codec()
        rnn._codec = _restore_codec(expected, values["codec"], type(rnn).__name__)
        rnn.tokens_ = None if rnn._codec is None else rnn._codec.tokens

    def make_step(self, rnn: Any) -> RaggedArray:
        return _make_step(rnn.n_features_in_ if rnn._reads_notes else 1)

    def count_outputs(self, rnn: Any) -> int:
        n_classes = len(rnn.classes_) if rnn._has_classes else 0
        return n_classes + (len(rnn.tokens_) if rnn._codec else rnn.n_features_in_)


class TokensAndTokens(LearnedData):
    """Texts, token ids or numbers as X, and texts or tokens as y."""

    kinds = {
        "n_features_in_": may_lack(COUNT),  # not of texts
        "feature_names_in_": may_lack(FEATURE_NAMES),
        "reads_table": may_lack(BOOL),
        "reads_texts": BOOL,
        "reads_ids": BOOL,
        "writes_texts": BOOL,
        "max_length": _LENGTH,
        "codec": ANYTHING,
        "target_codec": ANYTHING,
    }
    attributes = {
        *("n_features_in_", "feature_names_in_", "_reads_table", "_reads_texts"),
        *("_reads_ids", "_writes_texts", "max_length_", "_codec", "_target_codec"),
        *("tokens_", "target_tokens_"),
    }

    def to_state(self, rnn: Any) -> dict[str, Any]:
        return {
            **_get_layout(rnn),
            "reads_texts": rnn._reads_texts,
            "reads_ids": rnn._reads_ids,
            "writes_texts": rnn._writes_texts,
            "max_length": rnn.max_length_,
            "codec": _codec_to_state(rnn._codec),
            "target_codec": _codec_to_state(rnn._target_codec),
        }

    def restore(self, rnn: Any, values: dict[str, Any]) -> None:
        _restore_layout(rnn, values, has_layout=not values["reads_texts"])
        rnn._reads_texts, rnn._reads_ids = values["reads_texts"], values["reads_ids"]
        rnn._writes_texts = values["writes_texts"]
        rnn.max_length_ = values["max_length"]
        for place, expected in zip(
            ("codec", "target_codec"), rnn._make_codecs(), strict=True
        ):
            codec = _restore_codec(expected, values[place], type(rnn).__name__)
            setattr(rnn, f"_{place}", codec)
        rnn.tokens_ = None if rnn._codec is None else rnn._codec.tokens
        rnn.target_tokens_ = rnn._target_codec.tokens

    def make_step(self, rnn: Any) -> RaggedArray:
        return _make_step(1 if rnn._codec else rnn.n_features_in_)

    def count_outputs(self, rnn: Any) -> int:
        return len(rnn.target_tokens_)


class WindowsOfSeries(LearnedData):
    """Series as X, of which windows are scaled and forecast by a linear part, too."""

    kinds = {
        "n_features_in_": COUNT,
        "feature_names_in_": may_lack(FEATURE_NAMES),
        "reads_table": BOOL,
        "context": _LENGTH,
        "segment_length": _LENGTH,
        **dict.fromkeys(("target_moments", "covariate_moments"), _FINITE),
        **dict.fromkeys(("coef", "intercept", "spread", "step_moments"), _FINITE),
        "network_share": may_lack(NUMBER),  # files of earlier versions
        "errors": optional(_FINITE),
    }
    attributes = {
        *("n_features_in_", "feature_names_in_", "_reads_table", "_levels", "_middle"),
        *("_columns", "context_", "segment_length_", "_shape", "_encoder", "_linear"),
        *("coef_", "intercept_", "network_share_", "_calibration", "target_features_"),
    }

    def to_state(self, rnn: Any) -> dict[str, Any]:
        calibration = getattr(rnn, "_calibration", None)
        return {
            **_get_layout(rnn),
            "context": rnn.context_,
            "segment_length": rnn.segment_length_,
            "target_moments": rnn._encoder.target_moments,
            "covariate_moments": rnn._encoder.covariate_moments,
            "coef": rnn._linear.coef,
            "intercept": rnn._linear.intercept,
            "spread": rnn._linear.spread,
            "step_moments": rnn._linear.moments,
            "network_share": rnn.network_share_,
            "errors": None if calibration is None else calibration.scores,
        }

    def restore(self, rnn: Any, values: dict[str, Any]) -> None:
        _restore_layout(rnn, values)
        rnn._set_columns()
        rnn.context_ = values["context"]
        rnn.segment_length_ = values["segment_length"]
        self._check_shapes(rnn, values)
        rnn._shape = Shape(rnn.context_, int(rnn.horizon))
        rnn._encoder = WindowEncoder(rnn.scaling, rnn.segment_length_)
        rnn._encoder.target_moments = values["target_moments"]
        rnn._encoder.covariate_moments = values["covariate_moments"]
        names = ("coef", "intercept", "spread", "step_moments")
        rnn._linear = LinearForecast(*(values[name] for name in names))
        rnn.coef_, rnn.intercept_ = rnn._linear.coef, rnn._linear.intercept
        rnn.network_share_ = values.get("network_share", 1.0)
        if values["errors"] is not None:
            rnn._calibration = Calibration(values["errors"])

    def _check_shapes(self, rnn: Any, values: dict[str, Any]) -> None:
        """Raise ValueError if arrays do not fit each other and the parameters."""
        columns, horizon, context = rnn._columns, rnn.horizon, rnn.context_
        n_covariates, n_known = len(columns.covariates), len(columns.known)
        n_errors = 0 if values["errors"] is None else len(values["errors"])
        expected: dict[str, tuple[int, ...]] = {
            "target_moments": (len(columns.targets), 2),
            "covariate_moments": (2, n_covariates),
            "coef": (horizon, context + n_covariates + n_known * horizon),
            "intercept": (horizon,),
            "spread": (horizon,),
            "step_moments": (2, context),
            "errors": (n_errors, horizon),
        }
        for name, shape in expected.items():
            value = values[name]
            if value is not None and value.shape != shape:
                raise ValueError(
                    f"{name!r} of {type(rnn).__name__} must have the shape {shape}. "
                    f"Got {value.shape} instead."
                )
        if rnn.segment_length_ > context or n_errors != _count_errors(rnn, n_errors):
            raise ValueError(
                f"the segments, or the errors, of {type(rnn).__name__} do not fit its "
                "parameters."
            )

    def make_step(self, rnn: Any) -> RaggedArray:
        return _make_step(1)  # the network reads segments of the windows

    def count_outputs(self, rnn: Any) -> int:
        return rnn.horizon


def _count_errors(rnn: Any, n_errors: int) -> int:
    """Return how many errors there may be: some if and only if origins are held out."""
    return max(n_errors, 1) if rnn.calibration_origins > 0 else 0


def _codec_to_state(codec: Any) -> Any:
    if codec is None:
        return None
    return {"kind": type(codec).__name__, "state": codec.to_state()}


def _restore_codec(expected: Any, state: Any, owner: str) -> Any:
    """Give a new codec, or None, what was learned."""
    if expected is None and state is None:
        return None
    kind, learned = read_state(
        state, f"the codec of {owner}", {"kind": TEXT, "state": ANYTHING}
    )
    if expected is None or kind != type(expected).__name__:
        raise ValueError(f"{owner} must have no codec {kind!r}.")
    return expected.restore(learned)


def _make_step(n_features: int) -> RaggedArray:
    return RaggedArray(np.zeros((1, n_features), np.float32), np.array([0, 1]))


def _get_layout(rnn: Any) -> dict[str, Any]:
    """Return what validation has learned about X; nothing of texts."""
    names = {
        "n_features_in_": "n_features_in_",
        "feature_names_in_": "feature_names_in_",
        "reads_table": "_reads_table",
    }
    return {k: vars(rnn)[name] for k, name in names.items() if name in vars(rnn)}


def _restore_layout(
    rnn: Any, values: dict[str, Any], *, has_layout: bool = True
) -> None:
    found = {"n_features_in_", "reads_table"} & values.keys()
    if len(found) != 2 * has_layout or ("feature_names_in_" in values and not found):
        raise ValueError(
            f"{type(rnn).__name__} must have n_features_in_ and reads_table, or of "
            "texts neither."
        )
    for key, name in (
        ("n_features_in_", "n_features_in_"),
        ("feature_names_in_", "feature_names_in_"),
        ("reads_table", "_reads_table"),
    ):
        if key in values:
            setattr(rnn, name, values[key])
